"""The Python call that makes a picture again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings


def given_arguments(names: Sequence[str], keywords: Mapping[str, Any]) -> list[str]:
    """How the arguments that an explorer was made with are written.

    Args:
        names: Of those by position, which stand for themselves.
        keywords: Those by name. What has no literal, such as data, metrics or a predicate, stands as a
            variable of its keyword's name.
    """
    return [*names, *(f"{name}={_source(name, value)}" for name, value in keywords.items())]


def recipe(found: Findings, controls: Controls, given: Sequence[str], moved: float = 0.0) -> str:
    """A cell that shows an explorer whose ``surface`` becomes the one found, where both evaluate its nodes.

    Every control is written out, a domain that the kernel chose too. A comment names the variables that the
    cell needs.

    Args:
        found: What the controls led to, with a surface.
        controls: Of that surface.
        given: What ``given_arguments`` made.
        moved: ‖Δθ‖ from the model's weights to another centre, which the call cannot make: it says so.
    """
    assert found.surface is not None
    domains = {"domain": found.surface.provenance["domain"]}
    if found.compared is not None and controls.compared_axes is not None:
        domains["compared_domain"] = found.compared.surface.provenance["domain"]
    chosen = asdict(controls) | domains
    arguments = [*given, *(f"{name}={value!r}" for name, value in chosen.items() if value is not None)]
    lines = ["import torch"] if any("=torch." in argument for argument in arguments) else []
    lines += ["from landscape_widget import LandscapeExplorer", "", f"# {_variables(given)} yours"]
    if moved:
        lines.append(f"# the centre was not the weights given but a point ‖Δθ‖ = {moved:.6g} away from them")
    call = ["explorer = LandscapeExplorer(", *(f"    {a}," for a in arguments), ")"]
    return "\n".join([*lines, *call, "explorer", ""])


def _variables(given: Sequence[str]) -> str:
    """The variables among arguments: those by position, and those by a name that is their value, too."""
    parted = [argument.partition("=") for argument in given]
    *names, last = [name for name, sign, value in parted if not sign or name == value]
    return f"{', '.join(names)} and {last} are" if names else f"{last} is"


def _source(name: str, value: Any) -> str:
    if isinstance(value, torch.device):
        return repr(str(value))
    literal = value is None or isinstance(value, str | int | float | torch.dtype)
    return repr(value) if literal else name
