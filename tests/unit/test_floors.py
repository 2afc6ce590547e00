"""The floors of the house: a module imports lower floors, or its own floor without a cycle."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import landscape_widget

PACKAGE = Path(landscape_widget.__file__).parent

FLOORS = (
    # what rests on numpy, torch and the standard library alone
    (
        "archive",
        "calling",
        "compiled",
        "copying",
        "counting",
        "derivatives",
        "faults",
        "checks",
        "derivatives",
        "equality",
        "files",
        "first_layers",
        "graph_passes",
        "jumps",
        "lanczos",
        "monotone",
        "npz",
        "output_loss",
        "parameters",
        "plane_programs",
        "probes",
        "product_programs",
        "progress",
        "random_state",
        "results",
        "schema",
        "scheduler",
        "slope_check",
        "shares",
        "snapshot",
        "sources",
        "threads",
        "tracing",
        "tree",
        "vectors",
        "weights",
    ),
    # the loss as a function of θ
    (
        "acceptance",
        "batch_norm",
        "evaluation",
        "first_evaluation",
        "graph_check",
        "jump_places",
        "losses",
        "nearby",
        "not_finite",
        "objective",
        "precision",
        "products",
        "rows",
    ),
    # what is computed of an objective
    (
        "annihilation",
        "blindness",
        "certificate",
        "convexity",
        "curvature_fit",
        "deflation",
        "density",
        "directions",
        "held_out",
        "hessian",
        "operators",
        "points",
        "projections",
        "quadratic",
        "selfcheck",
        "slopes",
        "strategies",
        "surface",
        "trace",
        "trace_products",
    ),
    # what is said and shown of it
    (
        "bundle",
        "curvature_figures",
        "figure_style",
        "figures",
        "pins",
        "recipe",
        "report",
        "resumption",
        "saving",
        "study",
        "verdict",
        "wire",
    ),
    # the widget
    ("explorer", "runtime"),
)
FLOOR = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}

COMPUTE_FLOORS = 3
#: What the compute floors do without, so that they can be used and read on their own.
SHOWING = {"anywidget", "ipywidgets", "traitlets", "plotly", "IPython", "comm"}

MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def imports(module: str) -> set[str]:
    """Full names of all modules that a module imports, at its top or within functions."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module is not None
            # `from landscape_widget import wire` imports a module, not a name
            whole = node.module == "landscape_widget"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if whole else {node.module}
    return found


def own_imports(module: str) -> set[str]:
    return {name.split(".")[1] for name in imports(module) if name.startswith("landscape_widget.")}


def test_every_module_has_its_floor() -> None:
    assert set(MODULES) <= set(FLOOR), "list new modules in FLOORS"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_no_higher_floor(module: str) -> None:
    higher = {name for name in own_imports(module) if FLOOR[name] > FLOOR[module]}
    assert not higher


def test_imports_form_no_cycle() -> None:
    TopologicalSorter({module: own_imports(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("module", [m for m in MODULES if FLOOR.get(m, 0) < COMPUTE_FLOORS])
def test_compute_floors_know_nothing_of_widgets_and_plots(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & SHOWING


def test_the_scheduler_rests_on_the_standard_library_alone() -> None:
    assert not {name.split(".")[0] for name in imports("scheduler")} & {"torch", "numpy", "landscape_widget"}


def test_importing_the_package_leaves_slow_libraries_for_when_they_are_needed() -> None:
    slow = ("scipy", "torch._dynamo", "sympy", "plotly.basedatatypes")
    code = f"import sys, landscape_widget; print([name for name in {slow} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
