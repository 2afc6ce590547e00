"""The code of every page of the docs runs as it stands, one block after the other.

What a page takes as given, a model and its data, is given here; the pages on paths and the front page, which
say more, have tests of their own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dask.distributed
import loky
import numpy as np
import pytest
import torch
from dask.distributed import LocalCluster
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from .floors import ROOT

BLOCKS = re.compile(r"```python\n(.*?)```", re.DOTALL)

#: Pages with code, and what their readers have: names that no block defines.
PAGES = {
    "README.md": None,
    "docs/paths.md": None,
    "docs/guide.md": ("model", "train_loader", "test_loader", "loss_fn"),
    "docs/scripts.md": ("model", "loader", "loss_fn"),
    "docs/scale.md": ("model", "loader", "loss_fn"),
    "docs/files.md": ("explorer",),
    "docs/howto.md": (),
    "docs/start.md": (),
}


def accuracy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (output.argmax(1) == target).float().mean()


def given() -> dict[str, Any]:
    """What the pages take as given."""
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(40, 3), torch.arange(40) % 2)
    loader = DataLoader(data, batch_size=20)
    return {
        "model": nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
        "loss_fn": nn.CrossEntropyLoss(),
        "accuracy": accuracy,
        **dict.fromkeys(("loader", "train_loader", "test_loader"), loader),
    }


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the code of a page, and returns the names that it ends with."""
    monkeypatch.chdir(tmp_path)

    def run(page: str, **names: Any) -> dict[str, Any]:
        for block in BLOCKS.findall((ROOT / page).read_text("utf-8")):
            exec(compile(block, page, "exec"), names)
        return names

    return run


def named(page: str) -> dict[str, Any]:
    return {name: value for name, value in given().items() if name in (PAGES[page] or ())}


def test_no_page_with_code_is_left_out() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    coded = {str(page.relative_to(ROOT)) for page in pages if BLOCKS.search(page.read_text("utf-8"))}
    assert coded == set(PAGES)


def test_the_page_to_start_with(run: Any) -> None:
    """What it says of its network is so: it curves down somewhere, which hardly any random plane shows."""
    torch.manual_seed(0)
    explorer = run("docs/start.md")["explorer"]
    assert explorer.eigenpairs.values[0] > 0 > explorer.eigenpairs.values[-1]
    assert explorer.projections.p_no_saddle > 0.9
    assert explorer.surface.final
    assert explorer.axes == ("random:filter", "random:filter")
    assert Path("first.html").stat().st_size
    explorer.close()


def test_the_page_on_the_explorer(run: Any) -> None:
    names = run("docs/guide.md", **named("docs/guide.md"))
    explorer, model = names["explorer"], names["model"]
    assert explorer.pins == ()
    assert names["pin"].values.hessian is not None
    assert Path("table.csv").read_text().count("\n") == 2 + 1 + 1  # provenance, names, θ*, the lowest point
    assert names["state"].keys() == model.state_dict().keys()
    names["stop"]()
    explorer.close()


def test_the_page_on_scripts(run: Any) -> None:
    names = run("docs/scripts.md", **named("docs/scripts.md"))
    surface = names["surface"]
    assert surface.final
    assert surface.alpha[[0, -1]] == pytest.approx([-0.4, 0.4])
    assert 0 in surface.alpha
    assert len(names["pairs"].values) == 4


def test_the_page_on_scale(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one worker of loky for two and none of Dask, as starting each takes seconds."""
    start, cluster = loky.get_reusable_executor, LocalCluster
    monkeypatch.setattr(loky, "get_reusable_executor", lambda **_: start(max_workers=1))

    def without_workers(**_: Any) -> LocalCluster:
        environment = dask.config.get("distributed.nanny.pre-spawn-environ")
        assert environment["MALLOC_TRIM_THRESHOLD_"] is None, "what Dask leaves unset"
        return cluster(0, processes=False, dashboard_address=None)

    monkeypatch.setattr(dask.distributed, "LocalCluster", without_workers)
    names = run("docs/scale.md", **named("docs/scale.md"))
    loky.get_reusable_executor().shutdown()
    names["client"].close()
    names["cluster"].close()
    assert names["surface"].final
    assert names["plan"].seconds > 0
    assert Path("run.npz").stat().st_size, "what autosave= wrote"


def test_the_page_on_files(run: Any) -> None:
    from landscape_widget import LandscapeExplorer

    start = given()
    explorer = LandscapeExplorer(start["model"], start["loader"], start["loss_fn"], resolution=11, samples=5)
    names = run("docs/files.md", explorer=explorer)
    assert names["results"] == explorer.results
    assert np.array_equal(names["results"].surface.loss, explorer.surface.loss)
    for path in ("plane.html", "run.html", "run.npz", "tables/surface.csv", "surface.csv"):
        assert Path(path).stat().st_size
    explorer.close()


def test_the_page_of_how_tos(run: Any) -> None:
    """Each block makes an explorer; the last one is computed and shared."""
    names = run("docs/howto.md")
    assert names["explorer"].checkpoint == 3
    assert names["results"].surface.final
    for path in ("landscape.html", "landscape.npz"):
        assert Path(path).stat().st_size
    names["explorer"].close()
