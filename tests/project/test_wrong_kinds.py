"""Arguments of a wrong kind: each door says what was expected, what came, and never lets Python speak."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from torch import nn

import landscape_widget as lw
from landscape_widget.explorer.traits import CONTROLS

MODEL, DATA, LOSS = nn.Linear(3, 2), (torch.ones(6, 3), torch.arange(6) % 2), nn.CrossEntropyLoss()
OTHER = nn.Linear(3, 2)

OBJECTIVE = lw.Objective(MODEL, DATA, LOSS)
PLANE = lw.random_plane(OBJECTIVE)
*_, SURFACE = lw.evaluate_plane(OBJECTIVE, PLANE, resolution=3)

#: What nobody means by any argument below.
WRONG: dict[str, Callable[[], Any]] = {
    "a number": lambda: 2.5,
    "a word": lambda: "nothing like it",
    "bytes": lambda: b"x",
    "a mapping": lambda: {"a": 1},
    "an array": lambda: np.ones(2),
    "a generator": lambda: (i for i in range(3)),
    "an object": object,
}

Door = Callable[[Any], object]

#: Public functions by what is wrong; each takes that alone.
DOORS: dict[str, Door] = {
    **{
        f"{f.__name__}: objective": lambda bad, f=f, more=more: f(bad, *more)
        for f, more in (
            (lw.hessian_eigenpairs, ()),
            (lw.hessian_trace, ()),
            (lw.spectral_density, ()),
            (lw.projected_curvatures, (3,)),
            (lw.random_plane, ()),
            (lw.hessian_plane, ()),
            (lw.evaluate_plane, (PLANE,)),
            (lw.evaluate_point, (PLANE, 0, 0)),
            (lw.convexity_map, (PLANE,)),
            (lw.score_table, ([],)),
            (lw.path_components, ([MODEL, OTHER],)),
            (lw.trajectory_plane, ([MODEL, OTHER],)),
            (lw.interpolation, (MODEL, OTHER)),
            (lw.interpolation_plane, (MODEL, OTHER)),
            (lw.bezier_curve, (MODEL, OTHER)),
        )
    },
    "plane_path: objective": lambda bad: lw.plane_path(PLANE, bad, [MODEL]),
    "evaluate_plane: plane": lambda bad: lw.evaluate_plane(OBJECTIVE, bad),
    "evaluate_plane: cache": lambda bad: lw.evaluate_plane(OBJECTIVE, PLANE, cache=(bad,)),  # type: ignore[arg-type]
    "evaluate_plane: always": lambda bad: lw.evaluate_plane(OBJECTIVE, PLANE, always=[(bad,)]),
    "evaluate_point: test": lambda bad: lw.evaluate_point(OBJECTIVE, PLANE, 0, 0, bad),
    "score_table: minima": lambda bad: lw.score_table(OBJECTIVE, [bad]),
    "hessian_plane: axes": lambda bad: lw.hessian_plane(OBJECTIVE, bad),
    "hessian_plane: pairs": lambda bad: lw.hessian_plane(OBJECTIVE, pairs=bad),
    "random_plane: normalize": lambda bad: lw.random_plane(OBJECTIVE, normalize=bad),
    "hessian_eigenpairs: which": lambda bad: lw.hessian_eigenpairs(OBJECTIVE, which=bad),
    "hessian_eigenpairs: method": lambda bad: lw.hessian_eigenpairs(OBJECTIVE, method=bad),
    "hessian_eigenpairs: operator": lambda bad: lw.hessian_eigenpairs(OBJECTIVE, operator=bad),
    "hessian_eigenpairs: start": lambda bad: lw.hessian_eigenpairs(OBJECTIVE, start=bad),
    "hessian_trace: method": lambda bad: lw.hessian_trace(OBJECTIVE, bad),
    "hessian_trace: distribution": lambda bad: lw.hessian_trace(OBJECTIVE, distribution=bad),
    "hessian_trace: pairs": lambda bad: lw.hessian_trace(OBJECTIVE, pairs=bad),
    "spectral_density: pairs": lambda bad: lw.spectral_density(OBJECTIVE, pairs=bad),
    "projected_curvatures: normalize": lambda bad: lw.projected_curvatures(OBJECTIVE, 3, normalize=bad),
    "saddle_blindness: density": lambda bad: lw.saddle_blindness(density=bad),
    "saddle_blindness: trace": lambda bad: lw.saddle_blindness(trace=bad),
    "trace_of": lw.trace_of,
    "interpolation: test": lambda bad: lw.interpolation(OBJECTIVE, MODEL, OTHER, test=bad),
    "interpolation: batch_norm": lambda bad: lw.interpolation(OBJECTIVE, MODEL, OTHER, batch_norm=bad),
    "trajectory_plane: components": lambda bad: lw.trajectory_plane(OBJECTIVE, [MODEL], components=bad),
    "Trajectory: steps": lambda bad: lw.Trajectory([MODEL], [bad]),
    "Trajectory: scalars": lambda bad: lw.Trajectory([MODEL, OTHER], scalars=[bad]),  # type: ignore[arg-type]
    "surface_figure: surface": lw.surface_figure,
    "heatmap_figure: surface": lw.heatmap_figure,
    "slices_figure: surface": lw.slices_figure,
    "heatmap_figure: plane": lambda bad: lw.heatmap_figure(SURFACE, bad),
    "surface_figure: scale": lambda bad: lw.surface_figure(SURFACE, scale=bad),
    "surface_figure: log": lambda bad: lw.surface_figure(SURFACE, log=bad),
    "heatmap_figure: minima": lambda bad: lw.heatmap_figure(SURFACE, minima={"train": bad}),
    "heatmap_figure: quadratic": lambda bad: lw.heatmap_figure(SURFACE, quadratic=bad),
    "heatmap_figure: path": lambda bad: lw.heatmap_figure(SURFACE, path={"run": bad}),
    "curvature_figure": lw.curvature_figure,
    "spectrum_figure": lw.spectrum_figure,
    "trace_figure": lambda bad: lw.trace_figure({"deflated": bad}),
    "scree_figure": lw.scree_figure,
    "interpolation_figure": lambda bad: lw.interpolation_figure({"line": bad}),
    "Objective: device": lambda bad: lw.Objective(MODEL, DATA, LOSS, device=(bad,)),  # type: ignore[arg-type]
    "Objective: dtype": lambda bad: lw.Objective(MODEL, DATA, LOSS, dtype=bad),
    "Objective: max_examples": lambda bad: lw.Objective(MODEL, DATA, LOSS, max_examples=bad),
    "Objective: mode": lambda bad: lw.Objective(MODEL, DATA, LOSS, mode=bad),
    "Objective: parameters": lambda bad: lw.Objective(MODEL, DATA, LOSS, parameters=bad),
    "from_function": lambda bad: lw.Objective.from_function(bad, torch.ones(3)),
    "from_function: theta": lambda bad: lw.Objective.from_function(torch.sum, bad),
    "loss": OBJECTIVE.loss,
    "gradient": OBJECTIVE.gradient,
    "hvp": OBJECTIVE.hvp,
    "at": OBJECTIVE.at,
    "with_state": OBJECTIVE.with_state,
    "subset": OBJECTIVE.subset,
    "with_batch_norm": OBJECTIVE.with_batch_norm,
    "to": OBJECTIVE.to,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
@pytest.mark.parametrize("door", DOORS.values(), ids=list(DOORS))
def test_what_was_expected_is_said(door: Door, wrong: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^Expected [^']*.*(got|but|none)"):
        door(wrong())


@pytest.fixture(scope="module")
def explorer() -> Iterator[lw.LandscapeExplorer]:
    explorer = lw.LandscapeExplorer(OBJECTIVE)
    yield explorer
    explorer.close()


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
@pytest.mark.parametrize("control", [*CONTROLS, "view"])
def test_every_control_speaks_alike(
    explorer: lw.LandscapeExplorer, control: str, wrong: Callable[[], Any]
) -> None:
    """Set later or at first, by the checks of the functions, and not in the words of traitlets."""
    before = getattr(explorer, control)
    with pytest.raises(traitlets.TraitError, match=r"^Expected .*got"):
        setattr(explorer, control, wrong())
    assert getattr(explorer, control) is before
    with pytest.raises(traitlets.TraitError, match=r"^Expected .*got"):
        lw.LandscapeExplorer(OBJECTIVE, **{control: wrong()})


@pytest.mark.parametrize("control", [*CONTROLS, "view"])
def test_none_is_taken_where_it_means_something(explorer: lw.LandscapeExplorer, control: str) -> None:
    if control in (
        "domain",
        "checkpoint",
        "lines",
        "compared_axes",
        "compared_domain",
        "compared_split",
        "compared_checkpoint",
    ):
        setattr(explorer, control, None)
    else:
        with pytest.raises(traitlets.TraitError, match=r"^Expected .*got None"):
            setattr(explorer, control, None)


def test_pins_are_asked_for_by_their_numbers(explorer: lw.LandscapeExplorer) -> None:
    for wrong in WRONG.values():
        with pytest.raises(KeyError, match=r"Expected the number of a pin \(none\), got"):
            explorer.unpin(wrong())
        with pytest.raises(ValueError, match=r"^Expected one of 'surface'"):
            explorer.compute(wrong())
    with pytest.raises(TypeError, match="Expected a callback"):
        explorer.on_result(None)  # type: ignore[arg-type]


def test_a_word_that_is_near_is_asked_for() -> None:
    with pytest.raises(ValueError, match=re.escape("got 'smalest'. Did you mean 'smallest'?")):
        lw.hessian_eigenpairs(OBJECTIVE, which="smalest")
    with pytest.raises(ValueError, match=re.escape("Did you mean 'normal'?")):
        lw.hessian_trace(OBJECTIVE, "hutchinson", distribution="normale")


def test_an_accuracy_in_words_is_told_what_an_accuracy_is() -> None:
    for wrong in ("high", None, True, float("nan"), 2):
        with pytest.raises(ValueError, match=r"accuracy as a share of .* such as 0\.002, got"):
            lw.evaluate_plane(OBJECTIVE, PLANE, accuracy=wrong)  # type: ignore[arg-type]


def test_of_what_is_not_run_yet_the_last_is_to_be_taken() -> None:
    surfaces = lw.evaluate_plane(OBJECTIVE, PLANE, resolution=3)
    with pytest.raises(TypeError, match=r"got generator\. Take the last .*\*_, surface = evaluate_plane"):
        lw.heatmap_figure(surfaces)  # type: ignore[arg-type]
