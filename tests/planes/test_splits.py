"""Training loss, test loss and their difference on one plane, against plain torch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from numpy.typing import NDArray
from torch import Tensor, nn

from landscape_widget import LandscapeExplorer, Objective, Plane, load
from landscape_widget.planes.evaluator import Evaluator
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.study import Study

from ..export.test_archive import assert_same
from ..support.gates import make_controls
from ..support.page import received

Make = Callable[..., LandscapeExplorer]
Batch = tuple[Tensor, Tensor]

N_TRAIN, N_TEST = 13, 9


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).double()


def data(n: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    return x, torch.randint(2, (n,), generator=generator)


TRAIN, TEST = data(N_TRAIN, 1), data(N_TEST, 2)
LOSS = nn.functional.cross_entropy
CONTROLS = make_controls(
    axes=("random", "random"), seed=3, domain=(-1, 1, -1, 1), resolution=5, examples=N_TRAIN, samples=2
)


def study() -> Study:
    objective = Objective(network(), TRAIN, LOSS)
    return Study(objective, objective.with_data(TEST))


def last(study: Study, controls: Controls) -> Findings:
    return deque(study.steps(controls), maxlen=1).pop()


def by_torch(plane: Plane, alpha: NDArray[Any], beta: NDArray[Any], batch: Batch) -> NDArray[np.float64]:
    """Sets the weights of a network point by point."""
    model, (x, y) = network(), batch
    losses = np.empty((len(beta), len(alpha)))
    for i, b in enumerate(beta):
        for j, a in enumerate(alpha):
            nn.utils.vector_to_parameters(torch.from_numpy(plane.point(a, b)), model.parameters())
            with torch.no_grad():
                losses[i, j] = LOSS(model(x), y)
    return losses


@pytest.mark.parametrize("axes", [("random", "random"), ("hessian:max", "hessian:min")], ids=" × ".join)
def test_every_picture_is_on_the_plane_of_the_training_loss(axes: tuple[str, str]) -> None:
    subject = study()
    for which in ("train", "test", "difference"):
        found = last(subject, replace(CONTROLS, axes=axes, split=which))
        surface, plane = found.surface, found.plane
        assert surface is not None
        assert plane is not None
        assert surface.final
        assert surface.provenance["split"] == which
        losses = {
            d: by_torch(plane, surface.alpha, surface.beta, b) for d, b in (("train", TRAIN), ("test", TEST))
        }
        expected = losses["test"] - losses["train"] if which == "difference" else losses[which]
        np.testing.assert_allclose(surface.loss, expected, rtol=1e-11, atol=1e-13)
        assert set(found.surfaces) == ({"train", "test"} if which == "difference" else {which})
        for name, part in found.surfaces.items():
            np.testing.assert_allclose(part.loss, losses[name], rtol=1e-11)
        assert found.centre_loss == pytest.approx(losses["train"][2, 2], rel=1e-12)
        assert found.meter.left() == (1.0, 0.0)


def test_curvature_is_that_of_the_training_loss() -> None:
    found = [last(study(), replace(CONTROLS, split=which)) for which in ("train", "test", "difference")]
    for other in found[1:]:
        assert np.array_equal(other.pairs.values, found[0].pairs.values)
        assert other.plane_curvature == found[0].plane_curvature


def test_no_loss_is_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    points: list[int] = []
    evaluate = Evaluator.losses

    def counting(self: Any, wanted: Any, *rest: Any) -> Any:
        points.append(len(wanted))
        return evaluate(self, wanted, *rest)

    monkeypatch.setattr(Evaluator, "losses", counting)
    subject = study()
    for which, fresh in (("train", 25), ("difference", 25), ("test", 0), ("train", 0), ("difference", 0)):
        points.clear()
        last(subject, replace(CONTROLS, split=which))
        assert sum(points) == fresh, which
    points.clear()
    last(subject, replace(CONTROLS, compared_split="test"))
    assert sum(points) == 0


def test_a_difference_gets_better_with_every_step() -> None:
    done = [
        int(found.surface.done.sum())
        for found in study().steps(replace(CONTROLS, resolution=17, split="difference"))
        if found.surface is not None
    ]
    assert done == sorted(done)
    assert done[0] == 9
    assert done[-1] == 17 * 17


def test_train_and_test_beside_one_another() -> None:
    controls = replace(CONTROLS, axes=("hessian:max", "hessian:min"), domain=None, compared_split="test")
    both = last(study(), controls)
    assert both.compared is not None
    assert both.compared.plane.fingerprint == both.plane.fingerprint
    for mine, which in ((both.surface, "train"), (both.compared.surface, "test")):
        alone = last(study(), replace(CONTROLS, axes=controls.axes, domain=None, split=which)).surface
        assert np.array_equal(mine.alpha, alone.alpha)
        assert np.array_equal(mine.beta, alone.beta)
        np.testing.assert_allclose(mine.loss, alone.loss, rtol=1e-12)


def test_two_planes_with_data_of_their_own() -> None:
    axes = ("random:filter", "random:filter")
    controls = replace(CONTROLS, split="test", compared_axes=axes, compared_split="difference")
    both = last(study(), controls)
    assert both.compared is not None
    alone = last(study(), replace(CONTROLS, axes=axes, domain=None, split="difference")).surface
    np.testing.assert_allclose(both.compared.surface.loss, alone.loss, rtol=1e-10, atol=1e-13)


def test_a_first_picture_on_part_of_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landscape_widget.study.preview.PREVIEW_SECONDS", 1e-9)
    monkeypatch.setattr("landscape_widget.study.preview._LEAST_PREVIEW", 4)
    controls = replace(CONTROLS, axes=("hessian:max", "hessian:min"), resolution=17, split="difference")
    previews = [
        (found.plane, found.surface) for found in study().steps(controls) if found.surface and found.preview
    ]
    plane, surface = previews[-1]
    part = study().objective.subset(4)
    points = [[torch.from_numpy(plane.point(a, b)) for a in surface.alpha] for b in surface.beta]
    train = np.array([[part.loss(theta).item() for theta in row] for row in points])
    expected = by_torch(plane, surface.alpha, surface.beta, TEST) - train
    known = surface.done
    np.testing.assert_allclose(surface.loss[known], expected[known], rtol=1e-10, atol=1e-13)


@pytest.fixture
def explorer(make_explorer: Make) -> LandscapeExplorer:
    return make_explorer(
        network(), TRAIN, LOSS, test_loader=TEST, resolution=5, domain=(-1, 1, -1, 1), samples=2
    )


def test_the_explorer_shows_what_its_trait_says(explorer: LandscapeExplorer) -> None:
    for which in ("train", "test", "difference"):
        explorer.split = which
        explorer.compute()
        assert received(explorer, "_surface")["split"] == which
        assert received(explorer, "_surface")["n_examples"] == N_TRAIN
        sent = np.frombuffer(received(explorer, "_surface")["loss"], "<f4").reshape(5, 5)
        assert np.array_equal(sent, explorer.surface.loss.astype("f4"))
        for name, surface in explorer.surfaces.items():
            alpha, beta, loss = surface.minimum
            assert received(explorer, "_surface")["minima"][name] == {
                "alpha": alpha,
                "beta": beta,
                "loss": loss,
            }
            assert loss == surface.loss.min()
    assert set(explorer.surfaces) == {"train", "test"}
    assert received(explorer, "_surface")["minimum"] is None, "the smallest gap is not the lowest loss"
    assert received(explorer, "_surface")["quadratic"] is None, "it is that of the training loss"


def test_both_surfaces_can_be_read_side_by_side(explorer: LandscapeExplorer) -> None:
    explorer.compared_split = "test"
    explorer.compute()
    assert explorer.surface is explorer.surfaces["train"]
    assert explorer.compared.surface is explorer.surfaces["test"]
    expected = by_torch(explorer.plane, explorer.surface.alpha, explorer.surface.beta, TEST)
    np.testing.assert_allclose(explorer.surfaces["test"].loss, expected, rtol=1e-11)


@pytest.mark.parametrize("name", ["split", "compared_split"])
def test_test_data_must_be_there(make_explorer: Make, name: str) -> None:
    explorer = make_explorer(network(), TRAIN, LOSS)
    with pytest.raises(traitlets.TraitError, match=r"Expected split='train'.*'test'.*test_loader"):
        setattr(explorer, name, "test")
    with pytest.raises(traitlets.TraitError, match="difference"):
        setattr(explorer, name, "validation")
    with pytest.raises(traitlets.TraitError, match="test_loader"):
        make_explorer(network(), TRAIN, LOSS, **{name: "difference"})


def test_the_table_has_the_minima_of_both_losses(explorer: LandscapeExplorer) -> None:
    explorer.split = "difference"
    explorer.compute()
    rows = explorer.table().rows
    assert [row.place for row in rows] == ["centre", "minimum", "test minimum"]
    for row, which in zip(rows[1:], ("train", "test"), strict=True):
        alpha, beta, loss = explorer.surfaces[which].minimum
        assert (row.alpha, row.beta) == (alpha, beta)
        assert getattr(row, which).loss == pytest.approx(loss, rel=1e-11)


def test_a_new_centre_keeps_the_test_data(explorer: LandscapeExplorer) -> None:
    explorer.split = "test"
    explorer.compute()
    explorer.recentre(0.5, -0.5)
    explorer.compute()
    surface = explorer.surface
    expected = by_torch(explorer.plane, surface.alpha, surface.beta, TEST)
    np.testing.assert_allclose(surface.loss, expected, rtol=1e-11)


def test_figures_name_the_data_and_mark_both_minima(explorer: LandscapeExplorer) -> None:
    explorer.split = "difference"
    explorer.compute()
    for kind in ("surface", "heatmap"):
        figure = explorer.figure(kind)
        assert "Test − training loss" in figure.layout.title.text
        for which, words in (("train", "lowest loss"), ("test", "lowest test loss")):
            named = (trace for trace in figure.data if (trace.name or "").startswith(words))
            (mark,) = (
                trace for trace in named if trace.x[0] is not None
            )  # the others are in the legend alone
            assert (mark.x[0], mark.y[0]) == explorer.surfaces[which].minimum[:2]


def test_the_recipe_makes_the_same_picture(explorer: LandscapeExplorer) -> None:
    explorer.split, explorer.compared_split = "difference", "test"
    explorer.compute()
    names: dict[str, Any] = {"model": network(), "data": TRAIN, "loss_fn": LOSS, "test_loader": TEST}
    exec(received(explorer, "_surface")["python"], names)
    again = names["explorer"].compute()
    assert np.array_equal(again.surface.loss, explorer.surface.loss)
    assert np.array_equal(again.compared.surface.loss, explorer.compared.surface.loss)
    again.close()


def test_what_was_saved_comes_back_for_the_same_test_data_only(
    make_explorer: Make, explorer: LandscapeExplorer, tmp_path: Path
) -> None:
    path = tmp_path / "run.npz"
    explorer.split = "difference"
    explorer.compute().save(path)
    assert_same(load(path), explorer.results)
    again = make_explorer(network(), TRAIN, LOSS, test_loader=TEST).load(path)
    assert_same(again.results, explorer.results)
    assert set(again.surfaces) == {"train", "test"}
    other = make_explorer(network(), TRAIN, LOSS, test_loader=data(N_TEST, 7))
    with pytest.raises(ValueError, match="of the test data loss"):
        other.load(path)
    without = make_explorer(network(), TRAIN, LOSS)
    with pytest.raises(ValueError, match="test_loader"):
        without.load(path)
    assert without.surface is None
    explorer.results.to_csv(tmp_path)
    header, first, *_ = (tmp_path / "surface_test.csv").read_text().splitlines()[-26:]
    assert len(first.split(",")) == len(header.split(","))


def test_recomputed_batch_norm_statistics_are_those_of_the_training_data() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).double()
    torch.optim.swa_utils.update_bn([TRAIN[0]], model)
    objective = Objective(model.eval(), TRAIN, LOSS)
    test = objective.with_data(TEST)
    found = last(Study(objective, test), replace(CONTROLS, split="test", batch_norm="recomputed"))
    assert found.surface is not None
    for i, b in enumerate(found.surface.beta):
        for j, a in enumerate(found.surface.alpha):
            nn.utils.vector_to_parameters(torch.from_numpy(found.plane.point(a, b)), model.parameters())
            torch.optim.swa_utils.update_bn([TRAIN[0]], model)
            model.eval()
            with torch.no_grad():
                expected = LOSS(model(TEST[0]), TEST[1]).item()
            assert found.surface.loss[i, j] == pytest.approx(expected, rel=1e-10)
