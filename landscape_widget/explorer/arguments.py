"""What an explorer was made with: the objective, and the same on test data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from landscape_widget.explorer.traits import CONTROLS
from landscape_widget.numerics.checks import near
from landscape_widget.objective.objective import Objective
from landscape_widget.study.controls import Controls

#: Keywords of ``Objective`` with their defaults.
_OF_OBJECTIVE = {
    name: parameter.default
    for name, parameter in inspect.signature(Objective.__init__).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
}

#: Keywords beside those and controls.
_OWN = "test_loader", "trajectory", "solutions", "executor", "autosave", "view"


def sorted_arguments(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keywords of ``Objective`` and controls among the arguments given that are not at their defaults.

    Raises:
        TypeError: For what is under "unknown" in ``given``.
    """
    for name in given["unknown"]:
        hint = near(name, [*_OF_OBJECTIVE, *CONTROLS, *_OWN])
        raise TypeError(f"LandscapeExplorer got an unexpected keyword {name!r}.{hint}")
    controls = {control.name: control.default for control in fields(Controls)} | {"examples": None}
    options, chosen = (
        {name: given[name] for name, default in known.items() if not _is(given[name], default)}
        for known in (_OF_OBJECTIVE, controls)
    )
    return options, chosen


def _is(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def objective_of(model: Any, data: Any, loss_fn: Any, options: dict[str, Any]) -> Objective:
    """The objective that the constructor's arguments describe."""
    if isinstance(model, Objective):
        if data is not None or loss_fn is not None or options:
            raise TypeError(
                "Expected an Objective and controls only, since it holds data and loss already; "
                "got further arguments. Give them to Objective."
            )
        norm = getattr(model.terms, "batch_norm", "frozen")
        if norm != "frozen":
            raise TypeError(
                f"Expected an Objective of its model's own batch-norm statistics, got {norm!r} ones. "
                "Give the one that it was made of, and batch_norm='recomputed' or 'difference' as a control."
            )
        return model
    if data is None or loss_fn is None:
        raise TypeError(
            "Expected LandscapeExplorer(model, data, loss_fn) or LandscapeExplorer(objective), got "
            f"no {'data' if data is None else 'loss_fn'}."
        )
    return Objective(model, data, loss_fn, **options)


def test_objective_of(objective: Objective, loader: Any, max_examples: int | None) -> Objective | None:
    """The objective on test data, None without any."""
    if loader is None:
        return None
    try:
        return objective.with_data(loader, max_examples)
    except (TypeError, ValueError) as error:
        raise type(error)(f"test_loader: {error}") from error
