"""What a study knows: complete in files, and a former study's work is not done again."""

from __future__ import annotations

from collections import deque
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest

from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.results.equality import same
from landscape_widget.results.schema import check
from landscape_widget.study.centre import Run
from landscape_widget.study.findings import Findings
from landscape_widget.study.known import OPTIONAL, SAVED, Known
from landscape_widget.study.study import Study

from .test_study import CONTROLS, MIXED, NOTHING, TRACE, Counted, fresh, last


@pytest.fixture(scope="module")
def study() -> Study:
    objective = Counted.make()
    landmarks = Landmarks.of(objective, None, {"other": objective.theta + 1})
    run = Run(lambda *_: None, None, {}, diagonal=lambda: np.ones(objective.n_parameters))
    study = Study(objective, landmarks=landmarks, run=run)
    last(study, TRACE)
    *_, _ = study.ahead(TRACE)
    last(study, replace(TRACE, axes=("toward:other", "random")))
    return study


def test_every_field_is_saved_with_the_type_that_is_told_of_it(study: Study) -> None:
    saved = study.known.saved()
    assert list(saved) == list(SAVED) == [f.name for f in fields(Known)]
    for name, kind in SAVED.items():
        assert saved[name], f"{name}: the study knows of every kind"
        check(saved[name], kind, name, 5)


def test_what_was_saved_is_what_is_resumed(study: Study) -> None:
    saved = study.known.saved()
    assert same(Known.resumed(saved).saved(), saved)
    objective = Counted.make()
    assert fresh(objective, Study(objective, known=Known.resumed(saved)), CONTROLS) == NOTHING


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_what_files_of_earlier_versions_lack_is_computed(study: Study, name: str) -> None:
    saved = study.known.saved()
    del saved[name]
    found = last(Study(Counted.make(), known=Known.resumed(saved)), TRACE)
    assert same(found.slopes, next(iter(study.known.slopes.values())))


def test_what_is_saved_stays_as_it_was(study: Study) -> None:
    """The worker goes on while a file is written."""
    going = Study(Counted.make(), known=Known.resumed(study.known.saved()))
    saved = going.known.saved()
    sizes = {name: len(kept) for name, kept in saved.items()}
    nodes = [len(table) for table in saved["losses"].values()]
    last(going, MIXED)
    assert {name: len(kept) for name, kept in saved.items()} == sizes
    assert [len(table) for table in saved["losses"].values()] == nodes


@cache
def uninterrupted() -> Findings:
    return last(Study(Counted.make()), CONTROLS)


@pytest.mark.parametrize("steps", range(4, 40, 10))
def test_of_runs_that_were_left_projections_alone_are_saved(steps: int) -> None:
    """The others could not go on from where they were."""
    study = Study(Counted.make())
    running = study.steps(TRACE)
    deque((next(running, None) for _ in range(steps)), maxlen=0)
    running.close()
    saved = study.known.saved()
    assert all(pairs.vectors.shape[1] for pairs in saved["pairs"].values())
    assert all(history[-1].samples >= 5 for history in saved["traces"].values())
    objective = Counted.make()
    whole = uninterrupted()
    found = last(Study(objective, known=Known.resumed(saved)), CONTROLS)
    assert same(found.surface.loss, whole.surface.loss)
    assert same(found.projections.A, whole.projections.A)
