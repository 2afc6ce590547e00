"""``==`` between results: a bool by what they hold, never an array and never an error."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from landscape_widget import (
    Pin,
    QuadraticModel,
    Results,
    convexity_map,
    evaluate_plane,
    evaluate_point,
    hessian_eigenpairs,
    hessian_trace,
    load,
    projected_curvatures,
    random_plane,
    results,
    saddle_blindness,
    save,
    score_table,
    spectral_density,
)
from landscape_widget.curvature.slopes import slopes_along
from landscape_widget.planes.quadratic import quadratic_model
from landscape_widget.results.base import Estimate
from landscape_widget.results.blindness import BlindnessEstimate
from landscape_widget.results.points import PlanePoint
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings, Picture

from ..support.cases import quadratic

SMALL = quadratic(torch.diag(torch.tensor([3.0, 1.0, -1.0, -2.0], dtype=torch.float64)))


def everything() -> dict[str, Any]:
    """One result of each class, computed anew."""
    plane = random_plane(SMALL, 1)
    *_, surface = evaluate_plane(SMALL, plane, (-1, 1, -1, 1), 5)
    pairs, projections = hessian_eigenpairs(SMALL), projected_curvatures(SMALL, 4)
    density, trace = spectral_density(SMALL, 1, 3), hessian_trace(SMALL, samples=4)
    blindness, table = saddle_blindness(projections, trace), score_table(SMALL, [(plane, 0.0, 0.5)])
    model = quadratic_model(SMALL, plane, 0.0, np.zeros(4))
    picture = Picture(plane, surface, model, {"train": surface})
    controls = Controls(("random", "random"), 1, (-1.0, 1.0, -1.0, 1.0), 5, 1, 4)
    found: list[Any] = [
        *(plane, surface, pairs, projections, density, trace, blindness, table, model, picture, controls),
        *(table.rows[0], table.rows[0].train, convexity_map(SMALL, plane, (-1, 1, -1, 1), 3)),
        slopes_along(SMALL, pairs, np.array([1.0, 2.0, 3.0, 4.0])),
        *(evaluate_point(SMALL, plane, 0.5, 0.5), blindness.measured, projections.statistics["A"]),
        Results(
            controls, 0.0, 1.0, surface, plane, model, pairs, projections, density, {"hutchinson": [trace]}
        ),
    ]
    return {type(result).__name__: result for result in found}


ONE, OTHER = everything(), everything()
CHANGED = {int: 7, float: -0.5, str: "other", bool: False, type(None): 1.0}


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, np.ndarray):
        return ~value if value.dtype == bool else value + 1
    if is_dataclass(value):
        name = fields(value)[0].name
        return replace(value, **{name: changed(getattr(value, name))})
    if isinstance(value, dict):
        return {**value, "another": 1}
    if isinstance(value, tuple):
        return (*value[1:], changed(value[0])) if value else (1,)
    return CHANGED[type(value)] if CHANGED[type(value)] != value else None


def test_every_class_of_results_is_tried() -> None:
    own = {name for name, cls in vars(results).items() if isinstance(cls, type) and is_dataclass(cls)}
    assert own <= set(ONE)


@pytest.mark.parametrize("name", ONE)
def test_equal_content_is_equal(name: str) -> None:
    one, other = ONE[name], OTHER[name]
    for twin in (other, copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert (one == twin) is True
        assert (one != twin) is False
    assert one in [other]


@pytest.mark.parametrize("name", ONE)
def test_what_comes_from_a_file_is_equal(name: str, tmp_path: Any) -> None:
    save(ONE[name], tmp_path / "one.npz")
    assert load(tmp_path / "one.npz") == ONE[name]


@pytest.mark.parametrize("name", ONE)
def test_one_field_tells_two_apart(name: str) -> None:
    one = ONE[name]
    for f in fields(one):
        other = replace(one, **{f.name: changed(getattr(one, f.name))})
        assert (one == other) is False, f.name
        assert (other != one) is True, f.name


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize(
    "stranger",
    [
        None,
        1,
        "x",
        np.ones(3),
        np.ones((5, 5)),
        np.float64(1),
        torch.ones(3),
        [1],
        {},
        object(),
        Estimate(1, 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_another(name: str, stranger: Any) -> None:
    if name == "Estimate" and isinstance(stranger, Estimate):
        return
    one = ONE[name]
    for answer in (one == stranger, stranger == one):
        assert answer is False
    for answer in (one != stranger, stranger != one):
        assert answer is True


def test_values_count_and_neither_dtype_nor_order_in_memory() -> None:
    surface = ONE["Surface"]
    loss = surface.loss.copy()
    loss[1, 2] = np.nan
    hole = replace(surface, loss=loss)
    assert hole == replace(hole, loss=np.asfortranarray(loss.copy()), alpha=surface.alpha.astype(np.float32))
    assert hole != surface
    assert replace(surface, loss=np.zeros((5, 5))) == replace(surface, loss=np.zeros((5, 5), int))
    assert replace(surface, loss=np.zeros((5, 5))) != replace(surface, loss=np.zeros((5, 1)))
    assert replace(surface, loss=np.zeros((5, 5))) != replace(surface, loss=np.full((5, 5), "0"))
    assert replace(surface, provenance={"seed": np.arange(2)}) == replace(
        surface, provenance={"seed": np.arange(2)}
    )


def test_equal_ones_have_equal_hashes_and_arrays_have_none() -> None:
    nan = float("nan")
    twins = [
        (Estimate(1.0, nan), Estimate(1, float("nan"))),
        (BlindnessEstimate(0.0, nan, 0.0, 1.0), BlindnessEstimate(-0.0, float("nan"), 0, 1)),
        (QuadraticModel(0.0, (nan, 1.0), (1.0, 2.0, 3.0)), QuadraticModel(0, (float("nan"), 1), (1, 2, 3))),
        (ONE["Controls"], OTHER["Controls"]),
    ]
    for one, other in twins:
        assert one == other
        assert len({one, other}) == 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(ONE["Surface"])


def test_a_point_half_known_is_not_the_whole() -> None:
    point = ONE["PlanePoint"]
    assert PlanePoint(point.alpha, point.beta, point.train) != point


def test_what_changes_is_compared_by_identity() -> None:
    """Pins and findings are places where results are put, not results."""
    pins = [Pin(1, ONE["Plane"], 0.0, 0.0) for _ in range(2)]
    assert pins[0] != pins[1]
    found = [Findings(surface=ONE["Surface"]) for _ in range(2)]
    assert found[0] != found[1]
    assert len({*pins, *found}) == 4
