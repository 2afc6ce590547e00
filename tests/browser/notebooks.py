"""The notebooks that the tests run: a trained model on real data, and a function under control."""

from landscape_widget.explorer.explorer import UPDATE_INTERVAL

FEW_PICTURES = """
import landscape_widget.explorer.explorer
landscape_widget.explorer.explorer.UPDATE_INTERVAL = 2.0
"""
"""For explorers that are made from then on: of the pictures on the way to a result the page gets few.

They take most of its time, and few tests look at them.
"""

STILLS = """
from landscape_widget.explorer.latest import LatestResults
LatestResults._stills = {}
"""
"""Whether later pictures are held, see below."""

FEW_STILLS = """
from landscape_widget.explorer.latest import LatestResults
LatestResults._own_still_key, LatestResults._stills = LatestResults._still_key, False
LatestResults._still_key = lambda explorer: explorer._own_still_key() if explorer._stills else None
"""
"""Outputs of cells hold the still pictures that they begin with, and later ones only while `_stills` is set.

To draw one after each result takes a quarter of the kernel's time, and few tests look at them.
"""

AS_MANY_PICTURES_AS_IN_USE = f"explorer._publisher._throttle._interval = {UPDATE_INTERVAL}\n"
"""For the explorer on show, whose page then gets what there is on the way to a result."""

DIGITS = """
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from landscape_widget import LandscapeExplorer

torch.manual_seed(0)
digits = load_digits()
inputs = torch.tensor(digits.data[:400] / 16, dtype=torch.float32)
targets = torch.tensor(digits.target[:400])
loader = DataLoader(TensorDataset(inputs, targets), batch_size=64, shuffle=True)
model = torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.Tanh(), torch.nn.Linear(8, 10))
loss_fn = torch.nn.functional.cross_entropy
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(10):
    for x, y in loader:
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
explorer = LandscapeExplorer(model, loader, loss_fn)
explorer.resolution = 21
"""
"""A dense network of 610 parameters, trained on scikit-learn's digits."""

BOWL = """
import threading
import torch
from landscape_widget import LandscapeExplorer, Objective

curvatures = torch.tensor([4.0, 2.0, 1.0, 0.5, -0.5, -1.0], dtype=torch.float64)
fast = threading.Event()
fast.set()
broken = False
calls = 0
width = 1.0

def bowl(theta):
    global calls
    calls += 1
    if broken:
        raise RuntimeError("the loss broke on purpose")
    fast.wait(0.5)
    return (curvatures * theta**2).sum() / 2 + 3

explorer = LandscapeExplorer(Objective.from_function(bowl, torch.zeros(6, dtype=torch.float64)))
explorer.resolution = 21
"""
"""A quadratic function that can be made slow (`fast.clear()`), made to fail, and counts its calls."""

BATCH_NORM = DIGITS.replace("torch.nn.Tanh()", "torch.nn.BatchNorm1d(8), torch.nn.Tanh()").replace(
    "(model, loader, loss_fn)", "(model.eval(), loader, loss_fn)"
)
"""The same with a batch-norm layer."""

EVERYTHING = BATCH_NORM.replace("loss_fn)\n", "loss_fn, test_loader=(inputs[:50], targets[:50]))\n")
"""The same with data held out: an explorer with every control that there is."""

SHOW = "explorer"

QUARTIC = """
import threading
import numpy as np
import torch
from landscape_widget import LandscapeExplorer, Objective

curvatures = torch.tensor([4.0, 2.0, 1.0, 0.5, -0.5, -1.0], dtype=torch.float64)
fast = threading.Event()
fast.set()
calls = 0

def quartic(theta):
    global calls
    calls += 1
    fast.wait(0.5)
    return 3 + 0.2 * theta.sum() + (curvatures * theta**2).sum() / 2 + 0.3 * (theta**4).sum()

explorer = LandscapeExplorer(Objective.from_function(quartic, torch.zeros(6, dtype=torch.float64)))
explorer.resolution = 21
explorer.domain = (-1, 1, -1, 1)
"""
"""A slope, a saddle and a quartic wall: a function that its quadratic model describes near θ* only."""

SETTLING = """
import threading
import torch
import landscape_widget.explorer.explorer
from landscape_widget import LandscapeExplorer, Objective

module = landscape_widget.explorer.explorer
interval, module.UPDATE_INTERVAL = module.UPDATE_INTERVAL, 0.0
curvatures = torch.linspace(-1, 3, 100, dtype=torch.float64)
calls = 0
halts = {20: threading.Event(), 26: threading.Event()}

class Halting(Objective):
    def hvp(self, v, theta=None):
        global calls
        calls += 1
        if calls in halts:
            halts[calls].wait(60)
        return super().hvp(v, theta)

def function(theta):
    return (curvatures * theta**2).sum() / 2

explorer = LandscapeExplorer(Halting.from_function(function, torch.zeros(100, dtype=torch.float64)))
module.UPDATE_INTERVAL = interval
explorer.face = "spectrum"
explorer.resolution = 5
"""
"""A function of many eigenvalues whose products stop twice while they settle, until an event is set."""

POINTS = f"""{DIGITS}
def accuracy(output, target):
    return (output.argmax(1) == target).double().mean()

train = inputs, targets
test = torch.tensor(digits.data[400:700] / 16, dtype=torch.float32), torch.tensor(digits.target[400:700])
explorer = LandscapeExplorer(
    model, loader, loss_fn, test_loader=DataLoader(TensorDataset(*test), batch_size=64),
    metrics={{"accuracy": accuracy}}, resolution=11, domain=(-1, 1, -1, 1),
)

def scores(state, data):
    twin = torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.Tanh(), torch.nn.Linear(8, 10))
    twin.load_state_dict(state)
    with torch.no_grad():
        output = twin(data[0])
    return loss_fn(output, data[1]).item(), accuracy(output, data[1]).item()
"""
"""The digits with data held out and a metric; `scores` evaluates weights with plain torch."""

PATHS = (
    DIGITS.split("optimizer =", maxsplit=1)[0]
    + """
from landscape_widget import TrajectoryRecorder

def train(model, steps, recorder=None):
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 40, 0.1)
    if recorder is not None:
        recorder.attach(optimizer)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_fn(model(inputs), targets).backward()
        optimizer.step()
        schedule.step()

def network(seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.Tanh(), torch.nn.Linear(8, 10))

model, other = network(0), network(1)
recorder = TrajectoryRecorder(model, every=5)
train(model, 60, recorder)
recorder.close()
train(other, 60)
explorer = LandscapeExplorer(
    model, loader, loss_fn, trajectory=recorder, solutions={"other seed": other},
    axes=("trajectory:1", "trajectory:2"), resolution=21,
)
"""
)
"""A run on the digits with its checkpoints, and another solution; `train` goes on with a model."""
