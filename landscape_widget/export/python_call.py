"""The Python call that makes a picture again."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any

import torch

from landscape_widget.export.written import written
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings

#: How a cell comes by names that are no variables of a person's.
_IMPORTS = {"torch": "import torch", "nn": "from torch import nn"}

#: Bound to its own explorer and emptied: by then the next cell may have made another one of the same names.
_PINS = """
def set_pins(name, result, explorer=explorer, places=[{}]):
    while name == "surface" and result and result.final and places:
        explorer.pin(*places.pop(0))


explorer.on_result(set_pins)
"""


def given_arguments(positional: Mapping[str, Any], keywords: Mapping[str, Any]) -> list[str]:
    """How the arguments that an explorer was made with are written.

    What has no literal, such as a model, data or metrics, stands as the variable of the notebook that holds
    it; a tuple of such, a slice, or a loss of torch, as it is made; and anything else as a variable that is
    to be defined, of its parameter's name.

    Args:
        positional: The arguments by position, by the names of their parameters.
        keywords: The arguments by keyword.
    """
    return [
        *(_source(name, value) for name, value in positional.items()),
        *(f"{name}={_source(name, value)}" for name, value in keywords.items()),
    ]


def recipe(
    found: Findings,
    controls: Controls,
    given: Sequence[str],
    moved: float = 0.0,
    lost: Mapping[str, str] = MappingProxyType({}),
    whole: int = 0,
) -> str:
    """A cell that shows an explorer whose ``surface`` becomes the one found, where both evaluate its nodes.

    Controls are written out where an explorer does not begin with them. A domain that the kernel chose is
    left to it, but where it would choose another one: of a picture that is not final, and of one around
    another centre. A comment names the variables that the cell needs.

    Args:
        found: What the controls led to, with a surface.
        controls: The controls of that surface.
        given: What ``given_arguments`` made.
        moved: ‖Δθ‖ from the model's weights to another centre, which the call cannot make: it says so.
        lost: What weights are called that ``update`` took and the model has no more, by the controls that
            asked for them: it says so, too.
        whole: How many examples an explorer begins with, all of them; 0 where that is not known.
    """
    assert found.surface is not None
    here = {}
    if moved or not found.surface.final:
        here["domain"] = found.surface.provenance["domain"]
    if moved and found.compared is not None and controls.compared_axes is not None:  # it has no first picture
        here["compared_domain"] = found.compared.surface.provenance["domain"]
    chosen = asdict(controls) | here
    usual = {control.name: control.default for control in fields(Controls)} | {"examples": whole}
    arguments = [*given, *(f"{name}={chosen[name]!r}" for name in usual if chosen[name] != usual[name])]
    variables = _variables(given)
    used = {name for argument in given for name in _names(argument)}
    lines = [line for name, line in _IMPORTS.items() if name in used]
    lines += ["from landscape_widget import LandscapeExplorer", ""]
    there = vars(sys.modules["__main__"])
    if yours := [name for name in variables if name in there]:
        lines.append(f"# {_listed(yours)} yours")
    if missing := [name for name in variables if name not in there]:
        lines.append(f"# {_listed(missing)} to be defined first: no variable here has that name")
    if passed := lost.get("checkpoint"):
        lines.append(
            f"# θ* was {passed}, weights that no run and no model holds any more: load them into yours"
        )
    if beside := lost.get("compared_checkpoint"):
        lines.append(f"# compared_checkpoint is left out: it was {beside}, which no other explorer has")
    if moved:
        lines.append(f"# the centre was not the weights given but a point ‖Δθ‖ = {moved:.6g} away from them")
    call = ["explorer = LandscapeExplorer(", *(f"    {a}," for a in arguments), ")"]
    return "\n".join([*lines, *call, "explorer", ""])


def pins_recipe(places: Sequence[Sequence[float] | None]) -> str:
    """What sets pins at (α, β) in the cell of ``recipe`` once its plane is there, without blocking.

    Args:
        places: The places of all pins on that plane; None for one that lies elsewhere, which a comment tells.
    """
    there = ", ".join(f"({float(alpha)!r}, {float(beta)!r})" for alpha, beta in filter(None, places))
    left = "# pins on other planes are left out\n" if None in places else ""
    return left + (_PINS.format(there) if there else "")


def _variables(given: Sequence[str]) -> list[str]:
    """The variables in arguments."""
    names = (name for argument in given for name in _names(argument))
    return list(dict.fromkeys(name for name in names if name not in _IMPORTS))


def _names(argument: str) -> list[str]:
    """All names in an argument, in their order."""
    found = [node for node in ast.walk(ast.parse(f"f({argument})")) if isinstance(node, ast.Name)]
    return [node.id for node in sorted(found, key=lambda node: node.col_offset)][1:]


def _listed(variables: Sequence[str]) -> str:
    *names, last = variables
    return f"{', '.join(names)} and {last} are" if names else f"{last} is"


def _source(name: str, value: Any) -> str:
    if isinstance(value, torch.device):
        return repr(str(value))
    variables = vars(sys.modules["__main__"])
    expression = written(value, variables)
    if expression is None:
        while name in variables:  # which is something else
            name += "_"
    return expression or name
