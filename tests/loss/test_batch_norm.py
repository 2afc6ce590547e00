"""Batch-norm statistics that follow θ, against torch's own ``update_bn``."""

from __future__ import annotations

import copy
import pickle
from collections import deque
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import prune
from torch.optim.swa_utils import update_bn

from landscape_widget import Objective, convexity_map, evaluate_point, hessian_eigenpairs, random_plane
from landscape_widget.admission.pieces import PIECE
from landscape_widget.objective.states import statistics_of
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.study import Study

from ..support.cases import ONE_BATCH, case
from ..support.gates import make_controls

N = 24


def network() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(12, 5), nn.BatchNorm1d(5, momentum=None), nn.Tanh(), nn.Linear(5, 4),
    ).double()  # fmt: skip
    update_bn([data()[0]], model)
    return model.eval()


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(N, 1, 4, 4, generator=generator, dtype=torch.float64)
    return x, torch.randint(4, (N,), generator=generator)


def batches(*sizes: int) -> list[tuple[Tensor, Tensor]]:
    x, y = data()
    return list(zip(x.split(sizes), y.split(sizes), strict=True))


def objective(*sizes: int) -> Objective:
    return Objective(network(), batches(*sizes), nn.functional.cross_entropy)


def displaced(base: Objective) -> Tensor:
    return base.theta + 0.3 * torch.randn(
        base.n_parameters, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )


def loss_by_torch(theta: Tensor, sizes: tuple[int, ...], layout: Objective) -> float:
    """Sets the weights, lets torch update the statistics, and takes the mean over the examples."""
    model = network()
    assert layout.layout is not None
    model.load_state_dict(dict(layout.layout.unflatten(theta)), strict=False)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()
    # update_bn puts the whole model into train mode; dropout would spoil the comparison
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    update_bn([x for x, _ in batches(*sizes)], model)
    model.eval()
    x, y = data()
    with torch.no_grad():
        return float(nn.functional.cross_entropy(model(x), y))


@pytest.mark.parametrize("sizes", [(24,), (12, 12), (6, 6, 6, 6)], ids=str)
def test_recomputed_statistics_are_those_of_update_bn(sizes: tuple[int, ...]) -> None:
    base = objective(*sizes)
    theta = displaced(base)
    loss = base.with_batch_norm("recomputed").loss(theta).item()
    assert loss == pytest.approx(loss_by_torch(theta, sizes, base), rel=1e-12)
    assert abs(loss - base.loss(theta).item()) > 1e-3, "frozen statistics would pass as well"


def test_a_model_may_be_such_a_layer_itself() -> None:
    x = data()[0].flatten(1)
    base = Objective(nn.BatchNorm1d(16).double().eval(), (x, x.sin()), nn.MSELoss())
    expected = nn.functional.mse_loss(nn.functional.batch_norm(x, x.mean(0), x.var(0)), x.sin())
    torch.testing.assert_close(base.with_batch_norm("recomputed").loss(), expected)


def test_ragged_batches_weigh_by_their_examples() -> None:
    base = objective(10, 14)
    theta = displaced(base)
    terms = base.with_batch_norm("recomputed").terms
    statistics = terms.statistics(theta)
    first = case_statistics(base, theta, 10, 14)
    np.testing.assert_allclose(statistics["model.1.running_mean"], first[0], rtol=1e-12)
    np.testing.assert_allclose(statistics["model.1.running_var"], first[1], rtol=1e-12)


def case_statistics(base: Objective, theta: Tensor, *sizes: int) -> tuple[Tensor, Tensor]:
    """Of the first layer, whose input does not depend on other statistics, by hand."""
    assert base.layout is not None
    parameters = base.layout.unflatten(theta)
    means, variances = [], []
    for x, _ in batches(*sizes):
        z = nn.functional.conv2d(x, parameters["0.weight"], parameters["0.bias"]).transpose(0, 1).flatten(1)
        means.append(len(x) / N * z.mean(1))
        variances.append(len(x) / N * z.var(1, unbiased=True))
    return torch.stack(means).sum(0), torch.stack(variances).sum(0)


def test_the_order_of_the_batches_does_not_matter() -> None:
    parts = batches(10, 8, 6)
    losses = [
        Objective(network(), order, nn.functional.cross_entropy)
        .with_batch_norm("recomputed")
        .loss(displaced(objective(24)))
        .item()
        for order in (parts, parts[::-1])
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-13)


def test_the_difference_is_recomputed_minus_frozen() -> None:
    base = objective(12, 12)
    theta = displaced(base)
    difference = base.with_batch_norm("difference").loss(theta).item()
    expected = base.with_batch_norm("recomputed").loss(theta).item() - base.loss(theta).item()
    assert difference == pytest.approx(expected, rel=1e-12)


def test_statistics_held_at_a_point_are_those_of_update_bn_there_and_stay_elsewhere() -> None:
    base = objective(12, 12)
    theta = displaced(base)
    recomputed = base.with_batch_norm("recomputed")
    held = recomputed.holding_statistics(theta)
    assert float(held.loss(theta)) == pytest.approx(loss_by_torch(theta, (12, 12), base), rel=1e-12)
    assert float(held.loss()) != pytest.approx(float(recomputed.loss()), rel=1e-3)
    assert float(base.loss()) == float(objective(12, 12).loss()), "in copies alone"
    assert base.holding_statistics(theta) is base
    with pytest.raises(TypeError, match=r"^Expected the loss of a model, got the difference of two"):
        base.with_batch_norm("difference").holding_statistics(theta)


def test_statistics_that_are_held_are_told_and_others_are_not() -> None:
    """Also in another type, and no longer once they give way to a state's or to recomputed ones."""
    base = objective(12, 12)
    held = base.with_batch_norm("recomputed").holding_statistics()
    state = {**network().state_dict()}
    told = [
        held,
        held.precise(),
        held.subset(10),
        held.with_batch_norm("difference"),
        held.with_state(state),
        base,
    ]
    kinds = [each.provenance("loss")["batch_norm"] for each in told]
    assert kinds == [*3 * ["recomputed"], "difference", "frozen", "frozen"]
    assert pickle.loads(pickle.dumps(held)).provenance("loss")["batch_norm"] == "recomputed"


def test_derivatives_hold_statistics_at_what_they_are_and_are_not_refused() -> None:
    """Differences of a loss whose statistics follow θ are no slope of the one that is differentiated."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).double().eval()
    x, y = torch.randn(12, 3).double(), torch.arange(12) % 2
    base = Objective(model, (x, y), nn.functional.cross_entropy)
    following = pickle.loads(pickle.dumps(base.with_batch_norm("recomputed")))
    update_bn([x], model)
    own = Objective(model, (x, y), nn.functional.cross_entropy)
    plane = random_plane(own)
    wanted = evaluate_point(own, plane, 0.0, 0.0)
    found = evaluate_point(following, plane, 0.0, 0.0)
    assert found.train.loss == pytest.approx(wanted.train.loss, rel=1e-12)
    assert found.gradient_norm == pytest.approx(wanted.gradient_norm, rel=1e-10)
    np.testing.assert_allclose(found.hessian, wanted.hessian, rtol=1e-9, atol=1e-12)
    pairs = hessian_eigenpairs(following)
    np.testing.assert_allclose(pairs.values, hessian_eigenpairs(own).values, rtol=1e-8)
    assert hessian_eigenpairs(base).values != pytest.approx(pairs.values, rel=1e-3)
    assert pairs.converged.all()
    assert pairs.provenance["batch_norm"] == "recomputed"
    for ask in (lambda of: evaluate_point(of, plane, 0.0, 0.0), hessian_eigenpairs):
        with pytest.raises(TypeError, match=r"^Expected the loss of a model, got the difference of two"):
            ask(base.with_batch_norm("difference"))


def test_one_layer_under_two_names_has_its_statistics_under_both() -> None:
    norm = nn.BatchNorm1d(3).double()
    model = nn.Sequential(nn.Linear(3, 3), norm, nn.Tanh(), norm).double().eval()
    x, y = torch.randn(6, 3, generator=torch.Generator().manual_seed(3)).double(), torch.arange(6) % 3
    base = Objective(model, [(x, y)], nn.functional.cross_entropy)
    held = base.with_batch_norm("recomputed").holding_statistics(displaced(base))
    found = statistics_of(held)
    assert set(found) == {f"{i}.running_{what}" for i in (1, 3) for what in ("mean", "var")}
    assert torch.equal(found["1.running_mean"], found["3.running_mean"])
    assert not torch.equal(found["1.running_mean"], norm.running_mean)


class _OfTwoSources(nn.Module):
    """Normalises long batches by one layer and short ones by another, and none by a third."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.BatchNorm1d(16).double() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layers[int(len(x) < 8)](x)
        return output


def test_a_layer_has_statistics_of_the_batches_that_meet_it_or_its_own() -> None:
    model = _OfTwoSources().eval()
    nn.init.constant_(model.layers[2].running_mean, 7.0)  # type: ignore[arg-type]
    parts = [(x.flatten(1), x.flatten(1).sin()) for x, _ in batches(10, 6, 8)]
    base = Objective(model, parts, nn.functional.mse_loss)
    x, y, z = (x for x, _ in parts)
    found = base.with_batch_norm("recomputed").statistics_at(base.theta)
    first = (10 * x.mean(0) + 8 * z.mean(0)) / 18, (10 * x.var(0) + 8 * z.var(0)) / 18
    for i, (mean, var) in enumerate((first, (y.mean(0), y.var(0)), (torch.full((16,), 7.0), torch.ones(16)))):
        torch.testing.assert_close(found[f"model.layers.{i}.running_mean"], mean.double())
        torch.testing.assert_close(found[f"model.layers.{i}.running_var"], var.double())


def test_a_layer_that_never_takes_statistics_keeps_its_own() -> None:
    model = network()
    model[6].track_running_stats = False  # type: ignore[union-attr]
    base = Objective(model, batches(24), nn.functional.cross_entropy)
    found = base.with_batch_norm("recomputed").statistics_at(displaced(base))
    assert torch.equal(found["model.6.running_var"], model[6].running_var)
    assert not torch.equal(found["model.1.running_var"], model[1].running_var)


class _Frozen(nn.BatchNorm2d):
    """A layer whose statistics training leaves as they are."""

    def train(self, mode: bool = True) -> nn.Module:  # noqa: ARG002
        return super().train(False)


def test_a_layer_that_stays_in_eval_mode_does_so_for_those_behind_it() -> None:
    model = network()
    model[1] = _Frozen(3).double().eval()
    base = Objective(model, batches(24), nn.functional.cross_entropy)
    x, y = data()
    with torch.no_grad():
        z = model[:6](x)
        normal = (z - z.mean(0)) / (z.var(0) + model[6].eps).sqrt()
        expected = nn.functional.cross_entropy(model[7:](normal * model[6].weight + model[6].bias), y)
    torch.testing.assert_close(base.with_batch_norm("recomputed").loss(), expected)


def test_what_else_a_layer_keeps_stays_as_it_is() -> None:
    model = network()
    prune.l1_unstructured(model[1], "weight", 1)  # which keeps a mask
    base = Objective(model, batches(24), nn.functional.cross_entropy)
    model[3].p = 0.0  # type: ignore[union-attr]
    x, y = data()
    update_bn([x], model)
    expected = nn.functional.cross_entropy(model(x), y).detach()
    torch.testing.assert_close(base.with_batch_norm("recomputed").loss(), expected)


def test_a_convexity_map_is_of_the_statistics_at_each_node() -> None:
    base = objective(12, 12).with_batch_norm("recomputed")
    plane = random_plane(base, seed=1)
    found = convexity_map(base, plane, (-0.2, 0.2, -0.2, 0.2), 3)
    there = torch.from_numpy(plane.point(float(found.alpha[2]), float(found.beta[0])))
    values = hessian_eigenpairs(base.holding_statistics(there).at(there)).values
    assert [found.largest[0, 2], found.smallest[0, 2]] == pytest.approx([values[0], values[-1]], rel=2e-3)


def test_theta_changed_in_place_gets_statistics_of_its_own() -> None:
    base = objective(24).with_batch_norm("recomputed")
    theta = base.theta.clone()
    base.loss(theta)
    theta += displaced(base) - base.theta
    assert base.loss(theta).item() == base.loss(theta.clone()).item()


def test_model_and_frozen_loss_stay_as_they_were() -> None:
    model = network()
    before = copy.deepcopy(model.state_dict())
    base = Objective(model, batches(12, 12), nn.functional.cross_entropy)
    frozen, state = base.loss().item(), torch.get_rng_state()
    base.with_batch_norm("recomputed").loss(displaced(base))
    assert base.loss().item() == frozen
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())
    assert functional_call(model, {}, data()[0]).shape == (N, 4)


def test_a_batch_without_variance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"batches of at least two examples.*drop_last"):
        objective(23, 1).with_batch_norm("recomputed").loss()


def test_a_part_of_the_examples_leaves_none_alone() -> None:
    base = objective(*[6] * 4)
    assert [[batch.n for batch in base.subset(n).terms.batches] for n in (13, 12, 7)] == [[7, 6], [6, 6], [7]]
    assert base.subset(13).with_batch_norm("recomputed").loss().isfinite()
    x, y = torch.randn(2 * PIECE + 1, 3).double(), torch.arange(2 * PIECE + 1) % 3
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).double().eval()
    whole = Objective(model, (x, y), nn.functional.cross_entropy).with_batch_norm("recomputed")
    assert whole.loss().isfinite()


@pytest.mark.parametrize("mode", ["recomputed", "difference"])
def test_a_model_without_running_statistics_has_no_such_mode(mode: str) -> None:
    plain = case("dense tanh").objective(ONE_BATCH)
    assert not plain.has_batch_norm
    with pytest.raises(ValueError, match="batch-norm layers that keep running statistics"):
        plain.with_batch_norm(mode)
    assert plain.with_batch_norm("frozen") is plain
    with pytest.raises(ValueError, match="one of frozen, recomputed, difference, got 'thawed'"):
        plain.with_batch_norm("thawed")


CONTROLS = make_controls(
    axes=("random", "random"), seed=3, domain=(-1, 1, -1, 1), resolution=3, examples=N, samples=2
)


def found(study: Study, mode: str) -> Findings:
    controls: Controls = replace(CONTROLS, batch_norm=mode)
    return deque(study.steps(controls), maxlen=1).pop()


def test_pictures_of_each_mode_and_curvature_of_the_frozen_function() -> None:
    base = objective(12, 12)
    study = Study(base)
    plane = random_plane(base, seed=3)
    surfaces = {}
    for mode in ("frozen", "recomputed", "difference", "frozen"):
        result = found(study, mode)
        assert result.surface is not None
        assert result.surface.provenance["batch_norm"] == mode
        surfaces[mode] = result.surface.loss
        expected = [
            [
                base.with_batch_norm(mode)
                .loss(torch.from_numpy(plane.origin + a * plane.eta + b * plane.delta))
                .item()
                for a in (-1, 0, 1)
            ]
            for b in (-1, 0, 1)
        ]
        np.testing.assert_allclose(surfaces[mode], expected, rtol=1e-10, atol=1e-12)
        assert result.plane_curvature == pytest.approx(found(study, "frozen").plane_curvature)
    np.testing.assert_allclose(
        surfaces["difference"], surfaces["recomputed"] - surfaces["frozen"], rtol=1e-9, atol=1e-12
    )


def test_statistics_that_follow_theta_do_so_once() -> None:
    base = objective(24)
    following = base.with_batch_norm("recomputed")
    for call in (
        lambda: following.with_batch_norm("recomputed"),
        lambda: following.with_batch_norm("frozen"),
        lambda: base.with_batch_norm("recomputed", following),
        lambda: following.with_data(data()),
    ):
        with pytest.raises(TypeError, match="got one whose statistics follow θ"):
            call()


def test_statistics_of_a_loss_with_derivatives_of_its_own() -> None:
    def penalised(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        x = batch[0].clone().requires_grad_()
        loss = nn.functional.cross_entropy(model(x), batch[1])
        (slope,) = torch.autograd.grad(loss, x, create_graph=True)
        return loss + slope.square().sum()

    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 4))
    model = model.double().eval()
    recomputed = Objective(model, [data()], penalised).with_batch_norm("recomputed")
    update_bn([data()[0]], model)
    assert recomputed.loss().item() == pytest.approx(penalised(model, data()).item(), rel=1e-9)
