"""Whether a file's run is the one that is here, and what of it holds where another one is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np

from landscape_widget.export.explorer_results import Results
from landscape_widget.export.identity import differences
from landscape_widget.objective.objective import Objective
from landscape_widget.study.controls import Controls
from landscape_widget.study.known import examples_of
from landscape_widget.study.study import Study


def differences_of_study(content: Mapping[str, Any], study: Study) -> list[str]:
    """Tells in what a study's objectives differ from those that a file was saved of, in words."""
    unlike = differences(content["objective"], study.objective)
    if study.test is not None and "test" in content:
        unlike += [f"of the test data {found}" for found in differences(content["test"], study.test)]
    return unlike


def seen_here(results: Results, study: Study) -> Results:
    """The same without what is of another trajectory, or of other solutions, than there are here."""
    around, controls = study.centre.around, results.controls
    if not around.any:
        return results
    results = replace(results, landmarks=None, compared_landmarks=None)  # they are found again
    others, second = around.other_axes(), controls.compared()
    if others & {*controls.axes}:
        results = replace(results, surface=None, plane=None, quadratic=None, surfaces={})
    elsewhere = controls.compared_checkpoint is not None  # where directions are not known
    if second and any(axis in others or (elsewhere and around.is_given(axis)) for axis in second.axes):
        results = replace(results, compared=None)
    return results


def check_parts(path: str | os.PathLike[str], content: Mapping[str, Any], objective: Objective) -> None:
    """Raises a ValueError where results rest on other examples than as many would be here."""
    at_theta, parts = content["study"]["losses_at_theta"], content.get("parts", {})
    held = examples_of(content["study"]) | examples_of(content.get("way", {}).get("known", {}))
    for n in sorted(held - {objective.n_examples}):
        saved = parts.get(n) or {"loss at θ*": at_theta.get(n, nan)}  # in files of former versions
        if unlike := differences(saved, objective, n):
            raise ValueError(
                f"Expected a file whose results with examples={n} rest on the same examples, got "
                f"{os.fspath(path)!r}, where of these {'; '.join(unlike)}: which ones are drawn depends on "
                "the order of all, which is another one here. Give the data in a fixed order, such as a "
                "DataLoader without shuffle=True, or take another file."
            )


def of_a_run(number: int | None, saved: Sequence[int]) -> str:
    """What to do where a file is of a checkpoint that is not here; empty where it may be of none."""
    if number is None and len(saved) < 2:
        return ""
    at = f"checkpoint {number}" if number is not None else "the last checkpoint"
    return (
        f" It was saved at {at} of a run, whose weights it does not hold: load it into an explorer that has "
        "the run, LandscapeExplorer(…, trajectory=…)."
    )


def renumbered(controls: Controls, saved: Sequence[int], present: Sequence[int]) -> Controls:
    """The same controls where checkpoints of the same steps have other numbers.

    Args:
        controls: Those of a file.
        saved: Steps of all checkpoints when they were saved; none where a file does not tell.
        present: Steps of those there are.

    Raises:
        ValueError: If there is none of the step of the one beside.
    """
    number, beside = controls.checkpoint, controls.compared_checkpoint
    if number is not None and number < len(saved) and saved[number] in present:
        number = present.index(saved[number])
    if isinstance(beside, int) and beside < len(saved):
        if saved[beside] not in present:
            raise ValueError(
                f"Expected an explorer with the run that a file was saved with, of which checkpoint {beside} "
                f"(step, or number, {saved[beside]}) is beside θ*; here is none like it. Make one that has "
                "it, LandscapeExplorer(…, trajectory=…)."
            )
        beside = present.index(saved[beside])
    return replace(controls, checkpoint=number, compared_checkpoint=beside)


def check_beside(results: Results, elsewhere: Callable[[int | str | None], Study]) -> None:
    """Raises a ValueError where the second picture is around another θ* than its name means here."""
    where = results.controls.compared_checkpoint
    if where is None or results.compared is None:
        return
    theta = None
    with suppress(OSError, ValueError, LookupError):  # there may be none, or it cannot be had
        theta = elsewhere(where).objective.theta.detach().cpu().double().numpy()
    if theta is None or not np.array_equal(theta, results.compared.plane.origin):
        given = f"solutions={{{where!r}: …}}" if isinstance(where, str) else "trajectory=…"
        raise ValueError(
            f"Expected an explorer in which {'the solution' if isinstance(where, str) else 'checkpoint'} "
            f"{where!r} is the one that a file has beside θ*; here it is another one, or there is none. Load "
            f"it into an explorer that has it, LandscapeExplorer(…, {given})."
        )
