"""Points of the explorer: pins, another centre, weights into the user's model; plain torch is the truth."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Event, current_thread
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim.swa_utils import update_bn

from landscape_widget import (
    LandscapeExplorer,
    Objective,
    Pin,
    evaluate_point,
    hessian_eigenpairs,
    random_plane,
)
from landscape_widget.export import point_payloads
from landscape_widget.planes.directions import random_pair
from landscape_widget.planes.points import locate
from landscape_widget.results.planes import Plane, Surface

from ..export.test_html_page import carried
from ..support.cases import NARROW, ONE_BATCH
from ..support.gates import HUNG, finish, finish_pin, gated_saddle
from ..support.page import received, send

Make = Callable[..., LandscapeExplorer]

NETWORK = NARROW
X, Y = NETWORK.examples()
TEST = (
    torch.randn(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64),
    torch.arange(9) % 3,
)
AT = (0.3, -0.2)


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(1) == target).double().mean()


def new_network(make: Make, model: nn.Module | None = None, **keywords: Any) -> LandscapeExplorer:
    return make(
        NETWORK.model() if model is None else model,
        NETWORK.batches(ONE_BATCH),
        NETWORK.loss_fn,
        **{"metrics": {"accuracy": accuracy}, "test_loader": TEST, "domain": (-1, 1, -1, 1), **keywords},
    )


def make_network(make: Make, model: nn.Module | None = None, **keywords: Any) -> LandscapeExplorer:
    return new_network(make, model, **keywords).compute("surface")


def ready(explorer: LandscapeExplorer, pin: Pin) -> Pin:
    assert finish_pin(explorer, pin).done
    return pin


def loss_of(state: dict[str, Any], x: Tensor = X, y: Tensor = Y) -> float:
    model = NETWORK.model()
    model.load_state_dict(state)
    with torch.no_grad():
        return nn.functional.cross_entropy(model(x), y).item()


def test_a_pin_knows_the_point(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    pin = ready(explorer, explorer.pin(*AT))
    assert explorer.pins == (pin,)
    test = explorer.objective.with_data(TEST)
    expected = evaluate_point(explorer.objective, explorer.plane, *AT, test)
    assert pin.values.train == expected.train
    assert pin.values.test == expected.test
    assert pin.values.gradient_norm == expected.gradient_norm
    np.testing.assert_array_equal(pin.values.hessian, expected.hessian)
    state = explorer.parameters_at(*AT)
    assert pin.values.train.loss == pytest.approx(loss_of(state), rel=1e-12)
    assert pin.values.test.loss == pytest.approx(loss_of(state, *TEST), rel=1e-12)


def test_the_page_receives_the_numbers(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    pin = ready(explorer, explorer.pin(*AT))
    (sent,) = received(explorer, "_pins")["pins"]
    json.dumps(received(explorer, "_pins"), allow_nan=False)
    assert (sent["number"], sent["alpha"], sent["beta"]) == (1, *AT)
    assert sent["train"] == {
        "loss": pin.values.train.loss,
        "metrics": pin.values.train.metrics,
        "n_examples": 13,
    }
    assert sent["test"]["n_examples"] == 9
    assert sent["gradient_norm"] == pin.values.gradient_norm
    assert sent["hessian"] == pin.values.hessian.tolist()
    assert sent["curvatures"] == list(pin.values.curvatures)
    assert sent["places"][0] == pytest.approx(AT, abs=1e-12)
    assert sent["places"][1] is None
    assert (sent["done"], sent["error"]) == (True, "")


def test_a_pin_is_told_anew_where_something_is_new_of_it(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the time that pins take would grow with the square of their number."""
    explorer = make_explorer(gated_saddle()[1], axes=("random", "random"), resolution=3).compute("surface")
    told: list[int] = []
    payload = point_payloads.pin

    def counted(pin: Pin, *args: Any) -> Any:
        told.append(pin.number)
        return payload(pin, *args)

    monkeypatch.setattr(point_payloads, "pin", counted)
    for i in range(20):
        finish_pin(explorer, explorer.pin(i / 100, 0.5))
    assert set(told) == set(range(1, 21))
    assert len(told) <= 20 * 5, "once it is set, with loss, slope and curvature, and no more"
    assert [pin["done"] for pin in received(explorer, "_pins")["pins"]] == [True] * 20


def interpolated_node(surface: Surface, which: int = 300) -> tuple[tuple[int, int], tuple[float, float]]:
    """A node that was not evaluated, and where it is."""
    i, j = np.argwhere(~surface.done)[which].tolist()
    return (i, j), (float(surface.alpha[j]), float(surface.beta[i]))


def test_a_pin_on_an_interpolated_node_has_it_evaluated(make_explorer: Make) -> None:
    """Nothing else changes, and the bound is still one of those interpolated."""
    explorer = make_network(make_explorer, resolution=51)
    before = explorer.surface
    node, at = interpolated_node(before)
    told = dict(explorer.progress)
    pin = explorer.pin(*at)
    explorer.wait(HUNG)
    after = explorer.surface
    assert np.argwhere(after.done & ~before.done).tolist() == [list(node)]
    assert after.loss[node] == pytest.approx(pin.values.train.loss, rel=1e-9)
    assert after.error_bound == before.error_bound
    assert explorer.progress["fraction"] == told["fraction"]
    assert explorer.progress["elapsed"] == told["elapsed"]
    assert received(explorer, "_surface")["n_done"] == before.n_evaluated + 1
    assert explorer.status == "done"
    explorer.pin(0, 0)
    explorer.wait(HUNG)
    assert explorer.surface is after


def test_a_pin_is_evaluated_in_every_picture_that_it_lies_in(make_explorer: Make, tmp_path: Path) -> None:
    """Of both splits, in the second picture, in later ones, and in another explorer that loads a file."""
    options = {"resolution": 51, "compared_split": "test"}
    explorer = make_network(make_explorer, **options)
    missing = ~(explorer.surface.done | explorer.compared.surface.done)
    i, j = np.argwhere(missing)[200].tolist()
    at = float(explorer.surface.alpha[j]), float(explorer.surface.beta[i])
    explorer.pin(*at)
    explorer.wait(HUNG)
    assert explorer.surface.done[i, j]
    assert explorer.compared.surface.done[i, j]
    path = tmp_path / "run.npz"
    explorer.save(path)
    explorer.domain = (-0.9, 1.1, -1.2, 1)
    explorer.compute()
    other = new_network(make_explorer, **options).load(path).compute()
    other.domain = (-0.9, 1.1, -1.2, 1)
    other.compute()
    for one in (explorer, other):
        surface = one.surface
        row, column = (
            int(np.argmin(abs(axis - x)))
            for axis, x in zip((surface.beta, surface.alpha), at[::-1], strict=True)
        )
        assert surface.done[row, column]


def test_a_pin_that_is_set_while_the_picture_grows_is_evaluated_in_it(make_explorer: Make) -> None:
    options = {"resolution": 51, "domain": (-0.8, 0.9, -0.8, 0.9)}
    plain = make_explorer(gated_saddle()[1], **options).compute("surface")
    node, at = interpolated_node(plain.surface)
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, **options).compute("eigenpairs")
    gate.hold(after=150)
    explorer._submit("surface")
    assert gate.reached.wait(HUNG)
    assert not explorer.surface.final
    explorer.pin(*at)
    gate.go.set()
    explorer.wait(HUNG)
    assert explorer.surface.final
    assert np.argwhere(explorer.surface.done & ~plain.surface.done).tolist() == [list(node)]


def click(explorer: LandscapeExplorer, alpha: Any, beta: Any, shown: Any = None) -> None:
    shown = shown or received(explorer, "_surface")
    picture = [shown["request"], shown["axes"], shown["n_examples"]]
    send(explorer, type="pin", alpha=alpha, beta=beta, picture=picture)


def test_a_click_pins_and_the_same_place_is_pinned_once(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    click(explorer, *AT)
    click(explorer, *AT)
    assert [(pin.number, pin.alpha, pin.beta) for pin in explorer.pins] == [(1, *AT)]
    click(explorer, 0, 0)
    assert [pin.number for pin in explorer.pins] == [1, 2]
    send(explorer, type="unpin", pin=1)
    assert [pin.number for pin in explorer.pins] == [2]
    click(explorer, 0.5, 0.5)
    assert [pin.number for pin in explorer.pins] == [2, 3]  # numbers do not come back


def test_a_click_is_on_the_picture_that_the_page_showed(make_explorer: Make) -> None:
    """It may arrive when the kernel has gone on to another plane."""
    explorer = make_network(make_explorer)
    before, plane = received(explorer, "_surface"), explorer.plane
    explorer.axes = ("random", "random")
    explorer.wait(HUNG)
    click(explorer, *AT, before)
    assert explorer.pins[0].plane is plane
    assert received(explorer, "_pins")["pins"][0]["places"][0] is None
    click(explorer, *AT, before | {"request": 99})
    assert len(explorer.pins) == 1


def test_a_bad_click_pins_nothing_and_is_told(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    for bad in [("x", 0), (None, 0), (float("nan"), 0), (float("inf"), 1)]:
        click(explorer, *bad)
        assert explorer.pins == ()
        assert "two finite numbers" in received(explorer, "_pins")["note"]
    click(explorer, 0, 0)
    assert received(explorer, "_pins")["note"] == ""


def test_a_pin_is_served_while_a_computation_runs_which_goes_on(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, domain=(-1, 1, -1, 1)).compute()
    gate.hold()
    explorer.resolution = 33
    assert gate.reached.wait(HUNG)
    running = explorer._request
    pin = explorer.pin(0.5, 0.25)  # returns at once, though the loss is held
    assert pin.values is None
    gate.go.set()
    ready(explorer, pin)
    finish(running)
    assert explorer.status == "done"
    assert explorer._request is running
    assert explorer.surface.loss.shape == (33, 33)
    assert pin.values.train.loss == objective.loss(torch.from_numpy(pin.theta)).item()


def test_removing_a_pin_ends_its_computation(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective).compute()
    gate.hold()
    pin = explorer.pin(0, 0)
    assert gate.reached.wait(HUNG)
    request = explorer._points.pins.requests[pin.number]
    explorer.unpin(1)
    gate.go.set()
    finish(request)
    assert not pin.done
    assert received(explorer, "_pins")["pins"] == []
    with pytest.raises(KeyError, match=r"number of a pin \(none\), got 1"):
        explorer.unpin(1)


def test_a_fault_at_a_pin_stays_there(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective).compute()
    gate.fail(ArithmeticError("no gradient today"), after=1)
    pin = ready(explorer, explorer.pin(0, 0))
    assert pin.error == "ArithmeticError: no gradient today"
    assert pin.values.train.loss == objective.loss().item()
    assert received(explorer, "_pins")["pins"][0]["error"] == pin.error
    assert (explorer.status, explorer.error) == ("done", "")


def test_what_is_not_finite_is_none_on_the_page(make_explorer: Make) -> None:
    def f(theta: Tensor) -> Tensor:
        return torch.log(theta[0]) + (theta**2).sum()

    explorer = make_explorer(
        Objective.from_function(f, torch.ones(4, dtype=torch.float64)), axes=("random", "random")
    ).compute()
    alpha = -3 / explorer.plane.eta[0]  # θ₁ = −2
    pin = ready(explorer, explorer.pin(alpha, 0))
    assert np.isnan(pin.values.train.loss)
    sent = received(explorer, "_pins")["pins"][0]
    assert sent["train"]["loss"] is None
    assert sent["done"]
    json.dumps(received(explorer, "_pins"), allow_nan=False)


def test_pins_keep_their_place_when_the_picture_changes(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    explorer.pin(*AT)
    place = received(explorer, "_pins")["pins"][0]["places"][0]
    explorer.resolution = 7
    explorer.wait(HUNG)
    assert received(explorer, "_pins")["pins"][0]["places"][0] == pytest.approx(place, rel=1e-9)
    explorer.axes = ("hessian:min", "hessian:max")
    explorer.wait(HUNG)
    assert received(explorer, "_pins")["pins"][0]["places"][0] == pytest.approx(AT[::-1], rel=1e-9)
    explorer.axes = ("random", "random")
    explorer.wait(HUNG)
    assert received(explorer, "_pins")["pins"][0]["places"][0] is None


def test_places_on_both_planes(make_explorer: Make) -> None:
    explorer = make_network(make_explorer, compared_axes=("random", "hessian:max"))
    pin = explorer.pin(0.4, 0.0)  # along η of the first, which is δ of the second
    assert received(explorer, "_pins")["pins"][0]["places"] == [
        pytest.approx((0.4, 0.0), abs=1e-9),
        pytest.approx((0.0, 0.4), abs=1e-9),
    ]
    np.testing.assert_allclose(explorer.compared.plane.point(0.0, 0.4), pin.theta, rtol=1e-12)


def test_locate() -> None:
    generator = np.random.default_rng(0)
    origin, eta, delta = generator.normal(size=(3, 50))
    plane = Plane(origin, eta, delta)
    assert locate(plane, plane.point(0.3, -1.7)) == pytest.approx((0.3, -1.7), rel=1e-12)
    assert locate(plane, origin) == (0, 0)
    assert locate(plane, origin + generator.normal(size=50)) is None
    flat = Plane(origin, eta, eta)  # coordinates of the least norm
    assert locate(flat, origin + eta) == pytest.approx((0.5, 0.5))


def test_another_centre_is_an_exploration_of_its_own(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    theta, surface, info = explorer.plane.point(*AT), explorer.surface, received(explorer, "_info")
    explorer.recentre(*AT)
    assert explorer.eigenpairs is None  # those of the old centre say nothing of the new one
    explorer.wait(HUNG)
    assert explorer.status == "done"
    np.testing.assert_array_equal(explorer.plane.origin, theta)
    centred = NETWORK.objective(ONE_BATCH).at(torch.from_numpy(theta))
    np.testing.assert_allclose(explorer.eigenpairs.values, hessian_eigenpairs(centred).values, rtol=1e-9)
    assert explorer.surface.loss[2, 2] == centred.loss().item()
    assert received(explorer, "_info")["theta_norm"] == pytest.approx(np.linalg.norm(theta))
    moved = np.linalg.norm(theta - NETWORK.objective(ONE_BATCH).theta.numpy())
    assert received(explorer, "_pins")["centre"] == {"depth": 1, "request": 1, "moved": pytest.approx(moved)}
    explorer.go_back()
    explorer.wait(HUNG)
    np.testing.assert_array_equal(explorer.surface.loss, surface.loss)
    assert received(explorer, "_info") == info
    assert received(explorer, "_pins")["centre"]["depth"] == 0
    with pytest.raises(RuntimeError, match="none is left"):
        explorer.go_back()


def test_a_pin_becomes_the_centre_and_is_marked_there(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    pin = ready(explorer, explorer.pin(*AT))
    send(explorer, type="recentre", pin=1)
    explorer.wait(HUNG)
    np.testing.assert_array_equal(explorer.plane.origin, pin.theta)
    assert received(explorer, "_pins")["pins"][0]["places"][0] == pytest.approx((0, 0), abs=1e-12)
    assert explorer.surface.loss[2, 2] == pytest.approx(pin.values.train.loss, rel=1e-12)
    send(explorer, type="back")
    explorer.wait(HUNG)
    assert received(explorer, "_pins")["pins"][0]["places"][0] == pytest.approx(AT)
    send(explorer, type="back")
    assert "none is left" in received(explorer, "_pins")["note"]


def test_the_centre_is_marked_in_single_precision_too(make_explorer: Make) -> None:
    """There the centre is the pin rounded."""
    objective = NETWORK.objective(ONE_BATCH).to(torch.float32)
    plane = random_plane(objective)
    theta = plane.point(*AT)
    rounded = random_plane(objective.at(torch.from_numpy(theta)))
    assert not np.array_equal(rounded.origin, theta)
    assert locate(rounded, theta) == pytest.approx((0, 0), abs=1e-6)
    assert (
        locate(rounded, theta + 1e-3 * np.linalg.norm(theta) * random_pair(len(theta), 9)[0].numpy()) is None
    )


def test_going_back_computes_nothing_anew(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, domain=(-1, 1, -1, 1)).compute()
    explorer.recentre(0.5, 0.5)
    explorer.wait(HUNG)
    calls = gate.calls
    explorer.go_back()
    explorer.wait(HUNG)
    assert gate.calls == calls
    assert explorer.status == "done"


def test_weights_at_a_point_of_a_moved_centre(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    explorer.recentre(*AT)
    explorer.wait(HUNG)
    loss = evaluate_point(explorer.objective, explorer.plane, 0.1, 0.2).train.loss
    assert loss_of(explorer.parameters_at(0.1, 0.2)) == pytest.approx(loss, rel=1e-12)


def test_apply_and_restore_the_users_model(make_explorer: Make) -> None:
    model = NETWORK.model()
    before = {key: t.clone() for key, t in model.state_dict().items()}
    explorer = make_network(make_explorer, model)
    assert received(explorer, "_pins")["applied"] is None
    explorer.apply(*AT)
    assert loss_of(model.state_dict()) == pytest.approx(loss_of(explorer.parameters_at(*AT)), rel=1e-15)
    assert received(explorer, "_pins")["applied"] == "(0.3, −0.2) on hessian:max × hessian:min"
    surface = explorer.surface
    explorer.compute()  # the landscape stays that of the weights at first
    np.testing.assert_array_equal(explorer.surface.loss, surface.loss)
    explorer.restore()
    assert all(torch.equal(t, before[key]) for key, t in model.state_dict().items())
    assert received(explorer, "_pins")["applied"] is None
    with pytest.raises(RuntimeError, match="nothing was applied"):
        explorer.restore()


def normalised() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).double()
    model(X)
    return model.eval()


def make_normalised(make: Make, model: nn.Module, norm: str) -> LandscapeExplorer:
    return make(
        model, (X, Y), nn.CrossEntropyLoss(), metrics={"accuracy": accuracy}, test_loader=TEST,
        batch_norm=norm, axes=("random", "random"), resolution=5, accuracy=0,
    ).compute("surface")  # fmt: skip


class AtAPoint:
    """A model at (α, β) of a plane, by plain torch: with statistics of its own, or of ``update_bn``."""

    def __init__(
        self, model: nn.Module, plane: Plane, refreshed: bool, at: tuple[float, float] = (0.5, -0.5)
    ) -> None:
        self.model = copy.deepcopy(model)
        theta = torch.from_numpy(plane.origin + at[0] * plane.eta + at[1] * plane.delta)
        nn.utils.vector_to_parameters(theta, self.model.parameters())
        if refreshed:
            update_bn([X], self.model)
        self.model.eval()

    def loss(self, x: Tensor = X, y: Tensor = Y) -> float:
        return nn.functional.cross_entropy(self.model(x), y).item()

    def accuracy(self, x: Tensor = X, y: Tensor = Y) -> float:
        return float(accuracy(self.model(x), y))

    def gradient_norm(self) -> float:
        loss = nn.functional.cross_entropy(self.model(X), Y)
        return float(
            torch.cat([g.flatten() for g in torch.autograd.grad(loss, self.model.parameters())]).norm()
        )

    def hessian(self, plane: Plane) -> np.ndarray:
        """Second derivatives by α and β, the statistics held fixed."""
        names = [name for name, _ in self.model.named_parameters()]
        sizes = [p.numel() for p in self.model.parameters()]
        shapes = [p.shape for p in self.model.parameters()]
        here = nn.utils.parameters_to_vector(self.model.parameters()).detach()
        axes = torch.from_numpy(np.stack([plane.eta, plane.delta]))

        def loss(at: Tensor) -> Tensor:
            parts = (here + at @ axes).split(sizes)
            tensors = {n: p.reshape(s) for n, p, s in zip(names, parts, shapes, strict=True)}
            return nn.functional.cross_entropy(functional_call(self.model, tensors, (X,)), Y)

        found: np.ndarray = torch.autograd.functional.hessian(loss, torch.zeros(2).double()).numpy()
        return found


def agrees(pin: Pin, there: AtAPoint) -> None:
    train, test = pin.values.train, pin.values.test
    assert train.loss == pytest.approx(there.loss(), rel=1e-12)
    assert test.loss == pytest.approx(there.loss(*TEST), rel=1e-12)
    assert (train.metrics, test.metrics) == (
        {"accuracy": pytest.approx(there.accuracy())},
        {"accuracy": pytest.approx(there.accuracy(*TEST))},
    )
    assert pin.values.gradient_norm == pytest.approx(there.gradient_norm(), rel=1e-10)
    np.testing.assert_allclose(pin.values.hessian, there.hessian(pin.plane), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("norm", ["frozen", "recomputed", "difference"])
def test_a_pin_has_the_batch_norm_statistics_of_the_picture_and_says_which(
    make_explorer: Make, norm: str
) -> None:
    """Those of the model where the picture is of a difference, which no model has for its loss."""
    model = normalised()
    explorer = make_normalised(make_explorer, model, norm)
    pin = ready(explorer, explorer.pin(0.5, -0.5))
    refreshed, frozen = (AtAPoint(model, explorer.plane, on) for on in (True, False))
    assert refreshed.loss() != pytest.approx(frozen.loss(), rel=1e-3)
    own = "recomputed" if norm == "recomputed" else "frozen"
    agrees(pin, refreshed if norm == "recomputed" else frozen)
    assert pin.values.batch_norm == own
    assert received(explorer, "_pins")["pins"][0]["batch_norm"] == own


@pytest.mark.parametrize("norm", ["recomputed", "difference"])
def test_an_objective_whose_statistics_follow_is_refused_at_once(make_explorer: Make, norm: str) -> None:
    objective = Objective(normalised(), (X, Y), nn.CrossEntropyLoss())
    with pytest.raises(TypeError, match=r"Give the one that it was made of, and batch_norm='recomputed'"):
        make_explorer(objective.with_batch_norm(norm))
    with pytest.raises(TypeError, match="got 'recomputed' ones"):
        make_explorer(objective.with_batch_norm("recomputed").holding_statistics())


@pytest.mark.parametrize("norm", ["frozen", "recomputed"])
def test_weights_at_a_point_have_the_loss_of_the_picture(make_explorer: Make, norm: str) -> None:
    """By coordinates, by a pin, in the model itself and by the page; and all is put back."""
    model = normalised()
    before = copy.deepcopy(model.state_dict())
    explorer = make_normalised(make_explorer, model, norm)
    surface, other = explorer.surface, copy.deepcopy(model)
    at = float(surface.alpha[3]), float(surface.beta[1])
    pin = ready(explorer, explorer.pin(*at))

    def loss(model: nn.Module) -> float:
        with torch.no_grad():
            return nn.functional.cross_entropy(model(X), Y).item()

    for place in (at, (pin,)):
        other.load_state_dict(explorer.parameters_at(*place))
        assert loss(other) == pytest.approx(surface.loss[1, 3], rel=1e-12)
        explorer.apply(*place)
        assert loss(model) == pytest.approx(surface.loss[1, 3], rel=1e-12)
        explorer.restore()
    send(explorer, type="apply", pin=1)
    explorer.wait(HUNG)
    assert received(explorer, "_pins")["note"] == ""
    assert loss(model) == pytest.approx(pin.values.train.loss, rel=1e-12)
    explorer.restore()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_weights_beside_a_difference_say_that_they_keep_their_statistics(make_explorer: Make) -> None:
    model = normalised()
    explorer = make_normalised(make_explorer, model, "difference")
    with pytest.warns(
        UserWarning, match="^Your model keeps its batch-norm statistics; the picture is of what"
    ):
        explorer.apply(0.5, -0.5)
    assert received(explorer, "_pins")["note"].startswith("Your model keeps its batch-norm statistics")
    there = AtAPoint(normalised(), explorer.plane, refreshed=False)
    with torch.no_grad():
        assert nn.functional.cross_entropy(model(X), Y).item() == pytest.approx(there.loss(), rel=1e-12)


def test_pins_follow_the_statistics_of_the_picture(make_explorer: Make) -> None:
    model = normalised()
    explorer = make_normalised(make_explorer, model, "frozen")
    pin = ready(explorer, explorer.pin(0.5, -0.5))
    refreshed, frozen = (AtAPoint(model, explorer.plane, on) for on in (True, False))
    agrees(pin, frozen)
    explorer.batch_norm = "recomputed"
    agrees(ready(explorer, pin), refreshed)
    explorer.recentre(pin)
    assert explorer.objective.loss().item() == pytest.approx(frozen.loss(), rel=1e-5)  # with the model's own
    assert frozen.loss() != pytest.approx(refreshed.loss(), rel=1e-2)
    explorer.go_back()
    agrees(ready(explorer, pin), refreshed)
    explorer.batch_norm = "difference"
    agrees(ready(explorer, pin), frozen)
    assert explorer.pins == (pin,)


def test_a_pin_around_another_checkpoint_follows_once_that_is_gone_to(make_explorer: Make) -> None:
    """Until then it says which statistics it has: those that it was looked at with."""
    model = normalised()
    former = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        model[0].weight.mul_(-1.5)
        model[1].running_var.mul_(2.0)
    explorer = make_explorer(
        model, (X, Y), nn.CrossEntropyLoss(), metrics={"accuracy": accuracy}, test_loader=TEST,
        axes=("random", "random"), resolution=5, accuracy=0, trajectory=[former, model.state_dict()],
    ).compute("surface")  # fmt: skip
    pin = ready(explorer, explorer.pin(0.5, -0.5))
    refreshed, frozen = (AtAPoint(model, explorer.plane, on) for on in (True, False))
    explorer.checkpoint = 0
    explorer.batch_norm = "recomputed"
    explorer.compute("surface")
    agrees(ready(explorer, pin), frozen)
    assert pin.values.batch_norm == "frozen"
    state = AtAPoint(model, explorer.plane, refreshed=False).model
    state.load_state_dict(explorer.parameters_at(pin))
    with torch.no_grad():
        assert nn.functional.cross_entropy(state(X), Y).item() == pytest.approx(refreshed.loss(), rel=1e-12)
    explorer.checkpoint = None
    agrees(ready(explorer, pin), refreshed)
    assert pin.values.batch_norm == "recomputed"


def test_a_file_holds_pins_with_their_statistics(make_explorer: Make, tmp_path: Path) -> None:
    model = normalised()
    explorer = make_normalised(make_explorer, model, "recomputed")
    pin = ready(explorer, explorer.pin(0.5, -0.5))
    explorer.save(tmp_path / "run.npz")
    other = make_normalised(make_explorer, model, "frozen").load(tmp_path / "run.npz")
    (loaded,) = other.pins
    assert ready(other, loaded).values == pin.values
    assert loaded.values.batch_norm == "recomputed"


@pytest.mark.parametrize("metrics", [None, {"accuracy": accuracy}], ids=["loss alone", "metrics"])
def test_a_pin_of_a_file_around_another_checkpoint_waits_until_that_is_gone_to(
    make_explorer: Make, tmp_path: Path, metrics: Any
) -> None:
    """With the buffers of the present one its loss would be another."""
    model = normalised()
    former = copy.deepcopy(model.state_dict())
    first = copy.deepcopy(model)
    with torch.no_grad():
        model[1].running_var.mul_(2.0)
        model[0].weight.mul_(-1.5)

    def explorer_of() -> LandscapeExplorer:
        return make_explorer(
            model, (X, Y), nn.CrossEntropyLoss(), metrics=metrics, axes=("random", "random"), resolution=5,
            trajectory=[former, model.state_dict()],
        )  # fmt: skip

    explorer = explorer_of()
    explorer.checkpoint = 0
    pin = ready(explorer.compute("surface"), explorer.pin(0.5, -0.5))
    there = AtAPoint(first, pin.plane, refreshed=False)
    explorer.checkpoint = None
    explorer.compute("surface").save(tmp_path / "run.npz")
    other = explorer_of().load(tmp_path / "run.npz")
    (pin,) = other.pins
    for norm in ("frozen", "recomputed"):
        other.batch_norm = norm
        other.compute("surface").wait(HUNG)
        assert pin.values.train.loss == pytest.approx(there.loss(), rel=1e-12)
        assert pin.values.batch_norm == "frozen"
    with pytest.raises(RuntimeError, match="Go to its checkpoint first, or pin it again"):
        other.parameters_at(pin)
    other.checkpoint = 0
    refreshed = AtAPoint(first, pin.plane, refreshed=True)
    assert ready(other, pin).values.train.loss == pytest.approx(refreshed.loss(), rel=1e-12)
    assert set(pin.values.train.metrics) == set(metrics or {})
    model.load_state_dict(other.parameters_at(pin))
    with torch.no_grad():
        assert nn.functional.cross_entropy(model(X), Y).item() == pytest.approx(refreshed.loss(), rel=1e-12)


def test_pins_of_a_file_without_statistics_are_looked_at_anew(make_explorer: Make, tmp_path: Path) -> None:
    """Losses of pins in it are with those of the model, whatever the pictures are of."""
    model = normalised()
    explorer = make_normalised(make_explorer, model, "recomputed")
    pin = ready(explorer, explorer.pin(0.5, -0.5))
    explorer.save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz") as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].tobytes())
    (point,) = [part for part in parts_of(header) if part.get("type") == "PlanePoint"]
    assert point["fields"].pop("batch_norm") == "recomputed"
    point["fields"]["train"]["fields"]["loss"] = 99.0
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(tmp_path / "old.npz", **arrays)
    other = make_normalised(make_explorer, model, "frozen").load(tmp_path / "old.npz")
    (loaded,) = other.pins
    other.wait(HUNG)
    assert loaded.values == pin.values


def parts_of(tree: Any) -> Iterator[dict[str, Any]]:
    """All mappings in what a file's header holds."""
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from parts_of(part)


class CountedNorm(nn.BatchNorm1d):
    """Counts batches that it takes its statistics from."""

    batches = 0

    def forward(self, x: Tensor) -> Tensor:
        CountedNorm.batches += self.training
        return super().forward(x)


def test_statistics_are_recomputed_once_for_a_pin_and_once_for_each_row(make_explorer: Make) -> None:
    """For loss, metrics and derivatives, on training and on test data, in whatever dtype."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), CountedNorm(5), nn.Tanh(), nn.Linear(5, 3)).eval()
    data = [(X[:5].float(), Y[:5]), (X[5:].float(), Y[5:])]
    explorer = make_explorer(
        model, data, nn.CrossEntropyLoss(), metrics={"accuracy": accuracy},
        test_loader=(TEST[0].float(), TEST[1]), batch_norm="recomputed", axes=("random", "random"),
        resolution=3, accuracy=0,
    ).compute("surface")  # fmt: skip
    place = float(explorer.surface.alpha[0]), float(explorer.surface.beta[0])  # which the picture has
    before = CountedNorm.batches
    pin = ready(explorer, explorer.pin(*place))
    assert pin.values.hessian is not None
    assert CountedNorm.batches - before == len(data)
    before = CountedNorm.batches
    table = explorer.table()
    assert CountedNorm.batches - before == len(data) * len(table.rows)


def test_the_page_has_weights_loaded_by_the_worker_where_statistics_are_recomputed(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass over the data would hold up all that a page asks for; it is told what is being done."""
    model = normalised()
    explorer = make_normalised(make_explorer, model, "recomputed")
    pin = ready(explorer, explorer.pin(0.5, -0.5))
    threads, held_up = [], Event()
    statistics_at = Objective.statistics_at

    def watched(objective: Objective, theta: Tensor) -> dict[str, Tensor]:
        threads.append(current_thread())
        assert held_up.wait(HUNG)
        return statistics_at(objective, theta)

    monkeypatch.setattr(Objective, "statistics_at", watched)
    send(explorer, type="apply", pin=1)
    assert received(explorer, "_pins")["note"].startswith("Batch-norm statistics are being recomputed there")
    held_up.set()
    explorer.wait(HUNG)
    assert current_thread() not in threads
    assert (received(explorer, "_pins")["note"], received(explorer, "_pins")["applied"]) == ("", "pin 1")
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(X), Y).item()
    assert loss == pytest.approx(pin.values.train.loss, rel=1e-12)
    send(explorer, type="apply", pin=7)
    explorer.wait(HUNG)
    assert "Expected the number of a pin (1), got 7" in received(explorer, "_pins")["note"]


class Residual(nn.Module):
    """Normalises in all the ways that there are, twice by the same layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = (
            nn.Conv2d(1, 4, 3),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Linear(4, 3),
        )
        self.mean_of_all = nn.BatchNorm2d(4, momentum=None)
        self.of_the_batch = nn.BatchNorm2d(4, track_running_stats=False)
        self.synchronised, self.grouped = nn.SyncBatchNorm(4), nn.GroupNorm(2, 4)
        self.twice = nn.BatchNorm2d(4, affine=False)
        self.under_another_name = self.twice

    def forward(self, x: Tensor) -> Tensor:
        h = self.mean_of_all(self.first(x)).tanh()
        h = h + self.of_the_batch(self.second(h)).tanh()
        h = self.twice(self.grouped(self.synchronised(h)))
        return self.last(self.under_another_name(1 + 1.5 * self.second(h).tanh()).mean((2, 3)))


@pytest.mark.parametrize("by_workers", [False, True])
@pytest.mark.filterwarnings(
    "ignore:The loss of the first:UserWarning"
)  # is of its batch, by one of the layers
def test_weights_of_a_pin_have_its_loss_however_the_model_normalises(
    make_explorer: Make, by_workers: bool
) -> None:
    torch.manual_seed(0)
    model, x, y = Residual().double(), torch.randn(30, 1, 5, 5).double(), torch.arange(30) % 3
    model(x)
    data, test = [(x[:12], y[:12]), (x[12:24], y[12:24])], [(x[24:], y[24:])]
    with ThreadPoolExecutor(1) if by_workers else nullcontext() as executor:
        explorer = make_explorer(
            model.eval(), data, nn.functional.cross_entropy, test_loader=test, executor=executor,
            batch_norm="recomputed", axes=("random", "random"), resolution=3, accuracy=0,
        ).compute("surface")  # fmt: skip
        surface = explorer.surface
        pin = ready(explorer, explorer.pin(float(surface.alpha[2]), float(surface.beta[0])))
    assert pin.error == ""
    before = copy.deepcopy(model.state_dict())
    explorer.apply(pin)

    def loss(data: list[tuple[Tensor, Tensor]]) -> float:
        with torch.no_grad():
            return sum(nn.functional.cross_entropy(model(x), y).item() for x, y in data) / len(data)

    refreshed = copy.deepcopy(model)
    found = loss(data), loss(test)
    assert found[0] == pytest.approx(surface.loss[0, 2], rel=1e-12)
    assert found == pytest.approx((pin.values.train.loss, pin.values.test.loss), rel=1e-12)
    after = model.state_dict()
    update_bn([x for x, _ in data], refreshed)
    for key, tensor in refreshed.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(after[key], tensor, rtol=1e-12, atol=1e-14)
    explorer.restore()
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("norm", ["frozen", "recomputed", "difference"])
def test_the_table_is_with_the_statistics_of_the_picture(make_explorer: Make, norm: str) -> None:
    model = normalised()
    explorer = make_normalised(make_explorer, model, norm)
    table, surface = explorer.table(), explorer.surface
    own = "recomputed" if norm == "recomputed" else "frozen"
    assert table.provenance["batch_norm"] == own
    assert ("with recomputed batch norm" in repr(table)) is (norm == "recomputed")
    assert {row["batch_norm"] for row in received(explorer, "_pins")["table"]} == {own}
    for row in table.rows:
        there = AtAPoint(model, explorer.plane, norm == "recomputed", (row.alpha, row.beta))
        assert row.train.loss == pytest.approx(there.loss(), rel=1e-12)
        assert row.test.loss == pytest.approx(there.loss(*TEST), rel=1e-12)
    if norm != "difference":
        assert table.rows[1].train.loss == pytest.approx(surface.loss.min(), rel=1e-12)


def test_the_page_copies_a_pin_and_hears_why_it_cannot_be_undone(make_explorer: Make) -> None:
    model = NETWORK.model()
    before = loss_of(model.state_dict())
    explorer = make_network(make_explorer, model)
    pin = ready(explorer, explorer.pin(*AT))
    send(explorer, type="apply", pin=1)
    assert received(explorer, "_pins")["applied"] == "pin 1"
    assert loss_of(model.state_dict()) == pytest.approx(pin.values.train.loss, rel=1e-12)
    with torch.no_grad():
        model[0].bias.add_(1.0)
    trained = loss_of(model.state_dict())
    send(explorer, type="restore", force=False)
    assert "changed since" in received(explorer, "_pins")["note"]
    assert loss_of(model.state_dict()) == trained
    send(explorer, type="restore", force=True)
    assert loss_of(model.state_dict()) == before
    assert (received(explorer, "_pins")["note"], received(explorer, "_pins")["applied"]) == ("", None)


def test_without_a_model_or_a_plane_there_are_no_weights(make_explorer: Make) -> None:
    explorer = make_explorer(NETWORK.objective(ONE_BATCH))
    for ask in (explorer.parameters_at, explorer.apply, explorer.pin, explorer.recentre):
        with pytest.raises(RuntimeError, match="Expected a picture"):
            ask(0, 0)
    explorer.compute()
    assert received(explorer, "_pins")["writable"] is False
    for ask in (explorer.parameters_at, explorer.apply):
        with pytest.raises(RuntimeError, match="Expected an explorer made of a model"):
            ask(0, 0)
        with pytest.raises(ValueError, match="two finite numbers"):
            ask(0, np.nan)


def test_the_users_model_is_not_touched_by_pins(make_explorer: Make) -> None:
    model = NETWORK.model()
    before = {key: (t.data_ptr(), t.clone()) for key, t in model.state_dict().items()}
    explorer = make_network(make_explorer, model)
    ready(explorer, explorer.pin(*AT))
    explorer.recentre(*AT)
    explorer.wait(HUNG)
    explorer.parameters_at(0, 0)
    for key, t in model.state_dict().items():
        assert (t.data_ptr(), torch.equal(t, before[key][1])) == (before[key][0], True)
    assert all(p.grad is None for p in model.parameters())


def test_a_test_loader_that_the_model_cannot_take(make_explorer: Make) -> None:
    with pytest.raises(ValueError, match=r"test_loader: Expected a model and loss_fn that take the batches"):
        make_network(make_explorer, test_loader=[(TEST[0][:, :2], TEST[1])])
    with pytest.raises(ValueError, match="test_loader: Expected data with at least one example"):
        make_network(make_explorer, test_loader=[])
    with pytest.raises(TypeError, match="test_loader: Expected an objective of a model"):
        make_explorer(gated_saddle()[1], test_loader=TEST)


def test_an_objective_may_come_with_a_test_loader(make_explorer: Make) -> None:
    explorer = make_explorer(NETWORK.objective(ONE_BATCH), test_loader=TEST).compute()
    assert ready(explorer, explorer.pin(0, 0)).values.test.n_examples == 9


def test_the_table_of_both_planes(make_explorer: Make, tmp_path: Path) -> None:
    """Loss and accuracy at θ* and where either picture is lowest, by plain torch on the weights there."""
    explorer = make_network(make_explorer, compared_axes=("random", "random"), compared_domain=(-1, 1, -1, 1))
    table = explorer.table()
    assert [row.place for row in table.rows] == ["centre", "minimum", "minimum"]
    assert [row.axes for row in table.rows[1:]] == [("hessian:max", "hessian:min"), ("random", "random")]
    planes = explorer.plane, explorer.plane, explorer.compared.plane
    assert (table.rows[0].alpha, table.rows[0].beta, table.rows[0].distance) == (0, 0, 0)
    lowest = explorer.surface.minimum, explorer.compared.surface.minimum
    for row, (alpha, beta, loss) in zip(table.rows[1:], lowest, strict=True):
        assert (row.alpha, row.beta) == (alpha, beta)
        assert row.train.loss == pytest.approx(loss, rel=1e-12)
    model = NETWORK.model()
    for row, plane in zip(table.rows, planes, strict=True):
        vector = torch.from_numpy(plane.point(row.alpha, row.beta))
        nn.utils.vector_to_parameters(vector, model.parameters())
        assert row.distance == pytest.approx(np.linalg.norm(vector.numpy() - planes[0].origin), abs=1e-12)
        for scores, (x, y) in ((row.train, (X, Y)), (row.test, TEST)):
            assert scores.loss == pytest.approx(loss_of(model.state_dict(), x, y), rel=1e-12)
            assert scores.metrics["accuracy"] == pytest.approx(accuracy(model(x), y).item())
    table.to_csv(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        assert json.loads(next(file).removeprefix("#"))["n_test_examples"] == 9
        written = list(csv.DictReader(file))
    assert list(written[0])[-4:] == ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert [float(line["test_loss"]) for line in written] == [row.test.loss for row in table.rows]
    assert [line["axis_alpha"] for line in written] == ["", "hessian:max", "random"]


def test_the_table_without_test_data_or_a_plane(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], domain=(-1, 1, -1, 1))
    with pytest.raises(RuntimeError, match="Expected a picture"):
        explorer.table()
    table = explorer.compute().table()
    assert table.rows[1].test is None
    assert list(table.columns)[-1] == "train_loss"


def test_a_table_is_on_the_page_too_and_on_saved_ones(make_explorer: Make, tmp_path: Path) -> None:
    explorer = make_explorer(gated_saddle()[1], domain=(-1, 1, -1, 1)).compute()
    table = explorer.table()
    told = [row.train.loss for row in table.rows]
    assert [row["train"]["loss"] for row in received(explorer, "_pins")["table"]] == told
    explorer.to_html(tmp_path / "page.html")
    assert [row["train"]["loss"] for row in carried(tmp_path / "page.html")["_pins"]["table"]] == told
    explorer.seed = 3
    explorer.axes = ("random", "random")
    explorer.compute("surface")
    assert received(explorer, "_pins")["table"] is None


def test_the_page_asks_for_the_table(make_explorer: Make, tmp_path: Path) -> None:
    explorer = make_explorer(gated_saddle()[1], domain=(-1, 1, -1, 1))
    send(explorer, type="table")  # too early
    explorer.compute()
    assert received(explorer, "_pins")["table"] is None
    assert "Expected a picture" in received(explorer, "_pins")["note"]
    send(explorer, type="table")
    finish_pin(explorer, explorer.pin(0, 0))  # served after it
    json.dumps(received(explorer, "_pins"), allow_nan=False)
    rows = received(explorer, "_pins")["table"]
    table = explorer.table()
    assert [row["train"]["loss"] for row in rows] == [row.train.loss for row in table.rows]
    table.to_csv(tmp_path / "table.csv")
    assert received(explorer, "_pins")["csv"] == (tmp_path / "table.csv").read_text("utf-8")
    explorer.resolution = 7
    explorer.wait(HUNG)
    assert received(explorer, "_pins")["table"] is None  # it was of another picture


# a pin keeps the plane that it was set on


def told(explorer: LandscapeExplorer, number: int = 1) -> dict[str, Any]:
    """What the page hears of a pin's plane, and where it marks the pin."""
    (pin,) = (pin for pin in received(explorer, "_pins")["pins"] if pin["number"] == number)
    names = ("alpha", "beta", "axes", "seed", "n_examples", "here", "centred", "places")
    return {name: pin[name] for name in names}


HOME = {"alpha": AT[0], "beta": AT[1], "axes": ["hessian:max", "hessian:min"], "seed": None, "n_examples": 13}


def change(explorer: LandscapeExplorer, **controls: Any) -> None:
    with explorer.hold_trait_notifications():
        for name, value in controls.items():
            setattr(explorer, name, value)
    explorer.wait(HUNG)


def kept(pin: Pin) -> tuple[Any, ...]:
    return pin.plane.fingerprint, pin.alpha, pin.beta, pin.theta.tolist(), pin.values


@pytest.mark.parametrize(
    ("controls", "places"),
    [
        ({"axes": ("random", "random")}, None),
        ({"axes": ("hessian:min", "hessian:max")}, AT[::-1]),
        ({"axes": ("hessian:max", "random")}, None),
        ({"examples": 7}, None),
    ],
    ids=["random", "swapped", "one axis in common", "fewer examples"],
)
def test_a_pin_keeps_its_plane_and_says_which(make_explorer: Make, controls: Any, places: Any) -> None:
    explorer = make_network(make_explorer)
    pin = ready(explorer, explorer.pin(*AT))
    before = kept(pin)
    here = {**HOME, "here": True, "centred": True, "places": [pytest.approx(AT), None]}
    assert told(explorer) == here
    change(explorer, **controls)
    assert explorer.pins == (pin,)
    assert kept(pin) == before
    where = None if places is None else pytest.approx(places, rel=1e-6)
    assert told(explorer) == {**HOME, "here": False, "centred": True, "places": [where, None]}
    change(explorer, axes=("hessian:max", "hessian:min"), examples=13)
    assert told(explorer) == here


def test_the_same_eigenvectors_of_a_longer_run_are_the_same_plane(make_explorer: Make) -> None:
    """A second plane asks for two pairs at each end: vectors of two runs agree within their tolerance."""
    explorer = make_network(make_explorer)
    explorer.pin(*AT)
    before = explorer.plane.fingerprint
    change(explorer, compared_axes=("hessian:max:2", "hessian:min"))
    assert explorer.plane.fingerprint != before
    assert told(explorer)["here"] is True


def test_a_pin_on_a_random_plane_tells_its_seed(make_explorer: Make) -> None:
    explorer = make_network(make_explorer, axes=("random", "random:filter"), seed=3)
    pin = ready(explorer, explorer.pin(*AT))
    before = kept(pin)
    assert (told(explorer)["seed"], told(explorer)["here"]) == (3, True)
    assert pin.where == "(0.3, −0.2) on random × random:filter (seed 3)"
    change(explorer, seed=4)
    assert kept(pin) == before
    assert told(explorer) == {
        **HOME,
        "axes": ["random", "random:filter"],
        "seed": 3,
        "n_examples": None,
        "here": False,
        "centred": True,
        "places": [None, None],
    }
    change(explorer, seed=3)
    assert told(explorer)["here"] is True


def test_at_the_centre_of_two_planes_a_pin_is_still_of_its_own(make_explorer: Make) -> None:
    """θ* lies on both; the curvatures in the row are those of the first."""
    explorer = make_network(make_explorer)
    curvatures = ready(explorer, explorer.pin(0, 0)).values.curvatures
    change(explorer, axes=("random", "random"))
    assert (told(explorer)["here"], told(explorer)["places"][0]) == (False, pytest.approx((0, 0)))
    assert explorer.pins[0].values.curvatures == curvatures


def test_around_another_centre_and_back(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    pin = ready(explorer, explorer.pin(*AT))
    before = kept(pin)
    explorer.recentre(-0.4, 0.1)
    explorer.wait(HUNG)
    assert told(explorer) == {**HOME, "here": False, "centred": False, "places": [None, None]}
    far = ready(explorer, explorer.pin(0.2, 0.2))
    assert told(explorer, 2)["here"] is True
    explorer.go_back()
    explorer.wait(HUNG)
    assert kept(pin) == before
    assert (told(explorer)["here"], told(explorer)["centred"]) == (True, True)
    assert (told(explorer, 2)["here"], told(explorer, 2)["centred"]) == (False, False)
    np.testing.assert_array_equal(far.theta, far.plane.point(0.2, 0.2))


def test_after_loading_pins_are_on_the_planes_of_the_file(make_explorer: Make, tmp_path: Path) -> None:
    first = make_network(make_explorer, axes=("random", "random"), seed=3)
    ready(first, first.pin(*AT))
    change(first, seed=4)
    ready(first, first.pin(*AT))
    first.save(tmp_path / "run.npz")
    second = new_network(make_explorer)  # one on show would compute at once
    second.load(tmp_path / "run.npz")
    assert [told(second, number)["seed"] for number in (1, 2)] == [3, 4]
    second.compute()
    assert [told(second, number)["here"] for number in (1, 2)] == [False, True]
    assert [pin.theta.tolist() for pin in second.pins] == [pin.theta.tolist() for pin in first.pins]


def test_what_is_done_with_a_pin_is_done_on_its_own_plane(make_explorer: Make) -> None:
    model = NETWORK.model()
    explorer = make_network(make_explorer, model)
    pin = ready(explorer, explorer.pin(*AT))
    change(explorer, axes=("random", "random"))
    assert not np.allclose(explorer.plane.point(*AT), pin.theta)
    assert loss_of(explorer.parameters_at(pin)) == pytest.approx(pin.values.train.loss, rel=1e-12)
    for act in (lambda: explorer.apply(pin), lambda: send(explorer, type="apply", pin=1)):
        act()
        assert loss_of(model.state_dict()) == pytest.approx(pin.values.train.loss, rel=1e-12)
        assert received(explorer, "_pins")["applied"] == "pin 1"
        explorer.restore()
    for act in (lambda: explorer.recentre(pin), lambda: send(explorer, type="recentre", pin=1)):
        act()
        explorer.wait(HUNG)
        np.testing.assert_array_equal(explorer.plane.origin, pin.theta)
        explorer.go_back()
        explorer.wait(HUNG)


def test_coordinates_without_a_pin_come_in_pairs(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    pin = explorer.pin(*AT)
    for ask in (explorer.parameters_at, explorer.apply, explorer.recentre):
        with pytest.raises(ValueError, match="two finite numbers"):
            ask(0.3)
        with pytest.raises(ValueError, match="A pin has coordinates of its own"):
            ask(pin, 0.3)


def test_weights_in_the_model_are_told_with_their_plane(make_explorer: Make) -> None:
    """Coordinates alone would be read on the plane of the moment."""
    explorer = make_network(make_explorer, axes=("hessian:max", "random"), seed=5)
    explorer.apply(*AT)
    assert received(explorer, "_pins")["applied"] == "(0.3, −0.2) on hessian:max × random (seed 5)"


def test_near_the_centre_another_plane_is_not_taken_for_the_pins(make_explorer: Make) -> None:
    """In double precision a point off a plane by 1e-6 of ‖θ*‖ lies elsewhere."""
    explorer = make_network(make_explorer)
    near = 5e-7 * float(np.linalg.norm(explorer.plane.origin))
    explorer.pin(near, 0)
    change(explorer, axes=("random", "random"))
    assert told(explorer)["places"] == [None, None]


def test_a_pin_that_is_not_there(make_explorer: Make) -> None:
    explorer = make_network(make_explorer)
    for place in (0, -1, 7):
        with pytest.raises(IndexError, match=rf"one of 0 pins, got {place}\. Set one by explorer\.pin"):
            _ = explorer.pins[place]
    pin = explorer.pin(*AT)
    assert explorer.pins[0] is pin
    assert explorer.pins[:1] == (pin,) == explorer.pins
    with pytest.raises(IndexError, match="one of 1 pins, got 1"):
        _ = explorer.pins[1]
