"""Every notebook runs from top to bottom in a fresh process, and its numbers are right.

The quickstart runs in a kernel: tests/browser/test_quickstart.py.

What a notebook found is held against products of double backward on its own model, in float64, against closed
forms, and, where weights come from a file, against figures that scipy's eigensolver gave for such products.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn

from ..support.scripts import LOADED, SHORT_DENSITIES, Scripts

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"

#: What the tests take from a notebook's last state: a name for each expression.
Wanted = dict[str, str]

Run = Callable[..., dict[str, Any]]


_IMPORTS = """
import IPython.core.interactiveshell, plotly.subplots, sklearn.datasets, torch._dynamo
"""

#: Cells as a kernel runs them, one after the other, up to the first that fails, and what they show.
_CELLS = """
import json, os, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

order = json.loads({order!r})
os.chdir(order["folder"])
sys.path.insert(0, order["folder"])
os.environ["SERVER_SOFTWARE"] = order["server"]
shell, kinds = InteractiveShell.instance(), set()
for source in order["cells"]:
    with shell.display_trap, capture_output() as shown:  # the other way round it would keep what cells end in
        result = shell.run_cell(source)
    kinds.update(kind for output in shown.outputs for kind in output._repr_mimebundle_()[0])
    if not result.success:
        sys.exit(shown.stdout)
json.dump(sorted(kinds), open(order["kinds"], "w"))
"""


def forked(new_process: Scripts) -> Callable[[list[str], Path], set[str]]:
    """Runs cells as a kernel does, without its start, and returns the kinds of what they show."""

    def run(cells: list[str], folder: Path) -> set[str]:
        kinds = folder / "kinds.json"
        order = {"folder": str(NOTEBOOKS), "server": "tests", "cells": cells, "kinds": str(kinds)}
        code, out, err = new_process.run(_CELLS.format(order=json.dumps(order)), 600)
        assert code == 0, out + err
        return set(json.loads(kinds.read_text()))

    return run


def run_notebook(
    name: str,
    wanted: Wanted,
    smaller: dict[str, str],
    folder: Path,
    execute: Callable[[list[str], Path], set[str]],
) -> dict[str, Any]:
    """Runs a notebook and returns the values of some expressions after its last cell.

    What only takes time may be ``smaller``: the text of a notebook, and what stands in its place.
    """
    text = (NOTEBOOKS / f"{name}.ipynb").read_text("utf-8")
    for large, small in smaller.items():
        assert large in text, f"expected {large} in {name}"
        text = text.replace(large, small)
    cells = [cell.source for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    path = folder / "kept.pt"
    kept = ", ".join(f"{key!r}: {expression}" for key, expression in wanted.items())
    shown = execute([*cells, f"torch.save({{{kept}}}, {str(path)!r})"], folder)
    assert WIDGET in shown, "expected it to show an explorer"
    values: dict[str, Any] = torch.load(path, weights_only=False)
    return values


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))  # classes of models that are written there
    # as a server of pages has it: no cell waits for pictures that no test looks at
    monkeypatch.setenv("SERVER_SOFTWARE", "tests")


@pytest.fixture(scope="module")
def new_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    """They begin with what notebooks import, and what a first step of an optimizer does."""
    folder = tmp_path_factory.mktemp("scripts")
    scripts = Scripts(SHORT_DENSITIES + _IMPORTS + LOADED, folder)
    yield scripts
    scripts.close()


@pytest.fixture
def run(tmp_path: Path, at_home: None, new_process: Scripts) -> Run:
    def run_(name: str, wanted: Wanted, smaller: dict[str, str]) -> dict[str, Any]:
        return run_notebook(name, wanted, smaller, tmp_path, forked(new_process))

    return run_


def products(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[Any], np.ndarray]:
    """Hv by double backward, of ``loss`` with respect to all of the model's parameters."""
    parameters = list(model.parameters())
    slopes = torch.autograd.grad(loss(), parameters, create_graph=True)
    slope = torch.cat([part.reshape(-1) for part in slopes])

    def product(v: Any) -> np.ndarray:
        rows = torch.autograd.grad(slope, parameters, torch.as_tensor(np.ravel(v)), retain_graph=True)
        return torch.cat([row.reshape(-1) for row in rows]).numpy()

    return product


def ends(product: Callable[[Any], np.ndarray], n: int) -> np.ndarray:
    """The largest and the smallest eigenvalue, from scipy's eigensolver (Arpack)."""
    operator = LinearOperator((n, n), product, dtype=np.float64)
    values = eigsh(operator, 2, which="BE", tol=1e-8, return_eigenvectors=False)
    return np.sort(values)[::-1]


#: What ``check_quickstart`` looks at.
QUICKSTART: Wanted = {
    "model": "model",
    "train": "(x_train, y_train)",
    "test": "(x_test, y_test)",
    "accuracy": "accuracy",
    "pairs": "explorer.eigenpairs",
    "verdict": "explorer.results.verdict.kind",
    "kappa": "(explorer.projections.kappa_minus, explorer.projections.kappa_plus)",
    "plane": "explorer.plane",
    "surfaces": "dict(explorer.surfaces)",
}


def check_quickstart(found: dict[str, Any]) -> None:
    """Of the quickstart as it runs in JupyterLab: tests/browser/test_quickstart.py."""
    model, pairs = found["model"].double(), found["pairs"]
    (x, y), (x_test, y_test) = (
        (images.double(), labels) for images, labels in (found["train"], found["test"])
    )
    assert found["accuracy"] > 0.9
    assert found["accuracy"] == pytest.approx((model(x_test).argmax(1) == y_test).double().mean().item())

    product = products(model, lambda: nn.functional.cross_entropy(model(x), y))
    n = sum(p.numel() for p in model.parameters())
    assert n == 1946
    expected = ends(product, n)
    assert pairs.converged.all()
    # a certified value lies within its residual of an eigenvalue; 1e-3 of itself is the package's tolerance
    np.testing.assert_allclose(pairs.values, expected, rtol=1e-3)
    assert pairs.values[0] > 0 > pairs.values[1]
    assert found["verdict"] == "saddle"

    # κ₋ + κ₊ of a random plane has mean 2 tr(H); both sides are random
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (100, n))
    exact = np.array([row @ product(row) for row in signs])
    means = np.add(*found["kappa"]) / 2
    error = np.hypot(exact.std() / 10, means.std() / np.sqrt(len(means)))
    assert abs(means.mean() - exact.mean()) < 5 * error

    for split, (inputs, labels) in {"train": (x, y), "test": (x_test, y_test)}.items():
        surface = found["surfaces"][split]
        assert surface.final
        n = len(surface.alpha)
        for i, j in ((n // 2, n // 2), (0, 0), (n // 4, 3 * n // 4)):
            theta = torch.as_tensor(found["plane"].point(surface.alpha[j], surface.beta[i]))
            nn.utils.vector_to_parameters(theta, model.parameters())
            with torch.no_grad():
                loss = nn.functional.cross_entropy(model(inputs), labels).item()
            # the picture is in float32; what is not evaluated is interpolated
            off = 0.0 if surface.done[i, j] else 2 * surface.provenance["accuracy"] * np.ptp(surface.loss)
            assert surface.loss[i, j] == pytest.approx(loss, rel=1e-4, abs=off)


def test_paper_examples(run: Run) -> None:
    found = run(
        "02_paper_examples",
        {
            "values": "explorer.eigenpairs.values",
            "verdict": "explorer.results.verdict.kind",
            "hidden": "explorer.blindness.measured",
            "spectral": "explorer.blindness.spectral.probability",
            "traces": "{name: hessian_trace(f, 'exact').value for name, f in cases.items()}",
            "surface": "explorer.surface",
        },
        smaller={"10_000": "2_000", "probes=20": "probes=8", "10, 20, 40, 80, 160, 320": "10, 40"},
    )
    # 1000 eigenvalues of 1, 800 of −1, and one of 0
    np.testing.assert_allclose(found["values"], [1, -1], atol=1e-9)
    assert found["verdict"] == "saddle"
    assert found["hidden"].low < 0.9973 < found["hidden"].high
    assert found["spectral"] == pytest.approx(0.9973, abs=2e-2)  # few probes
    assert list(found["traces"].values()) == pytest.approx([0, 600, 200], abs=1e-9)
    surface = found["surface"]
    expected = (surface.alpha**2 - surface.beta[:, None] ** 2) / 2
    np.testing.assert_allclose(surface.loss, expected, rtol=1e-9, atol=1e-12)


#: λmax and λmin of the networks in notebooks/weights, by scipy's eigsh on double backward in float64.
FUNCTION_APPROXIMATION = {
    "fcnn1-early": (19.91829917, -0.06266929),
    "fcnn1": (20.0691241, -0.00949848),
    "fcnn2-early": (20.66670496, -0.01998752),
    "fcnn2": (20.35592816, -0.00029091),
}


def test_function_approximation(run: Run) -> None:
    found = run(
        "03_function_approximation",
        {
            "pairs": "{name: found.values for name, found in pairs.items()}",
            "losses": "{name: (train[name].loss().item(), test[name].loss().item()) for name in names}",
            "models": "models",
            "data": "(points(50), points(1000))",
            "values": "explorer.eigenpairs.values",
            "verdict": "explorer.results.verdict.kind",
        },
        smaller={"1, 1, 21)": "1, 1, 5)", "0.01, 0.01, 21)": "0.01, 0.01, 5)"},
    )
    for name, expected in FUNCTION_APPROXIMATION.items():
        np.testing.assert_allclose(found["pairs"][name], expected, rtol=1e-3, err_msg=name)
        model = found["models"][name].double()
        with torch.no_grad():
            losses = [nn.functional.mse_loss(model(x.double()), y.double()).item() for x, y in found["data"]]
        np.testing.assert_allclose(found["losses"][name], losses, rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(found["values"], FUNCTION_APPROXIMATION["fcnn1-early"], rtol=1e-3)
    assert found["verdict"] == "saddle"


ONE_BLOCK = "for i, part in enumerate(resnet56(shortcuts)) if i in (0, 1, 2, 3, 12, 21) or i > 29"


def test_resnet56(run: Run) -> None:
    found = run(
        "04_resnet56",
        {
            "models": "models",
            "data": "(images[train][:1], labels[train][:1])",
            "pairs": "pairs",
            "losses": "{name: objective.loss().item() for name, objective in objectives.items()}",
        },
        smaller={
            "digits.data / 16": "digits.data[:200] / 16",
            "digits.target": "digits.target[:200]",
            "epochs=12": "epochs=1",
            "1347)": "128)",
            "split(449)": "split(64)",
            "[:64]": "[:1]",
            "resolution=11": "resolution=3",
            # one block of each stage for nine
            "model = resnet56(shortcuts)": f"model = nn.Sequential(*(part {ONE_BLOCK}))",
            'models[\\"with shortcuts\\"].parameters()': "resnet56(True).parameters()",
            'models[\\"without shortcuts\\"].parameters()': "resnet56(False).parameters()",
        },
    )
    x, y = found["data"][0].double(), found["data"][1]
    for name, pairs in found["pairs"].items():
        model = found["models"][name].double()
        loss = nn.functional.cross_entropy(model(x), y)
        assert found["losses"][name] == pytest.approx(loss.item(), rel=1e-5)  # the loss is that in float32
        product = products(model, lambda model=model: nn.functional.cross_entropy(model(x), y))
        assert pairs.values[0] > 0 > pairs.values[1], name
        for value, residual, v in zip(pairs.values, pairs.residuals, pairs.vectors.T, strict=True):
            assert np.linalg.norm(v) == pytest.approx(1, abs=1e-9)
            off = np.linalg.norm(product(v) - value * v)
            assert off == pytest.approx(residual, rel=0.05, abs=1e-8), name
            assert off < 1e-3 * abs(value), name


def test_training_evolution(run: Run) -> None:
    found = run(
        "05_training_evolution",
        {
            "network's": "evolved",
            "states": "[descent[i] for i in (0, -1)]",
            "network": "model",
            "data": "points(50)",
            "curves": "curves",
            "networks": "networks",
            "digits": "(images, labels)",
            "values": "explorer.eigenpairs.values",
        },
        smaller={
            "network(10)": "network(2)",
            "8000, [0, 100, 1000, 1400, 1600, 2800, 4000, 5600, 8000]": "2000, [0, 1000, 1500, 2000]",
            "domain, 19)": "domain, 5)",
            "resolution=31": "resolution=11, samples=20",
            # those that assertions are about, and the first
            "range(0, epochs + 1, epochs // 8)": "[0, *range(5 * epochs // 8, epochs + 1, epochs // 8)]",
        },
    )
    evolved, (x, y) = found["network's"], (part.double() for part in found["data"])
    model = found["network"].double()
    for row, state in zip((0, -1), found["states"], strict=True):
        model.load_state_dict(state)
        product = products(model, lambda: nn.functional.mse_loss(model(x), y))
        expected = ends(product, sum(p.numel() for p in model.parameters()))
        np.testing.assert_allclose(evolved.values[row], expected, rtol=1e-3)
    # the edge of stability: 2/η for the rates of all three runs
    assert evolved.largest[-3:] == pytest.approx([20] * 3, rel=0.2)  # it oscillates about it
    images, labels = (part.double() for part in found["digits"])
    for rate, curve in found["curves"].items():
        model = found["networks"][rate].double()
        product = products(model, lambda model=model: nn.functional.mse_loss(model(images), labels))
        expected = ends(product, sum(p.numel() for p in model.parameters()))
        np.testing.assert_allclose(curve.values[-1], expected, rtol=1e-3)
        assert expected[0] * rate / 2 == pytest.approx(1, abs=0.15)
    np.testing.assert_allclose(found["values"], found["curves"][0.5].values[-1], rtol=2e-3)


def test_paths_between_minima(run: Run) -> None:
    found = run(
        "06_paths_between_minima",
        {
            "models": "{'small': small, 'large': large}",
            "copy": "copy",
            "data": "train",
            "loss_fn": "loss_fn",
            "line": "line",
            "straight": "straight",
            "curve": "curve",
            "values": "explorer.eigenpairs.values",
        },
        smaller={
            "fit(20, 20,": "fit(20, 10,",
            "steps=300": "steps=200",
            "resolution=31": "resolution=11, samples=20",
        },
    )
    (x, y), loss_fn = found["data"], found["loss_fn"]
    states = {name: model.state_dict() for name, model in found["models"].items()} | {"copy": found["copy"]}
    model = found["models"]["small"]

    def loss(state: dict[str, Tensor]) -> float:
        model.load_state_dict(state)
        with torch.no_grad():
            return loss_fn(model(x), y).item()

    states = {name: {key: t.clone() for key, t in state.items()} for name, state in states.items()}
    for way, end in (("line", "large"), ("straight", "copy")):
        for t, value in zip(found[way].t, found[way].loss, strict=True):
            between = {key: (1 - t) * a + t * states[end][key] for key, a in states["small"].items()}
            assert value == pytest.approx(loss(between), rel=1e-4), (way, t)  # in float32
    straight, curve = found["straight"], found["curve"]
    # the copy is the same function: equal losses at both ends, a barrier between, none along the curve
    assert straight.loss[0] == pytest.approx(straight.loss[-1], rel=1e-5)
    assert straight.barrier > 10 * straight.barrier_stderr
    assert curve.loss.max() <= 1.1 * straight.loss[0]
    model.load_state_dict(states["small"])
    double = model.double()
    product = products(double, lambda: loss_fn(double(x.double()), y))
    expected = ends(product, sum(p.numel() for p in double.parameters()))
    np.testing.assert_allclose(found["values"], expected, rtol=1e-3)


def test_every_notebook_has_a_test() -> None:
    tested = {name.removeprefix("test_").removeprefix("check_") for name in globals()}
    assert {path.stem[3:] for path in NOTEBOOKS.glob("*.ipynb")} <= tested
