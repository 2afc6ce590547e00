"""What is slow to import is left for when it is needed: a new process says after each step what it loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SLOW = ("scipy", "torch._dynamo", "sympy", "plotly.basedatatypes", "submitit", "distributed")

#: What is done, in this order, and what may then be loaded.
STEPS: dict[str, tuple[str, set[str]]] = {
    "the package": ("import landscape_widget", set()),
    "an objective of a model that is not compiled": (
        """
import torch
from landscape_widget import Objective
x = torch.ones(4, 2)
Objective(torch.nn.Linear(2, 1), (x, x[:, :1]), torch.nn.MSELoss()).gradient()
""",
        set(),
    ),
    "a recorded program": (
        """
from torch.func import vmap
from landscape_widget.engine.recorder import recorded
recorded(lambda c, b: vmap(lambda w: w.sin().sum())(c @ b), torch.ones(2, 3), torch.ones(3, 4))
""",
        set(),
    ),
    "eigenpairs": (
        """
from landscape_widget import hessian_eigenpairs
hessian_eigenpairs(Objective.from_function(lambda t: t.sin().sum(), torch.ones(5, dtype=torch.float64)))
""",
        {"scipy"},
    ),
    "tasks of an executor": (
        """
from concurrent.futures import ThreadPoolExecutor
objective = Objective.from_function(lambda t: t.sin().sum(), torch.ones(5, dtype=torch.float64))
objective.by_workers(ThreadPoolExecutor(1)).hvp(torch.ones(5, dtype=torch.float64))
""",
        {"scipy"},
    ),
    "all that an explorer computes": (
        """
from landscape_widget import LandscapeExplorer
data = torch.randn(24, 4), torch.arange(24) % 3
model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
LandscapeExplorer(model, data, torch.nn.CrossEntropyLoss(), face="trace", resolution=5).compute()
""",
        {"scipy", "sympy"},
    ),
}

#: Whose classes of warnings the filters name that are there by now, but not with the package alone.
NEW_FILTERS = "sorted({new[2].__module__.split('.')[0] for new in warnings.filters if new not in before})"


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """The slow modules that are there after each step, and whose filters there are at the end."""
    lines = ["import json, sys, warnings"]
    for source, _ in STEPS.values():
        lines += [source, f"print(json.dumps([name for name in {SLOW} if name in sys.modules]))"]
    lines[2] += "\nbefore = list(warnings.filters)"
    lines.append(f"print(json.dumps({NEW_FILTERS}))")
    command = [sys.executable, "-c", "\n".join(lines)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {step: set(json.loads(line)) for step, line in zip([*STEPS, "filters"], found, strict=True)}


@pytest.mark.parametrize("step", STEPS)
def test_nothing_large_is_loaded_by(step: str, loaded: dict[str, set[str]]) -> None:
    assert loaded[step] <= STEPS[step][1]


def test_libraries_loaded_on_the_way_add_filters_for_their_own_warnings_alone(
    loaded: dict[str, set[str]],
) -> None:
    """Python has a library's import change what it likes, and importing these with the package would be slow.

    Torch loads sympy when a derivative first begins with several vectors; intervals need scipy.special, which
    brings a BLAS. The rest of scipy would hide warnings of numpy's as well.
    """
    assert loaded["filters"] <= {"sympy", "scipy"}
