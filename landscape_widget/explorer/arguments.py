"""What an explorer was made with: the objective, and the same on test data."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

from landscape_widget.explorer.traits import CONTROLS
from landscape_widget.objective.objective import Objective


def near(name: str, known: Iterable[str]) -> str:
    """Asks whether another name was meant; empty where none is near."""
    close = difflib.get_close_matches(str(name), known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def objective_of(model: Any, data: Any, loss_fn: Any, options: dict[str, Any]) -> Objective:
    """The objective that the constructor's arguments describe."""
    known = [
        name
        for name, parameter in inspect.signature(Objective.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for name in options:
        if name not in known:
            hint = near(name, [*known, *CONTROLS, "test_loader"])
            raise TypeError(f"LandscapeExplorer got an unexpected keyword {name!r}.{hint}")
    if isinstance(model, Objective):
        if data is not None or loss_fn is not None or options:
            raise TypeError(
                "Expected an Objective and controls only, since it holds data and loss already; "
                "got further arguments. Give them to Objective."
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
