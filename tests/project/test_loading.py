"""What is slow to import is left for when it is needed: a new process says after each step what it loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SLOW = ("scipy", "torch._dynamo", "sympy", "plotly.basedatatypes")

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
}


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """The slow modules that are there after each step."""
    lines = ["import json, sys"]
    for source, _ in STEPS.values():
        lines += [source, f"print(json.dumps([name for name in {SLOW} if name in sys.modules]))"]
    command = [sys.executable, "-c", "\n".join(lines)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {step: set(json.loads(line)) for step, line in zip(STEPS, found, strict=True)}


@pytest.mark.parametrize("step", STEPS)
def test_nothing_large_is_loaded_by(step: str, loaded: dict[str, set[str]]) -> None:
    assert loaded[step] <= STEPS[step][1]
