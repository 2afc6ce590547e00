"""From the first computation to the end: observers that call back, closing, and what is freed then."""

from __future__ import annotations

import gc
import logging
import os
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import Any

import comm
import pytest
import torch
from comm.base_comm import BaseComm
from ipywidgets.widgets import widget as registry
from torch import Tensor, nn

from landscape_widget import LandscapeExplorer, Objective
from landscape_widget.explorer.worker import others_wait

from ..support.gates import HUNG, Gate, finish, finish_pin, gated_saddle, settle
from ..support.logs import Log
from ..support.page import received
from ..support.scripts import Scripts

Make = Callable[..., LandscapeExplorer]


@pytest.fixture(autouse=True)
def _few_vectors_for_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landscape_widget.study.budget.TRACE_SAMPLES", 8)


def hears(f: Callable[[], Any], seconds: float = HUNG) -> Any:
    """What ``f`` returns or raises, on a thread that may hang without hanging the test."""
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(f())
        except BaseException as error:
            found.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return found[0]


def ended(explorer: LandscapeExplorer) -> None:
    thread = explorer._worker._thread
    if thread is not None:
        thread.join(HUNG)
        assert not thread.is_alive()


# --- calls from inside


#: When an observer calls: traits are set on the thread of ``compute`` first and on the worker's afterwards.
MOMENTS = {
    "status, computing": ("status", lambda new: new == "computing"),
    "status, done": ("status", lambda new: new == "done"),
    "progress": ("progress", bool),
    "error": ("error", bool),
    "a picture": ("_surface", bool),
    "eigenpairs": ("_eigenpairs", bool),
}
#: The same when a control changes, on the thread that sets it.
CONTROL = {"resolution": ("resolution", bool)}


def calling(explorer: LandscapeExplorer, moment: str, call: Callable[[], Any]) -> list[Any]:
    """Has an observer call once; what that returned or raised is told in the list."""
    told: list[Any] = []
    name, due = {**MOMENTS, **CONTROL}[moment]

    def observer(change: Any) -> None:
        if due(change.new) and not told:
            told.append(None)
            try:
                told[0] = call()
            except RuntimeError as error:
                told[0] = error

    explorer.observe(observer, name)
    return told


def failing_late() -> Objective:
    gate, objective = gated_saddle()
    gate.fail(MemoryError("broken"), after=30)
    return objective


@pytest.mark.parametrize("moment", MOMENTS)
def test_compute_in_an_observer_is_refused_at_once(make_explorer: Make, moment: str) -> None:
    explorer = make_explorer(failing_late() if moment == "error" else gated_saddle()[1])
    told = calling(explorer, moment, explorer.compute)
    outcome = hears(explorer.compute)
    assert isinstance(told[0], RuntimeError)
    assert "observers" in str(told[0])
    assert "threading.Thread" in str(told[0])
    assert ("broken" in str(outcome)) if moment == "error" else outcome is explorer


@pytest.mark.parametrize("moment", MOMENTS)
def test_close_in_an_observer_works(make_explorer: Make, moment: str, caplog: Log) -> None:
    explorer = make_explorer(failing_late() if moment == "error" else gated_saddle()[1])
    told = calling(explorer, moment, explorer.close)
    outcome = hears(explorer.compute)
    assert told == [None]
    assert isinstance(outcome, RuntimeError)
    assert "closed" in str(outcome)
    ended(explorer)
    assert explorer.comm is None
    if moment != "error":
        assert not caplog.records


@pytest.mark.parametrize("call", ["compute", "close"])
def test_calls_when_the_page_moves_a_control(make_explorer: Make, call: str) -> None:
    explorer = make_explorer(gated_saddle()[1])
    hears(explorer.compute)
    told = []

    def observer(_: Any) -> None:
        try:
            told.append(getattr(explorer, call)())
        except RuntimeError as error:
            told.append(error)

    explorer.observe(observer, "resolution")
    hears(lambda: explorer.set_state({"resolution": 7}))
    if call == "close":
        assert told == [None]
        ended(explorer)
    else:
        assert "observers" in str(told[0])
        explorer.wait(HUNG)
        assert explorer.surface.loss.shape == (7, 7)


def test_compute_in_an_observer_of_a_control_that_python_set(make_explorer: Make) -> None:
    """Nothing is held there, so it may wait."""
    explorer = make_explorer(gated_saddle()[1])
    explorer.observe(lambda _: explorer.compute(), "resolution")

    def move() -> None:
        explorer.resolution = 7

    assert hears(move) is None
    assert explorer.surface.loss.shape == (7, 7)


@pytest.mark.parametrize("call", ["compute", "close"])
def test_calls_when_pins_change_on_the_workers_thread(make_explorer: Make, call: str) -> None:
    explorer = make_explorer(gated_saddle()[1])
    hears(explorer.compute)
    told, done = [], Event()

    def observer(change: Any) -> None:
        pins = change.new["pins"]
        if pins and pins[0]["train"] and not told:
            try:
                told.append(getattr(explorer, call)())
            except RuntimeError as error:
                told.append(error)
            done.set()

    explorer.observe(observer, "_pins")
    pin = explorer.pin(0.1, 0.1)
    assert done.wait(HUNG)
    finish_pin(explorer, pin)
    if call == "close":
        assert told == [None]
        ended(explorer)
        assert pin.error == ""
    else:
        assert "observers" in str(told[0])
        assert hears(explorer.compute) is explorer


def test_two_explorers_that_call_each_other_do_not_wait_for_each_other(make_explorer: Make) -> None:
    one, other = (make_explorer(gated_saddle()[1]) for _ in range(2))
    told = [calling(one, "status, done", other.compute), calling(other, "status, done", one.compute)]
    assert hears(one.compute) is one
    assert hears(other.compute) is other
    assert all("observers" in str(error) for (error,) in told)


def test_compute_inside_what_is_computed_is_refused(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    gate.then(explorer.compute, after=1)
    error = hears(explorer.compute)
    assert "observers" in str(error.__cause__)


def test_close_while_another_thread_is_in_compute(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    gate.hold(after=10)
    outcome: list[Any] = []
    waiting = Thread(target=lambda: outcome.append(hears(explorer.compute)), daemon=True)
    waiting.start()
    assert gate.reached.wait(HUNG)
    explorer.close()
    waiting.join(HUNG)  # although the loss is still at work
    assert "closed" in str(outcome[0])
    gate.go.set()
    ended(explorer)
    assert explorer.status == "cancelled"


def interrupted(call: Callable[[], Any], at: int) -> bool:
    """Interrupts ``call`` the ``at``-th time that Python looks for signals in this package, if that comes."""
    seen = 0

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal seen
        if event in ("call", "return", "c_return") and "landscape_widget" in frame.f_globals["__name__"]:
            seen += 1
            if seen == at:
                sys.setprofile(None)
                raise KeyboardInterrupt

    before = sys.getprofile()
    gc.disable()  # an interrupt in a destructor would be dropped
    sys.setprofile(profile)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(before)
        gc.enable()
    return False


def test_an_interrupt_at_any_time_leaves_an_explorer_that_computes() -> None:
    at = 0
    comes = True
    while comes:
        at += 1
        explorer = LandscapeExplorer(gated_saddle()[1])
        explorer._steps = lambda *_: iter([None])  # little to wait for
        comes = interrupted(explorer.compute, at)
        assert not others_wait()
        assert explorer._request is None or explorer._request.cancelled or explorer._request.done.is_set()
        assert hears(explorer.compute) is explorer
        explorer.close()
    assert at > 50


def test_observers_of_controls_may_load_while_a_file_is_loaded(make_explorer: Make, tmp_path: Path) -> None:
    """Then the controls, results and pins are those of the inner file, and the outer call says so."""
    explorer = make_explorer(gated_saddle()[1])
    for resolution in (7, 9):
        explorer.resolution = resolution
        hears(explorer.compute)
        explorer.save(tmp_path / f"{resolution}.npz")
    explorer.resolution = 5
    hears(explorer.compute)
    calling(explorer, "resolution", lambda: explorer.load(tmp_path / "9.npz"))
    outcome = hears(lambda: explorer.load(tmp_path / "7.npz"))
    assert "an observer" in str(outcome)
    hears(explorer.compute)
    assert explorer.resolution == 9
    assert explorer.surface.loss.shape == (9, 9)


@pytest.mark.parametrize("moved", ["recentre", "close"])
def test_observers_of_controls_may_move_the_centre_while_a_file_is_loaded(
    make_explorer: Make, tmp_path: Path, moved: str
) -> None:
    explorer = make_explorer(gated_saddle()[1], resolution=7)
    hears(explorer.compute)
    explorer.save(tmp_path / "run.npz")
    explorer.resolution = 5
    hears(explorer.compute)
    calls = {"recentre": lambda: explorer.recentre(0.1, 0.0), "close": explorer.close}
    calling(explorer, "resolution", calls[moved])
    outcome = hears(lambda: explorer.load(tmp_path / "run.npz"))
    assert "an observer" in str(outcome)
    if moved == "recentre":
        hears(explorer.compute)
        assert explorer.surface.loss.min() <= explorer.objective.loss().item()
        half = len(explorer.surface.alpha) // 2
        assert explorer.surface.loss[half, half] == pytest.approx(explorer.objective.loss().item())
        assert received(explorer, "_info")["theta_norm"] == pytest.approx(
            float(explorer.objective.theta.norm())
        )


# --- what a closed one answers


CALLS: dict[str, Callable[[LandscapeExplorer], Any]] = {
    "compute": lambda explorer: explorer.compute(),
    "objective": lambda explorer: explorer.objective,
    "save": lambda explorer: explorer.save("unused.npz"),
    "load": lambda explorer: explorer.load("unused.npz"),
    "pin": lambda explorer: explorer.pin(0, 0),
    "recentre": lambda explorer: explorer.recentre(0, 0),
    "go_back": lambda explorer: explorer.go_back(),
    "table": lambda explorer: explorer.table(),
    "parameters_at": lambda explorer: explorer.parameters_at(0, 0),
    "apply": lambda explorer: explorer.apply(0, 0),
    "restore": lambda explorer: explorer.restore(),
    "a control": lambda explorer: setattr(explorer, "resolution", 7),
    "the page": lambda explorer: explorer._on_message(explorer, {"type": "compute"}, []),
}


@pytest.mark.parametrize("computed", [True, False])
def test_a_closed_explorer_says_so(make_explorer: Make, computed: bool) -> None:
    explorer = make_explorer(gated_saddle()[1])
    if computed:
        hears(explorer.compute)
    explorer.close()
    for call in CALLS.values():
        with pytest.raises(RuntimeError, match="got a closed one"):
            call(explorer)


def test_results_of_a_closed_explorer_stay_readable(make_explorer: Make, tmp_path: Any) -> None:
    explorer = make_explorer(gated_saddle()[1])
    hears(explorer.compute)
    pin = explorer.pin(0.1, 0.1)
    finish_pin(explorer, pin)
    loss, values = explorer.surface.loss.copy(), explorer.eigenpairs.values.copy()
    explorer.close()
    assert (explorer.surface.loss == loss).all()
    assert (explorer.eigenpairs.values == values).all()
    assert explorer.pins == (pin,)
    assert explorer.figure("surface").data
    explorer.to_html(tmp_path / "page.html")
    explorer.cancel()
    explorer.close()


# --- what is freed


class Passing(nn.Module):
    """A gate that is found by its name."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.inner, self.fail, self.then = gate, gate.fail, gate.then

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class Part(nn.Module):
    def __init__(self, gate: Gate | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.gate = Passing(gate or Gate(lambda x: x))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.gate(x).tanh())


def watched(gate: Gate | None = None) -> Any:
    """An explorer with references to all that must go with it."""
    x, y = torch.randn(40, 4), torch.randint(3, (40,))
    options = {"resolution": 5, "samples": 4, "test_loader": (x, y)}
    explorer = LandscapeExplorer(Part(gate), (x, y), nn.CrossEntropyLoss(), **options)
    objective = explorer.objective
    parts = {
        "objective": objective,
        "terms": objective.terms,
        "the model's copy": objective.terms._batch_loss.model,
        "data": objective.terms.batches[0].content[0],
        "test data": explorer._study.test.terms.batches[0].content[0],
        "study": explorer._study,
    }
    return explorer, {name: weakref.ref(part) for name, part in parts.items()}


def left(references: dict[str, weakref.ref[Any]]) -> list[str]:
    gc.collect()
    return [name for name, reference in references.items() if reference() is not None]


def compute(explorer: LandscapeExplorer) -> None:
    explorer.compute()


def compute_all(explorer: LandscapeExplorer) -> None:
    explorer.samples = 2
    explorer.face, explorer.compared_axes = "trace", ("random", "random:filter")
    explorer.compute()
    explorer.recentre(0.01, 0.0)
    explorer.compute()
    finish_pin(explorer, explorer.pin(0.1, 0.1))
    explorer.table()


def fail(explorer: LandscapeExplorer) -> None:
    explorer.objective.terms.named_modules()["gate"].fail(MemoryError("broken"), after=20)
    log = logging.getLogger("landscape_widget.explorer.computing")
    log.disabled = True  # pytest would keep the error, whose traceback leads to everything
    with pytest.raises(RuntimeError, match="broken"):
        explorer.compute()
    log.disabled = False


def cancel(explorer: LandscapeExplorer) -> None:
    explorer.objective.terms.named_modules()["gate"].then(explorer._worker.cancel, after=20)
    with pytest.raises(RuntimeError, match="cancelled"):
        explorer.compute()


def show(explorer: LandscapeExplorer) -> None:
    explorer._repr_mimebundle_()
    settle(explorer)


LIVES = {
    "nothing computed": lambda _: None,
    "computed": compute,
    "everything computed": compute_all,
    "failed": fail,
    "cancelled": cancel,
    "shown": show,
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_close_lets_go_of_data_and_study_and_a_closed_explorer_is_freed(life: Callable[..., None]) -> None:
    explorer, references = watched()
    life(explorer)
    explorer.close()
    ended(explorer)
    assert left(references) == []  # although the explorer is still there
    references = {"explorer": weakref.ref(explorer), "worker": weakref.ref(explorer._worker)}
    del explorer
    assert left(references) == []


@pytest.mark.parametrize("life", [life for name, life in LIVES.items() if name != "shown"])
def test_a_dropped_explorer_is_freed_and_its_thread_ends(life: Callable[..., None]) -> None:
    explorer, references = watched()
    life(explorer)
    thread = explorer._worker._thread
    references["explorer"] = weakref.ref(explorer)
    del explorer
    assert left(references) == []
    if thread is not None:
        thread.join(HUNG)
        assert not thread.is_alive()


def test_an_explorer_that_is_dropped_while_it_computes_is_freed_at_the_end() -> None:
    gate = Gate(lambda x: x)
    explorer, references = watched(gate=gate)
    gate.hold(after=10)
    references["explorer"] = weakref.ref(explorer)
    request = explorer._submit()
    assert gate.reached.wait(HUNG)
    thread = explorer._worker._thread
    del explorer
    gate.go.set()
    finish(request)
    del request
    gc.collect()
    thread.join(HUNG)
    assert not thread.is_alive()
    assert left(references) == []


def test_a_construction_that_fails_leaves_nothing() -> None:
    x, y = torch.randn(8, 4), torch.randint(3, (8,))
    model = Part()
    reference = weakref.ref(x)
    for options in ({"resolution": 4}, {"test_loader": (x[:, :2], y)}, {"nonsense": 1}):
        with pytest.raises(Exception, match=r"odd|test_loader|nonsense"):
            LandscapeExplorer(model, (x, y), nn.CrossEntropyLoss(), **options)
    del x
    assert left({"data": reference}) == []


def test_the_destructor_of_a_failed_construction_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = torch.randn(8, 4), torch.randint(3, (8,))
    ignored: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: ignored.append(repr(told.exc_value)))
    with pytest.raises(Exception, match="test_loader"):
        LandscapeExplorer(Part(), (x, y), nn.CrossEntropyLoss(), test_loader=(x[:, :2], y))
    gc.collect()
    assert ignored == []


class Comm(BaseComm):
    """Of a kernel with a page."""

    kernel = "a kernel"

    def publish_msg(self, *_: Any, **__: Any) -> None:
        pass


def test_in_a_kernel_an_explorer_stays_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shown must go on, whatever becomes of the variable."""
    monkeypatch.setattr(comm, "create_comm", Comm)
    explorer, references = watched()
    show(explorer)
    layout, number, kept = explorer.layout, explorer.comm.comm_id, weakref.ref(explorer)
    del explorer
    gc.collect()
    explorer = kept()
    assert registry._instances[number] == explorer  # ipywidgets' registry refers to it, and does not keep it
    assert explorer.comm._msg_callback == explorer._handle_msg
    explorer.close()
    ended(explorer)
    assert layout.comm is None
    assert not {number, layout._model_id} & set(registry._instances)
    assert not {number, layout._model_id} & set(comm.get_comm_manager().comms)
    del explorer
    assert left(references | {"explorer": kept}) == []


class Deaf(Comm):
    """Of a page that has gone, whose host cannot be told of an end any more."""

    def close(self, *_: Any, **__: Any) -> None:
        raise AttributeError("the document of this page was destroyed")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ended_first", [False, True], ids=["dropped", "closed"])
def test_no_dead_widget_stays_registered_where_a_page_is_gone(
    monkeypatch: pytest.MonkeyPatch, ended_first: bool
) -> None:
    """Panel asks all registered widgets whenever it shows one: a dead one left its next page empty."""
    monkeypatch.setattr(comm, "create_comm", Deaf)
    before = set(registry._instances)
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=5, samples=4)
    assert set(registry._instances) > before
    if ended_first:
        with pytest.raises(AttributeError, match="was destroyed"):
            explorer.close()
    kept = weakref.ref(explorer)
    del explorer
    gc.collect()
    assert kept() is None
    for number in set(registry._instances) - before:
        getattr(registry._instances[number], "_document", None)  # alive: else a ReferenceError


#: In processes of their own: what a script is left with, and how it ends.
BEGINNING = '''
import sys, threading
from torch import nn
from landscape_widget import LandscapeExplorer

def explorer(n=64):
    """On n/64 MB of data, with few parameters."""
    data = torch.randn(n, 1, 64, 64), torch.randn(n, 1)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4, 1))
    return LandscapeExplorer(model, data, nn.MSELoss(), resolution=3, samples=1)
'''


def said(scripts: Scripts, text: str, seconds: float = 120) -> list[str]:
    # to take all modules apart would be most of the time of most
    code, out, err = scripts.run(f"{BEGINNING}{text}\nimport os\nsys.stdout.flush()\nos._exit(0)", seconds)
    assert (code, err) == (0, "")
    return out.split()


MEMORY = """
import ctypes
from pathlib import Path

def held():
    for _ in range(3):  # what is closed in a destructor is garbage of the next collection
        gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)(0)
    resident, of_files = map(int, Path("/proc/self/statm").read_text().split()[1:3])
    return (resident - of_files) * 4096 / 1e6, len(gc.get_objects())

def many(n):
    for _ in range(n):
        one, computing = explorer(128), threading.Event()
        {life}

many(4)
before, objects = held()
many(4)
_, later = held()
many(4)
after, last = held()
print(after - before, min(later - objects, last - later), threading.active_count())
"""

LIFETIMES = {
    "closed": "one.compute(); one.close()",
    "dropped": "one.compute(); one = None",
    "closed midway": """
        one.observe(lambda change: computing.set(), "progress")
        request = one._submit()
        computing.wait()
        one.close()
        request.done.wait()
        request = None
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory in use is read as Linux tells it")
@pytest.mark.parametrize("life", LIFETIMES)
def test_many_explorers_leave_no_memory_behind(new_process: Scripts, life: str) -> None:
    """A tenth of the data of each, and one object, with one arena for all threads in the process measured.

    Of two times four explorers, the ones that leave fewer objects count: what is loaded once, when a slow
    machine first takes another way, is no leak.

    The C library never gives back the free end of a thread's own arena. How long that is depends on which
    thread freed what last: without a single Python object more, −21 to +21 MB were seen after a hundred
    explorers, and 0.8 to 1.5 MB with one arena.
    """
    grown, objects, threads = said(new_process, MEMORY.format(life=LIFETIMES[life]), 500)
    assert float(grown) < 1.6
    assert int(objects) < 4
    assert int(threads) < 5


ENDS = {
    "idle": "one = explorer(); one.compute()",
    "never computed": "one = explorer()",
    "computing": "ones = [explorer(n=2_000) for _ in range(3)]; [one._submit() for one in ones]",
    "in compute() of a daemon thread": """
one = explorer(n=2_000)
started = threading.Event()
one.observe(lambda _: started.set(), "progress")
threading.Thread(target=one.compute, daemon=True).start()
started.wait()
""",
    "in a model that never returns": """
from landscape_widget.explorer import worker
worker._AT_EXIT = 0.5
held = threading.Event()
class Held(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
    def forward(self, x):
        if threading.current_thread() is not threading.main_thread():
            held.set()
            threading.Event().wait()
        return self.linear(x)
one = LandscapeExplorer(Held(), (torch.randn(4, 2), torch.randn(4, 2)), nn.MSELoss(), resolution=5)
one._submit()
held.wait()
""",
    "in a pool that never returns": """
from landscape_widget.engine.threads import pool
held = threading.Event()
pool(2).submit(lambda: (held.set(), threading.Event().wait()))
held.wait()
""",
    "with an exception": "one = explorer(); one.compute(); sys.excepthook = lambda *_: None; 1 / 0",
    "closed in a destructor": """
class Owner:
    def __init__(self): self.explorer = explorer()
    def __del__(self): self.explorer.close()
owner = Owner(); owner.explorer.compute()
""",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_script_ends_with_explorers_open(new_process: Scripts, end: str) -> None:
    code, _, err = new_process.run(BEGINNING + ENDS[end], HUNG)
    assert err == ""
    assert code == (1 if end == "with an exception" else 0)


FORK = '''
import multiprocessing, os
import warnings
from torch.utils.data import DataLoader, TensorDataset
from landscape_widget.engine.threads import pool

warnings.simplefilter("ignore")  # newer versions of Python warn of any fork beside threads
fork = multiprocessing.get_context("fork")

def child(what):
    heard, said = fork.Pipe()
    process = fork.Process(target=lambda: said.send(what()))
    process.start()
    print(heard.recv() if heard.poll(60) else "hangs", flush=True)
    process.kill()
    process.join()

def refused(call):
    try:
        return call() and "done"
    except RuntimeError as error:
        return "refused" if "forked" in str(error) else repr(error)

def anew():
    other = explorer()
    other.compute()
    other.close()
    return other.status

def hold(*locks):
    """As the thread of an explorer may at that moment."""
    held = threading.Event()
    def work():
        [lock.acquire() for lock in locks]
        held.set()
        threading.Event().wait()
    threading.Thread(target=work, daemon=True).start()
    held.wait()

pool(2).submit(int).result()
one = explorer()
one.compute()
'''

CHILDREN = """
child(lambda: pool(2).submit(int, 5).result())
child(anew)
child(lambda: refused(one.compute))
hold(one._lock)
child(lambda: refused(lambda: one.results))
child(one.close)
os._exit(0)
"""

#: Two explorers compute while a loader starts its workers, and a child ends as a whole process does.
MIDWAY = """
others = [explorer(n=2_000) for _ in range(2)]
for other in others:
    other._submit()
data = TensorDataset(torch.randn(40, 3))
loader = DataLoader(data, batch_size=10, num_workers=2, multiprocessing_context=fork)
print(sum(len(x) for x, in loader))
hold(one._lock, one._worker._mailbox.lock)
number = os.fork()
if number == 0:
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize(
    ("text", "expected"),
    [(CHILDREN, ["5", "done", "refused", "refused", "None"]), (MIDWAY, ["40", "3"])],
    ids=["children", "midway"],
)
def test_a_process_that_is_forked_hangs_nowhere(new_process: Scripts, text: str, expected: list[str]) -> None:
    assert said(new_process, FORK + text) == expected


EMBEDDED = """
from ipywidgets.embed import embed_data
one = explorer()
one.compute()
states = embed_data(views=[one], drop_defaults=False)["manager_state"]["state"]
print(states[one.model_id]["state"]["status"], len(states))
"""


def test_a_script_can_embed_an_explorer_in_a_page(new_process: Scripts) -> None:
    status, widgets = said(new_process, EMBEDDED)
    assert status == "done"
    assert int(widgets) >= 3  # and what its page needs
