"""The Python call that makes a picture again."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from keyword import iskeyword
from typing import Any

import torch

from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings


def given_arguments(positional: Mapping[str, Any], keywords: Mapping[str, Any]) -> list[str]:
    """How the arguments that an explorer was made with are written.

    What has no literal, such as a model, data or metrics, stands as the variable of the notebook that holds
    it, or where there is none, as one of its parameter's name.

    Args:
        positional: The arguments by position, by the names of their parameters.
        keywords: The arguments by keyword.
    """
    return [
        *(_variable(name, value) for name, value in positional.items()),
        *(f"{name}={_source(name, value)}" for name, value in keywords.items()),
    ]


def recipe(
    found: Findings, controls: Controls, given: Sequence[str], moved: float = 0.0, passed: str = ""
) -> str:
    """A cell that shows an explorer whose ``surface`` becomes the one found, where both evaluate its nodes.

    Every control is written out, a domain that the kernel chose too. A comment names the variables that the
    cell needs.

    Args:
        found: What the controls led to, with a surface.
        controls: The controls of that surface.
        given: What ``given_arguments`` made.
        moved: ‖Δθ‖ from the model's weights to another centre, which the call cannot make: it says so.
        passed: What weights are called that ``update`` took and the model has no more: it says so, too.
    """
    assert found.surface is not None
    domains = {"domain": found.surface.provenance["domain"]}
    if found.compared is not None and controls.compared_axes is not None:
        domains["compared_domain"] = found.compared.surface.provenance["domain"]
    chosen = asdict(controls) | domains
    if passed:  # of which another explorer knows nothing by that number
        chosen["checkpoint"] = None
    arguments = [*given, *(f"{name}={value!r}" for name, value in chosen.items() if value is not None)]
    variables = _variables(given)
    lines = ["import torch"] if any("=torch." in argument for argument in arguments) else []
    lines += ["from landscape_widget import LandscapeExplorer", "", f"# {_listed(variables)} yours"]
    if missing := [name for name in variables if name not in vars(sys.modules["__main__"])]:
        lines.append(f"# {_listed(missing)} to be defined first: no variable here has that name")
    if passed:
        lines.append(
            f"# θ* was {passed}, weights that no run and no model holds any more: load them into yours"
        )
    if moved:
        lines.append(f"# the centre was not the weights given but a point ‖Δθ‖ = {moved:.6g} away from them")
    call = ["explorer = LandscapeExplorer(", *(f"    {a}," for a in arguments), ")"]
    return "\n".join([*lines, *call, "explorer", ""])


def _variables(given: Sequence[str]) -> list[str]:
    """The variables among arguments."""
    values = [argument.rpartition("=")[2] for argument in given]
    return list(dict.fromkeys(v for v in values if v.isidentifier() and not iskeyword(v)))


def _listed(variables: Sequence[str]) -> str:
    *names, last = variables
    return f"{', '.join(names)} and {last} are" if names else f"{last} is"


def _source(name: str, value: Any) -> str:
    if isinstance(value, torch.device):
        return repr(str(value))
    literal = value is None or isinstance(value, str | int | float | torch.dtype)
    return repr(value) if literal else _variable(name, value)


def _variable(name: str, value: Any) -> str:
    """The variable that a person gave a value to, in a notebook or a script; ``name`` where there is none."""
    known = vars(sys.modules["__main__"]).items()
    # the names that begin with a line are those of IPython's own history
    return next((key for key, held in [*known] if held is value and not key.startswith("_")), name)
