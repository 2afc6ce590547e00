"""What leaves an explorer belongs together: a picture, its controls, and what was found for these."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_widget import LandscapeExplorer, Objective, Results, load

from ..support.cases import NARROW, ONE_BATCH
from ..support.gates import HUNG, gated_saddle
from ..support.page import received

Make = Callable[..., LandscapeExplorer]

NETWORK = NARROW

#: Changes of controls that a picture rests on.
CHANGES: dict[str, Any] = {
    "resolution": 9,
    "axes": ("random", "random"),
    "domain": (-0.3, 0.3, -0.3, 0.3),
    "compared_axes": ("random", "random"),
}


def saddle_objective() -> Objective:
    return gated_saddle()[1]


def faults(results: Results) -> list[str]:
    """Where results are not of their own controls."""
    controls, found = results.controls, []
    surface, pairs = results.surface, results.eigenpairs
    if surface is not None:
        told = surface.provenance
        found += ["resolution"] * (len(surface.alpha) != controls.resolution)
        found += ["axes"] * (tuple(told["axes"]) != controls.axes)
        found += ["domain"] * (controls.domain not in (None, told["domain"]))
        found += ["examples"] * (told["n_examples"] != controls.examples)
        if pairs is not None:
            found += ["eigenpairs"] * (pairs.provenance["n_examples"] != controls.examples)
        if (drawn := results.projections) is not None:
            found += ["projections"] * (drawn.provenance["n_examples"] != controls.examples)
        if results.compared is not None:
            found += ["compared"] * (results.compared.plane.axes != controls.compared_axes)
    return found


def rests_on(page: Path) -> dict[str, Any]:
    """What a page says that it rests on."""
    text = re.search(r"<pre>(.*?)</pre>", page.read_text("utf-8"), re.DOTALL)
    assert text
    told: dict[str, Any] = json.loads(unescape(text[1]))
    return told


@pytest.mark.parametrize(("control", "value"), CHANGES.items(), ids=list(CHANGES))
def test_right_after_a_change_the_former_picture_has_its_own_controls(
    make_explorer: Make, tmp_path: Path, control: str, value: Any
) -> None:
    explorer = make_explorer(saddle_objective(), domain=(-1, 1, -1, 1), resolution=7, samples=4).compute()
    before, python = explorer.results, received(explorer, "_surface")["python"]
    with explorer._lock:  # without which nothing is published
        setattr(explorer, control, value)
        assert explorer.results == before
        assert received(explorer, "_surface")["python"] == python
        with pytest.warns(UserWarning, match=rf"{control}=.*, now .*wait\(\) or compute\(\)"):
            figure = explorer.figure("heatmap")
        assert len(figure.data[0].x) == 7
        with pytest.warns(UserWarning, match=control):
            explorer.to_html(tmp_path / "run.html")
        told = rests_on(tmp_path / "run.html")["controls"]
        assert told[control] == json.loads(json.dumps(getattr(before.controls, control)))
        explorer.save(tmp_path / "run.npz")
        assert repr(explorer).endswith("hessian:max × hessian:min, 7×7 nodes)")
    explorer.wait(HUNG)
    assert explorer.results.controls == explorer._chosen() != before.controls
    assert not faults(explorer.results)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explorer.figure("heatmap")
    assert load(tmp_path / "run.npz") == before
    other = make_explorer(saddle_objective()).load(tmp_path / "run.npz")
    assert other.results == before
    assert getattr(other, control) == value  # what was asked for by then is finished from the file
    other.compute()
    assert other.results.controls == explorer.results.controls
    np.testing.assert_allclose(other.surface.loss, explorer.surface.loss, rtol=1e-12)


def test_results_belong_together_at_any_time(make_explorer: Make) -> None:
    explorer = make_explorer(
        NETWORK.model(),
        NETWORK.batches(ONE_BATCH),
        NETWORK.loss_fn,
        test_loader=NETWORK.batches(ONE_BATCH),
        resolution=7,
        samples=6,
    )
    most = explorer.examples
    seen: list[list[str]] = []
    explorer._publisher._throttle._interval = 0.0
    explorer.on_result(lambda *_: seen.append(faults(explorer.results)))
    explorer.compute()
    for control, value in (
        ("examples", most // 2),
        ("seed", 3),
        ("axes", ("random", "hessian:max")),
        ("examples", most),
        ("compared_axes", ("random", "random")),
        ("resolution", 9),
        ("split", "test"),
        ("compared_axes", None),
    ):
        setattr(explorer, control, value)
        explorer.wait(HUNG)
        assert explorer.results.controls == explorer._chosen()
        assert not faults(explorer.results)
    assert len(seen) > 8
    assert not any(seen), seen


def test_the_curvature_of_other_controls_waits_for_their_picture(make_explorer: Make) -> None:
    explorer = make_explorer(NETWORK.model(), NETWORK.batches(ONE_BATCH), NETWORK.loss_fn, resolution=5)
    before = explorer.compute().results
    most = explorer.examples
    explorer.examples = most // 2
    explorer.wait(HUNG)
    explorer.examples = most
    explorer.compute("eigenpairs")
    assert explorer.eigenpairs.provenance["n_examples"] == explorer.examples
    assert explorer.results.eigenpairs.provenance["n_examples"] == explorer.results.controls.examples
    explorer.compute("surface")
    assert explorer.results.eigenpairs == before.eigenpairs
    assert explorer.results.verdict == before.verdict


def test_two_data_on_one_plane_are_told_from_two_planes_by_the_pictures(make_explorer: Make) -> None:
    batches = NETWORK.batches(ONE_BATCH)
    explorer = make_explorer(
        NETWORK.model(), batches, NETWORK.loss_fn, test_loader=batches, resolution=5, compared_split="test"
    ).compute()
    assert set(explorer.surfaces) == {"train", "test"}
    table = explorer.table()
    with explorer._lock:
        explorer.compared_axes = ("random", "random")
        assert set(explorer.surfaces) == {"train", "test"}
        assert explorer.table() == table
    explorer.wait(HUNG)
    with explorer._lock:
        explorer.compared_axes = None
        assert set(explorer.surfaces) == {"train"}


def test_what_was_found_around_a_centre_is_there_on_the_way_back(make_explorer: Make, tmp_path: Path) -> None:
    explorer = make_explorer(saddle_objective(), domain=(-1, 1, -1, 1), resolution=7, samples=4).compute()
    before = explorer.results
    explorer.recentre(0.5, 0.5)
    assert explorer.surface is None
    explorer.wait(HUNG)
    with explorer._lock:
        explorer.go_back()
        explorer.save(tmp_path / "run.npz")
        assert explorer.results == before
    saved = load(tmp_path / "run.npz")
    assert saved == before
    other = make_explorer(saddle_objective()).load(tmp_path / "run.npz")
    assert other.surface == before.surface
    explorer.wait(HUNG)
    assert explorer.results == before


def test_the_way_back_from_a_loaded_file(make_explorer: Make, tmp_path: Path) -> None:
    first = make_explorer(saddle_objective(), domain=(-1, 1, -1, 1), resolution=7, samples=4).compute()
    first.save(tmp_path / "run.npz")
    explorer = make_explorer(saddle_objective()).load(tmp_path / "run.npz")
    explorer.recentre(0.5, 0.5)
    assert explorer.results.surface is None
    explorer.go_back()
    assert explorer.results == first.results
