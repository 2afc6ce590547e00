"""Names of axes and the registry behind them, which a new kind joins by one entry."""

from __future__ import annotations

import numpy as np
import pytest

from landscape_widget import Plane, heatmap_figure
from landscape_widget.export import payloads as wire
from landscape_widget.planes import axes
from landscape_widget.planes.axes import KINDS, Axis, Kind, parse_axis, symbol_of, words_of
from landscape_widget.planes.directions import by_eigenvectors, check_axes, hessian_rank, make_plane
from landscape_widget.planes.points import plane_seed
from landscape_widget.planes.presets import plane_words
from landscape_widget.planes.surface import evaluate_plane

from ..support.cases import ONE_BATCH, case


@pytest.mark.parametrize(
    ("name", "kind", "rank"),
    [
        ("hessian:max", "hessian:max", 1),
        ("hessian:max:1", "hessian:max", 1),
        ("hessian:min:12", "hessian:min", 12),
        ("random", "random", 0),
        ("random:filter", "random:filter", 0),
    ],
)
def test_a_name_is_read_into_its_kind_and_rank(name: str, kind: str, rank: int) -> None:
    assert parse_axis(name) == Axis(KINDS[kind], rank)
    assert parse_axis(name).name == name.removesuffix(":1")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "hessian",
            "hessian:max:",
            "hessian:max:0",
            "hessian:max:01",
            "hessian:max:-1",
            "hessian:max:1:1",
        ),
        *(
            "hessian:max:²",
            "random:1",
            "random:filter:2",
            "Random",
            " random",
            "random\n",
            None,
            3,
            ["random"],
        ),
    ],
)
def test_any_other_name_is_refused_with_those_that_there_are(name: object) -> None:
    with pytest.raises(ValueError, match=r'"hessian:max", "hessian:max:2" …, ".* or ".*", got'):
        parse_axis(name)


def test_every_kind_has_its_words() -> None:
    names = [
        "hessian:max",
        "hessian:max:12",
        "hessian:min:3",
        "hessian:min",
        "random",
        "random:filter",
        "x:1",
        "trajectory:2",
    ]
    symbols = ["λ₁", "λ₁₂", "λₙ₋₂", "λₙ", "random", "filter-normalised", "x:1", "PC₂"]
    words = ["λmax", "λmax, rank 12", "λmin, rank 3", "λmin", "random", "random, filter-normalised", "x:1"]
    words += ["trajectory PC₂"]
    assert [symbol_of(name) for name in names] == symbols
    assert [words_of(name) for name in names] == words
    assert [parse_axis(name).eigenvalue for name in names[:3]] == ["λmax", "λmax (12)", "λmin (3)"]


def test_a_plane_goes_by_its_preset_or_its_axes_and_by_a_seed_that_counts() -> None:
    assert plane_words(("hessian:max", "hessian:min"), 3) == "Hessian λmax × λmin"
    assert plane_words(("random", "random"), 3) == "Random (seed 3)"
    assert plane_words(("random:filter", "random:filter")) == "Filter-normalised"
    assert plane_words(("hessian:max", "random"), 0) == "λ₁ × random (seed 0)"
    assert plane_words(("hessian:max:2", "hessian:min:2"), 0) == "λ₂ × λₙ₋₁"


def test_a_kind_joins_by_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is told of a direction that is along all parameters alike."""
    kind = Kind(
        "ones",
        words="all alike",
        symbol=lambda _: "𝟏",
        choice="All alike",
        group="Other directions",
        direction=lambda _axis, objective, _draw, _pairs: np.ones(objective.n_parameters),
    )
    monkeypatch.setitem(axes.KINDS, kind.name, kind)
    objective = case("dense tanh").objective()
    names = check_axes(["ones", "random"], objective)
    assert (hessian_rank(names), by_eigenvectors(names)) == (0, False)
    plane = make_plane(objective, names, seed=4)
    assert np.array_equal(plane.eta, np.ones(objective.n_parameters))
    assert plane_seed(plane) == 4
    assert plane_seed(make_plane(objective, ("ones", "ones"), seed=4)) is None
    assert plane_words(plane.axes, 4) == "𝟏 × random (seed 4)"
    *_, surface = evaluate_plane(objective, plane, (-1, 1, -1, 1), 3)
    assert "α (all alike)<br>" in heatmap_figure(surface, plane).layout.xaxis.title.text
    offered = wire.info(objective, 1.0)["axes"]["groups"]
    assert offered[-1] == {"label": "Other directions", "options": [{"value": "ones", "label": "All alike"}]}
    with pytest.raises(ValueError, match='or "ones", got'):
        parse_axis("one")


def test_planes_from_elsewhere_keep_the_names_of_their_axes() -> None:
    objective = case("dense tanh").objective()
    theta = objective.theta.numpy()
    plane = Plane(theta, np.ones_like(theta), np.arange(len(theta)) * 1.0, ("mine", "yours"), {"seed": 1})
    assert plane_seed(plane) is None
    *_, surface = evaluate_plane(objective, plane, (-1, 1, -1, 1), 3)
    assert "α (mine)<br>" in heatmap_figure(surface, plane).layout.xaxis.title.text


def test_a_misspelt_axis_is_asked_back_among_those_that_are_there() -> None:
    objective = case("dense tanh").objective(ONE_BATCH)
    for wrong, meant in (
        ("hesian:max", "hessian:max"),
        ("random:filtr", "random:filter"),
        ("rand", "random"),
    ):
        with pytest.raises(ValueError, match=rf"got '{wrong}'\. Did you mean '{meant}'\?") as caught:
            check_axes((wrong, "random"), objective)
        assert "trajectory" not in str(caught.value)
    with pytest.raises(ValueError, match=r"got 'trajectry:1'\. Did you mean 'trajectory:1'\?"):
        check_axes(("trajectry:1", "random"), objective, of_path=True)
    with pytest.raises(ValueError, match=r"got 3\.$"):
        check_axes((3, "random"), objective)
