"""Results in files: saved with or without the points they rest on, loaded with or without the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landscape_widget.export import archive
from landscape_widget.export.explorer_results import Results
from landscape_widget.export.identity import differences, identity, is_known
from landscape_widget.export.resumption import check_identity, check_run, check_way
from landscape_widget.numerics.checks import check_integer, told
from landscape_widget.objective.objective import Objective
from landscape_widget.results import schema
from landscape_widget.results.schema import check
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Picture
from landscape_widget.study.known import Known, examples_of, without_test_data
from landscape_widget.study.study import Study

#: What to do where a file is of a centre that another one led to.
_FROM_ELSEWHERE = (
    " It was saved at a centre that other weights led to: load it into an explorer of the weights with which "
    "that way began, or of those where it ends."
)

#: Dataclasses in files beside all kinds of results.
_TYPES = (Results, Controls, Picture)


def save(result: Any, path: str | os.PathLike[str]) -> None:
    """Writes one result, or the ``results`` of an explorer, to an npz file with its provenance.

    Any numpy reads its arrays: ``numpy.load(path)["result.loss"]``.

    Args:
        result: A result, for instance a ``Surface``, ``EigenPairs`` or ``Results``; or a list, tuple or dict.
        path: The file to write, replaced where it exists once the new file is complete.

    Raises:
        TypeError: For anything that is no result, or no path.
        ValueError: For a result whose fields hold what they cannot.
        OSError: If the file cannot be written, or is no regular file; then ``path`` is what it was before.
    """
    if result is None or isinstance(result, str | bool | int | float | np.ndarray | np.generic):
        raise TypeError(f"Expected a result, such as a Surface, got {told(result)}.")
    schema.check(result)
    archive.write(path, {"result": result})


def load(path: str | os.PathLike[str]) -> Any:
    """Reads what ``save`` wrote, or the ``Results`` of a file that an explorer saved; no model is needed.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged, of another kind, or of a later version, or no regular file.
    """
    return _content(path)["result"]


def save_run(
    path: str | os.PathLike[str],
    results: Results,
    study: Study,
    pins: Sequence[Mapping[str, Any]] = (),
    controls: Controls | None = None,
    steps: Sequence[int] = (),
    way: Mapping[str, Any] | None = None,
    before: Callable[[Path], object] | None = None,
) -> None:
    """Writes results together with all that the study knows, the pins, and what is asked for.

    Args:
        path: The file to write.
        results: They have the controls that they were found for.
        study: It knows more than these.
        pins: What ``Pins.memory`` told.
        controls: What is asked for by now; default those of the results.
        steps: Those of the checkpoints that controls number.
        way: What ``Centres.way`` told.
        before: See ``replacing``.
    """
    known, losses, objective = study.known.saved(), study.known.losses_at_theta.get, study.objective
    way = way or {}
    parts = (examples_of(known) | examples_of(way.get("known", {}))) - {objective.n_examples}
    content = {
        "result": results,
        "objective": identity(objective, losses(objective.n_examples)),
        "parts": {n: identity(objective, losses(n), n) for n in parts},
        "study": known,
        "pins": list(pins),
        "controls": controls or results.controls,
        "steps": list(steps),
        "way": dict(way),
    }
    if study.test is not None:
        content["test"] = identity(study.test)
    archive.write(path, content, before)


def is_ready(study: Study, begun: Known) -> bool:
    """Whether a run can be saved without a pass over the data, so that a model that hangs does not matter.

    Args:
        study: The one that is to be saved.
        begun: What is known of where its way began.
    """
    held = [{kind: dict(results) for kind, results in vars(known).items()} for known in (study.known, begun)]
    parts = set().union(*map(examples_of, held))
    return all(is_known(study.objective, n) for n in {study.objective.n_examples, *parts}) and (
        study.test is None or is_known(study.test)
    )


class Loaded(NamedTuple):
    """What a file holds of a run."""

    results: Results
    study: Study
    pins: Sequence[Mapping[str, Any]]
    controls: Controls
    here: bool
    """Whether it is of the present centre."""
    way: Mapping[str, Any] | None
    """The way to where it is of, None where there is no need of it."""
    begun: Mapping[str, Known]
    """What it holds of where its way began, by the digest of that."""


def load_run(
    path: str | os.PathLike[str],
    here: Study,
    elsewhere: Callable[[int | str | None], Study],
    steps: Sequence[int] = (),
    by_way: Callable[[Mapping[str, Any]], Study | None] | None = None,
) -> Loaded:
    """Reads what ``save_run`` wrote, for the objective that it was written of, and the same on test data.

    Args:
        path: The file to read.
        here: The study of the present centre.
        elsewhere: Makes the study of the checkpoint of a number, None for the last one, or of a solution.
        steps: Those of the checkpoints there are here. A checkpoint is told by its step: a recorder that
            thinned its run meanwhile has given it another number.
        by_way: Makes the study of where the way of a file leads, None where it does not come by here.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged, of another kind or version, holds results alone, or belongs to
            another objective, and then in what that differs.
    """
    content = _content(path)
    if "study" not in content:
        raise ValueError(
            f"Expected a file that an explorer saved, got {os.fspath(path)!r}, which holds results alone. "
            "Read it with landscape_widget.load."
        )
    results: Results = content["result"]
    try:
        for name in ("objective", "test"):
            if name in content or name == "objective":
                check_identity(content[name])
        controls = content.get("controls", results.controls)
        check(controls, Controls, "the controls")
        saved = [check_integer(step, "a step") for step in content.get("steps", ())]
        for part in content.get("parts", {}).values():
            check_identity(part)
        way = check_way(content.get("way", {}))
    except Exception as error:
        raise _crafted(path, error) from error
    controls, made_for = (_renumbered(each, saved, steps) for each in (controls, results.controls))
    results = replace(results, controls=made_for)
    there, unlike, gone = here, _differences(content, here), None
    if unlike and by_way is not None and "theta" in way:
        with suppress(OSError, ValueError, TypeError):  # of another model
            gone = by_way(way)
    if gone is not None:
        there = gone
    elif unlike:
        with suppress(OSError, ValueError, IndexError):  # such a checkpoint there may be none of
            there = elsewhere(controls.checkpoint)
    if unlike and (there is here or _differences(content, there)):
        hint = _FROM_ELSEWHERE if "theta" in way else _of_a_run(controls.checkpoint, saved)
        raise ValueError(
            f"Expected a file saved of the same model, data and loss, got {os.fspath(path)!r}, where "
            f"{'; '.join(unlike)}.{hint}"
        )
    _check_beside(results, elsewhere)
    objective = there.objective
    try:
        check_run(content, objective.n_parameters, objective.n_examples)
        # of a session without test data that went on from one with them, nobody knows which these were
        told = there.test is None or "test" in content
        known, *others = (
            Known.resumed(found if told else without_test_data(found))
            for found in (content["study"], *([way["known"]] if way else []))
        )
        begun = {way["from"][0]: others[0]} if others else {}
        centre = there.centre
        study = Study(objective, there.test, known, centre.around.landmarks, centre.run)
    except Exception as error:
        raise _crafted(path, error) from error
    _check_parts(path, content, objective)
    results = _seen_here(results, study)
    pins = content.get("pins", ())
    if not told:
        pins = [{**pin, "values": None} for pin in pins]
    return Loaded(results, study, pins, controls, there is here, way if gone else None, begun)


def fits(path: str | os.PathLike[str], objective: Callable[[], Objective]) -> bool:
    """Whether a file was saved of an objective, which is made only where it can be read."""
    with suppress(OSError, ValueError, RuntimeError, KeyError):
        return not differences(_content(path)["objective"], objective())
    return False


def _differences(content: Mapping[str, Any], study: Study) -> list[str]:
    """Tells in what a study's objectives differ from those that a file was saved of, in words."""
    unlike = differences(content["objective"], study.objective)
    if study.test is not None and "test" in content:
        unlike += [f"of the test data {found}" for found in differences(content["test"], study.test)]
    return unlike


def _seen_here(results: Results, study: Study) -> Results:
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


def _check_parts(path: str | os.PathLike[str], content: Mapping[str, Any], objective: Objective) -> None:
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


def _of_a_run(number: int | None, saved: Sequence[int]) -> str:
    """What to do where a file is of a checkpoint that is not here; empty where it may be of none."""
    if number is None and len(saved) < 2:
        return ""
    at = f"checkpoint {number}" if number is not None else "the last checkpoint"
    return (
        f" It was saved at {at} of a run, whose weights it does not hold: load it into an explorer that has "
        "the run, LandscapeExplorer(…, trajectory=…)."
    )


def _renumbered(controls: Controls, saved: Sequence[int], present: Sequence[int]) -> Controls:
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
                "Expected an explorer with the run that a file was saved with, of which the checkpoint of "
                f"step {saved[beside]} is beside θ*; here is none of that step. Make one that has it, "
                "LandscapeExplorer(…, trajectory=…)."
            )
        beside = present.index(saved[beside])
    return replace(controls, checkpoint=number, compared_checkpoint=beside)


def _check_beside(results: Results, elsewhere: Callable[[int | str | None], Study]) -> None:
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


def _crafted(path: str | os.PathLike[str], error: Exception) -> ValueError:
    return ValueError(
        f"Expected a file that an explorer saved, got {os.fspath(path)!r}, which holds what none writes "
        f"({type(error).__name__}: {error})."
    )


def _content(path: str | os.PathLike[str]) -> dict[str, Any]:
    content = archive.read(path, _TYPES)
    if not isinstance(content, dict) or "result" not in content:
        raise ValueError(f"Expected a file of results, got {os.fspath(path)!r}, which holds none.")
    try:
        schema.check(content["result"])
    except Exception as error:
        raise _crafted(path, error) from error
    return content
