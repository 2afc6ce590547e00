"""The page on paths: its code runs as it stands, but for how many of the digits are trained on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .floors import ROOT

BLOCKS = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's code has defined by its end."""
    code = "\n".join(BLOCKS.findall((ROOT / "docs" / "paths.md").read_text("utf-8")))
    assert code.count("1000") == 4
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        exec(code.replace("1000", "300"), names)
        names["folder"] = Path.cwd()
    return names


def test_the_run_is_recorded(names: dict[str, Any]) -> None:
    assert (names["folder"] / "runs" / "0" / "trajectory.json").exists()
    assert names["accuracy"](names["model"](names["test"][0]), names["test"][1]) > 0.8


def test_the_plane_holds_most_of_the_run(names: dict[str, Any]) -> None:
    assert sum(names["paths"]["seed 0"].distance > 0) > 40
    assert names["mixed"].axes == ("trajectory:1", "hessian:max")
    assert names["paths"]["seed 0"].share > 0.9


def test_the_curve_goes_round_the_barrier(names: dict[str, Any]) -> None:
    assert names["line"].barrier > 3 * names["line"].barrier_stderr
    assert names["curve"].barrier < 0.1 * names["line"].barrier
    assert names["path"].alpha == pytest.approx([0, 1], abs=1e-6)  # the model is in single precision


def test_the_curve_is_drawn_where_it_runs(names: dict[str, Any]) -> None:
    """Through both ends and, at t = 1/2, half way to the bend; with the losses that the curve itself has."""
    drawn, curve = names["ways"]["curve"], names["curve"]
    assert drawn.alpha[[0, -1]] == pytest.approx([0, 1], abs=1e-6)
    assert abs(drawn.beta[10]) > 0.05
    assert drawn.off_plane.max() < 1e-4 * drawn.distance.max()  # ends in single precision
    within = (curve.t >= 0) & (curve.t <= 1)
    assert drawn.loss.max() == pytest.approx(curve.loss[within].max(), rel=0.1)  # at other t


def test_curvature_is_told_along_the_run(names: dict[str, Any]) -> None:
    found = names["load"](names["folder"] / "evolution.npz")
    assert found.done.all()
    assert len(found.step) == 8
    assert found.threshold.max() == pytest.approx(20)  # 2/η after the schedule's step to 0.1
    assert names["of_adam"].preconditioned_converged.all()
    assert (names["folder"] / "run.gif").stat().st_size < 200_000


def test_the_explorer_shows_the_run(names: dict[str, Any]) -> None:
    explorer = names["explorer"]
    assert len(explorer.landmarks.path.loss) == len(names["paths"]["seed 0"].loss)
    assert explorer.axes == ("toward:seed 1", "hessian:max")
    explorer.close()
