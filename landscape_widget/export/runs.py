"""Results in files: saved with or without the points they rest on, loaded with or without the model."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landscape_widget.export import archive
from landscape_widget.export.explorer_results import Results
from landscape_widget.export.identity import differences, identity, is_known, loss_near
from landscape_widget.export.resumption import check_identity, check_run, check_way
from landscape_widget.export.same_run import (
    check_beside,
    check_parts,
    differences_of_study,
    of_a_run,
    renumbered,
    seen_here,
)
from landscape_widget.numerics.checks import check_integer, told
from landscape_widget.objective.objective import Objective
from landscape_widget.results import schema
from landscape_widget.results.schema import check
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Picture
from landscape_widget.study.known import Known, examples_of, without_test_data
from landscape_widget.study.study import Study

log = logging.getLogger(__name__)

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
        way: What ``way_of`` told.
        before: See ``replacing``.
    """
    known, losses, objective = study.known.saved(), study.known.losses_at_theta.get, study.objective
    way = way or {}
    parts = (examples_of(known) | examples_of(way.get("known", {}))) - {objective.n_examples}
    witness, changed = study.centre.witness, False
    if witness.taken and not all(is_known(objective, n) for n in (objective.n_examples, *parts)):
        try:
            witness.check(min(parts, default=objective.n_examples))
        except Exception as error:
            log.info("Saved without the loss near θ*: %s: %s", type(error).__name__, error)
            changed = True
    content = {
        "result": results,
        "objective": identity(objective, losses(objective.n_examples), changed=changed),
        "parts": {n: identity(objective, losses(n), n, changed=changed) for n in parts},
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
    controls, made_for = (renumbered(each, saved, steps) for each in (controls, results.controls))
    results = replace(results, controls=made_for)
    there, unlike, gone = here, differences_of_study(content, here), None
    if unlike and by_way is not None and "theta" in way:
        with suppress(OSError, ValueError, TypeError):  # of another model
            gone = by_way(way)
    if gone is not None:
        there = gone
    elif unlike:
        with suppress(OSError, ValueError, IndexError):  # such a checkpoint there may be none of
            there = elsewhere(controls.checkpoint)
    if unlike and (there is here or differences_of_study(content, there)):
        hint = _FROM_ELSEWHERE if "theta" in way else of_a_run(controls.checkpoint, saved)
        raise ValueError(
            f"Expected a file saved of the same model, data and loss, got {os.fspath(path)!r}, where "
            f"{'; '.join(unlike)}.{hint}"
        )
    check_beside(results, elsewhere)
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
    check_parts(path, content, objective)
    examples = {objective.n_examples, *content.get("parts", {})}
    centre.witness.take(objective, {n: loss_near(objective, n) for n in examples})
    results = seen_here(results, study)
    pins = content.get("pins", ())
    if not told:
        pins = [{**pin, "values": None} for pin in pins]
    return Loaded(results, study, pins, controls, there is here, way if gone else None, begun)


def fits(path: str | os.PathLike[str], objective: Callable[[], Objective]) -> bool:
    """Whether a file was saved of an objective, which is made only where it can be read."""
    with suppress(OSError, ValueError, RuntimeError, KeyError):
        return not differences(_content(path)["objective"], objective())
    return False


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
