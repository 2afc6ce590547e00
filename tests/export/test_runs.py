"""Saving and loading an explorer: all that was found, for no other objective, and nothing computed twice."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import LandscapeExplorer, Objective, Results, load, save
from landscape_widget.export.explorer_results import KINDS

from ..study.test_study import NOTHING, Counted
from ..support.cases import ONE_BATCH, case
from ..support.gates import HUNG, finish, finish_pin, gated_saddle, saddle
from ..support.page import received
from .crafted import changed, entry
from .test_archive import assert_same

Make = Callable[..., LandscapeExplorer]

CHOSEN: dict[str, Any] = {
    "axes": ("hessian:max", "random"),
    "seed": 3,
    "domain": (-1.0, 1.0, -0.5, 0.5),
    "resolution": 7,
    "samples": 6,
    "face": "trace",
    "lines": "random",
    "compared_axes": ("random", "hessian:min"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.npz"


def counted(make_explorer: Make, **controls: Any) -> tuple[Counted, LandscapeExplorer]:
    objective = Counted.make()
    return objective, make_explorer(objective, **controls)


def spent(objective: Counted, action: Callable[[], object]) -> dict[str, int]:
    before = dict(objective.counts)
    action()
    return {what: n - before[what] for what, n in objective.counts.items()}


#: Loading holds the losses at θ* and at a point near it against those of the file.
TWO_LOSSES = {**NOTHING, "loss": 2}
#: What products are held against differences by, once for an objective.
CHECK = {"loss": 2, "gradient": 2, "product": 2}

#: The loss near θ* once more, when something is added to what a file holds, and at the end.
AGAIN = 2


def test_results_come_back_without_the_model(make_explorer: Make, path: Path) -> None:
    network = case("dense tanh")
    given = {"solutions": {"itself": network.model()}, **CHOSEN}
    explorer = make_explorer(network.model(), network.batches(ONE_BATCH), network.loss_fn, **given).compute()
    for f in fields(Results):
        assert getattr(explorer.results, f.name) is not None, f.name
    explorer.save(path)
    found = load(path)
    assert_same(found, explorer.results)
    assert found.surface.provenance["n_examples"] == 13
    for kind in KINDS:
        assert found.figure(kind) == explorer.figure(kind)


def test_the_verdict_comes_back_without_the_model(make_explorer: Make, path: Path) -> None:
    """It rests on the gradient along the eigenvectors, which files written before do not hold."""
    network = case("dense tanh")
    explorer = make_explorer(
        network.model(), network.batches(ONE_BATCH), network.loss_fn, domain=(-1, 1, -1, 1)
    )
    results = explorer.compute().results
    assert results.verdict.sentence == received(explorer, "_eigenpairs")["sentence"]
    explorer.save(path)
    assert load(path).verdict == results.verdict
    assert replace(load(path), slopes=None).verdict is None


def test_pins_come_back_with_what_is_known_of_them(make_explorer: Make, path: Path) -> None:
    _, first = counted(make_explorer, domain=(-1.0, 1.0, -1.0, 1.0))
    first.compute()
    first.unpin(first.pin(0.0, 0.25).number)
    for place in ((0.5, -0.25), (1.0, 1.0)):
        finish_pin(first, first.pin(*place))
    first.pins[1].values = None  # as if it had been saved before it was looked at
    first.save(path)

    _, second = counted(make_explorer)
    second.compute()
    second.pin(0.1, 0.1)
    second.load(path)
    later, pin = second.pins[1], second.pins[0]
    finish_pin(second, later)
    assert [pin.number for pin in second.pins] == [2, 3]
    assert pin.number not in second._points.pins.requests, "nothing was left to compute"
    assert_same(pin.values, first.pins[0].values)
    assert np.array_equal(pin.theta, first.pins[0].theta)
    assert later.done
    assert later.values.train.loss == pytest.approx(saddle(torch.from_numpy(later.theta)).item())
    assert [p["number"] for p in received(second, "_pins")["pins"]] == [2, 3]
    assert second.pin(0.5, -0.25) is pin, "the same place is pinned once"
    assert second.pin(0.0, 0.0).number == 4


def test_an_explorer_goes_on_where_the_file_ends(make_explorer: Make, path: Path) -> None:
    _, first = counted(make_explorer, **CHOSEN)
    first.compute().save(path)
    objective, second = counted(make_explorer)
    assert spent(objective, lambda: second.load(path)) == TWO_LOSSES
    for name, value in CHOSEN.items():
        assert getattr(second, name) == value
    assert_same(second.results, first.results)
    assert second.status == "idle"
    assert spent(objective, second.compute) == CHECK
    assert second.status == "done"
    assert_same(second.results, first.results)
    assert received(second, "_surface")["final"]


class Failing(Counted):
    """Fails at a point of a plane once so many were evaluated."""

    points_left: int

    def loss(self, theta: Any = None) -> Any:
        # products are held against differences of losses a millionth away, the loss against one near θ*
        if theta is not None and not 0 < float((theta - self.theta).norm()) < 0.1:
            if not self.points_left:
                raise ConnectionError("the machine went down")
            self.points_left -= 1
        return super().loss(theta)


def gone_on_with(
    make: Make, path: Path, after: int, controls: dict[str, Any]
) -> tuple[Counted, LandscapeExplorer]:
    """What counts, and an explorer that goes on from the file of one that failed after so many points."""
    failing = Failing.make()
    first = make(failing, **controls)
    failing.points_left = after
    with pytest.raises(RuntimeError, match="the machine went down"):
        first.compute()
    first.save(path)
    objective, second = counted(make)
    return objective, second.load(path)


@pytest.mark.parametrize("after", [0, 7, 48])
def test_an_interrupted_run_evaluates_no_point_twice(make_explorer: Make, path: Path, after: int) -> None:
    """Left after so many of the 49 points of a random plane."""
    controls = {"axes": ("random", "random"), "domain": (-1.0, 1.0, -1.0, 1.0), "resolution": 7}
    _, complete = counted(make_explorer, **controls)
    complete.compute()
    objective, second = gone_on_with(make_explorer, path, after, controls)
    assert spent(objective, second.compute)["loss"] == CHECK["loss"] + AGAIN + 49 - after
    np.testing.assert_allclose(second.surface.loss, complete.surface.loss, rtol=1e-12)
    assert second.surface.final


@pytest.mark.parametrize("after", [40, 120])
def test_an_interrupted_picture_from_part_of_the_nodes_ends_as_without(
    make_explorer: Make, path: Path, after: int
) -> None:
    controls = {"axes": ("random", "random"), "domain": (-1.0, 1.0, -1.0, 1.0), "resolution": 33}
    _, complete = counted(make_explorer, **controls)
    complete.compute()
    assert complete.surface.n_evaluated < 33**2
    objective, second = gone_on_with(make_explorer, path, after, controls)
    left = complete.surface.n_evaluated - after
    # what products are checked with may have been there before
    assert left <= spent(objective, second.compute)["loss"] <= CHECK["loss"] + AGAIN + left
    assert np.array_equal(second.surface.done, complete.surface.done)
    assert second.surface.error_bound == pytest.approx(complete.surface.error_bound, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("axes", "accuracy"),
    [
        (("random", "hessian:max"), 0.0),
        (("random", "random"), 0.002),
        (("hessian:max", "hessian:min"), 0.002),
    ],
)
def test_a_cancelled_picture_is_finished_from_its_file(
    make_explorer: Make, path: Path, axes: tuple[str, str], accuracy: float
) -> None:
    """Bit for bit at every node that is evaluated; what is interpolated is within the bounds of both."""
    controls = {"axes": axes, "domain": (-1.0, 1.2, -0.9, 1.0), "resolution": 33, "accuracy": accuracy}
    complete = make_explorer(gated_saddle()[1], **controls).compute("surface").surface
    first = make_explorer(gated_saddle()[1], **controls)

    def cancelled_amid(change: Any) -> None:
        if change["new"].n_evaluated > 81:
            first.cancel()

    first.observe(cancelled_amid, "surface")
    first._publisher._throttle._interval = 0.0
    with pytest.raises(RuntimeError, match="cancelled"):
        first.compute("surface")
    assert not first.surface.final
    first.save(path)
    found = make_explorer(gated_saddle()[1]).load(path).compute("surface").surface
    assert found.final
    assert np.array_equal(found.done, complete.done)
    assert np.array_equal(found.loss[found.done], complete.loss[complete.done])
    assert np.all(np.abs(found.loss - complete.loss) <= 2 * (complete.error_bound or 0.0))
    assert accuracy or found.done.all()


def test_projections_go_on_from_any_number(make_explorer: Make, path: Path) -> None:
    controls = {**CHOSEN, "axes": ("random", "random"), "compared_axes": None, "samples": 40}
    _, complete = counted(make_explorer, **controls)
    complete.compute()
    _, first = counted(make_explorer, **controls)
    study = first._study
    steps = study.steps(first._chosen())
    found = next(f for f in steps if f.projections is not None and f.projections.samples >= 3)
    done = found.projections.samples
    steps.close()
    assert done < 40
    first.save(path)
    _, second = counted(make_explorer)
    second.load(path).compute()
    np.testing.assert_allclose(second.projections.A, complete.projections.A, rtol=1e-12)
    assert second.projections.n_hvp == complete.projections.n_hvp == 80


def test_a_saved_explorer_on_show_goes_on_at_once(make_explorer: Make, path: Path) -> None:
    _, first = counted(make_explorer, **CHOSEN)
    first.compute().save(path)
    _, second = counted(make_explorer, resolution=3, axes=("random", "random"))
    second.compute()
    request = second._request
    second.load(path)
    assert second._request is not request
    second.wait(HUNG)
    assert received(second, "_surface")["axes"] == list(CHOSEN["axes"])
    assert_same(second.results.surface, first.results.surface)


def test_saving_while_it_computes_and_loading_into_one_that_does(make_explorer: Make, path: Path) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, axes=("random", "random"), domain=(-1, 1, -1, 1), resolution=9)
    gate.hold(after=30)
    explorer._repr_mimebundle_()
    assert gate.reached.wait(HUNG)
    saver = Thread(target=lambda: explorer.save(path))
    saver.start()
    saver.join(HUNG)
    assert not load(path).surface.final
    running = explorer._request
    explorer.seed = 8  # another plane is on its way when the file comes
    explorer.load(path)
    gate.go.set()
    finish(running)
    explorer.wait(HUNG)
    assert explorer.seed == 0
    assert explorer.status == "done"
    assert explorer.surface.final
    assert explorer.plane.provenance["seed"] == 0


def test_a_waiting_compute_gets_what_was_loaded(make_explorer: Make, path: Path) -> None:
    gate, objective = gated_saddle()
    other = make_explorer(objective, resolution=9).compute()
    other.save(path)
    explorer = make_explorer(objective)
    gate.hold(after=20)

    def bring() -> None:
        assert gate.reached.wait(HUNG)
        explorer.load(path)
        gate.go.set()

    page = Thread(target=bring)
    page.start()
    explorer.compute()
    page.join(HUNG)
    assert explorer.surface.loss.shape == (9, 9)


def other_objectives() -> dict[str, tuple[Callable[[], Objective], str]]:
    def of(f: Callable[..., torch.Tensor], theta: torch.Tensor) -> Callable[[], Objective]:
        return lambda: Objective.from_function(f, theta)

    ones = torch.ones(5, dtype=torch.float64)
    return {
        "parameters": (
            of(lambda v: (v**2).sum(), torch.ones(4, dtype=torch.float64)),
            "parameters is 5, here 4",
        ),
        "θ*": (of(saddle, ones * 1.0000001), "fingerprint of θ[*] is .*, here "),
        "loss": (of(lambda v: saddle(v) + 1e-3, ones), "loss at θ[*] is 2.0, here 2.001"),
        "dtype": (of(lambda v: saddle(v.double()).to(v), ones.float()), "dtype is float64, here float32"),
        "examples": (
            lambda: Objective(
                nn.Linear(5, 1, bias=False).double(), (ones.repeat(3, 1), ones[:3, None]), nn.MSELoss()
            ),
            "examples is 1, here 3",
        ),
    }


@pytest.mark.parametrize("what", other_objectives())
def test_another_objective_is_refused_by_what_differs(make_explorer: Make, path: Path, what: str) -> None:
    make_explorer(gated_saddle()[1], axes=("random", "random"), samples=1).compute("surface").save(path)
    make, message = other_objectives()[what]
    explorer = make_explorer(make(), resolution=3)
    with pytest.raises(ValueError, match=f"same model, data and loss.*{message}"):
        explorer.load(path)
    assert explorer.resolution == 3
    assert explorer.surface is None


def test_a_loss_that_differs_by_rounding_is_the_same(make_explorer: Make, path: Path) -> None:
    make_explorer(gated_saddle()[1]).compute().save(path)
    near = Objective.from_function(lambda v: saddle(v) * (1 + 1e-14), torch.ones(5, dtype=torch.float64))
    assert make_explorer(near).load(path).surface.final


def classifier(*, zero: bool = False, batch_norm: bool = False) -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Linear(3, 4), *([nn.BatchNorm1d(4)] if batch_norm else []), nn.Tanh(), nn.Linear(4, 3)
    model = nn.Sequential(*layers)
    if zero:
        with torch.no_grad():
            model[-1].weight.zero_()
            model[-1].bias.zero_()
    return model


def examples_of(seed: int = 0, n: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, generator=generator), torch.randint(3, (n,), generator=generator)


def one_changed(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = examples_of(n=n)
    x[0] *= 3
    return x, y


def alike_at_theta() -> dict[str, tuple[Callable[[], Objective], Callable[[], Objective]]]:
    def of(data: Any, loss: nn.Module | None = None, mode: str = "eval", **made: bool) -> Any:
        return lambda: Objective(classifier(**made), data, loss or nn.CrossEntropyLoss(), mode=mode)

    first = of(examples_of(), zero=True)
    return {
        "other data": (first, of(examples_of(9), zero=True)),
        "label smoothing": (first, of(examples_of(), nn.CrossEntropyLoss(label_smoothing=0.1), zero=True)),
        "one example of 4,000": (of(examples_of(n=4000)), of(one_changed(4000))),
        "batch norm": tuple(
            of(examples_of(), None, m, zero=True, batch_norm=True) for m in ("eval", "train")
        ),
    }


@pytest.mark.parametrize("what", alike_at_theta())
def test_objectives_alike_at_theta_are_told_apart(make_explorer: Make, path: Path, what: str) -> None:
    """Where the last layer is zero, every loss is log C."""
    first, second = (make() for make in alike_at_theta()[what])
    assert first.loss().item() == pytest.approx(second.loss().item(), rel=3e-4)
    make_explorer(first, domain=(-1, 1, -1, 1), axes=("random", "random"), resolution=3).save(path)
    with pytest.raises(ValueError, match=r"same model, data and loss.*loss near θ\* is .*, here "):
        make_explorer(second).load(path)
    make_explorer(alike_at_theta()[what][0]()).load(path)


#: As ``examples=10`` draws them; the loss on all is the same in any order.
PART: dict[str, Any] = {"examples": 10, "axes": ("random", "random"), "resolution": 3, "samples": 1}


def in_order(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    x, y = examples_of()
    return x[order], y[order]


def of_part(make: Make, seed: int, **more: Any) -> LandscapeExplorer:
    return make(classifier(**more), in_order(seed), nn.CrossEntropyLoss(), **PART)


def test_results_on_other_examples_of_the_same_data_are_refused(make_explorer: Make, path: Path) -> None:
    """As of a shuffling loader in the next session; as the last layer is zero, every loss at θ* is log C."""
    explorer = of_part(make_explorer, 1, zero=True).compute()
    explorer.save(path)
    assert of_part(make_explorer, 1, zero=True).load(path).surface == explorer.surface
    other = of_part(make_explorer, 2, zero=True)
    with pytest.raises(ValueError, match=r"with examples=10 rest on the same.*loss near.*in a fixed order"):
        other.load(path)
    assert other.surface is None
    explorer.examples = 40
    explorer.compute().save(path)
    with pytest.raises(ValueError, match="with examples=10"):  # they would be mixed once 10 are chosen again
        of_part(make_explorer, 2, zero=True).load(path)


def test_results_on_all_examples_go_on_in_any_order(make_explorer: Make, path: Path) -> None:
    first = of_part(make_explorer, 1)
    first.examples = 40
    first.compute().save(path)
    assert of_part(make_explorer, 2).load(path).surface == first.surface


def test_a_file_that_does_not_tell_its_examples_goes_by_their_loss(make_explorer: Make, path: Path) -> None:
    of_part(make_explorer, 1).compute().save(path)
    changed(path, lambda content, _arrays: entry(content, "parts")["map"].clear())
    assert of_part(make_explorer, 1).load(path).surface.final
    with pytest.raises(ValueError, match="with examples=10"):
        of_part(make_explorer, 2).load(path)


def right(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (output.argmax(1) == target).float().mean()


def wrong(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (output.argmax(1) != target).float().mean()


def test_pins_have_the_metrics_of_this_session(make_explorer: Make, path: Path) -> None:
    """A file holds values by names, and not what they are values of; slope and curvature are kept."""

    def explorer(metrics: Any) -> LandscapeExplorer:
        data, held_out = examples_of(), examples_of(3, 30)
        more = {"test_loader": held_out, "metrics": metrics}
        return make_explorer(classifier(), data, nn.CrossEntropyLoss(), **PART | more)

    first = explorer({"accuracy": right}).compute("surface")
    before = finish_pin(first, first.pin(0.5, 0.5)).values
    first.save(path)
    for metrics in ({"accuracy": wrong}, {"errors": wrong}):
        other = explorer(metrics)
        other._points.pins._serve = lambda job: job  # nothing is computed yet
        other.load(path)
        (pin,) = other.pins
        assert pin.values.train.metrics == pin.values.test.metrics == {}
        assert pin.values.hessian is not None
        other = explorer(metrics).load(path)
        (pin,) = other.pins
        finish_pin(other, pin)
        (name,) = metrics
        for split in ("train", "test"):
            now, then = getattr(pin.values, split), getattr(before, split)
            assert now.metrics == {name: pytest.approx(1 - then.metrics["accuracy"])}
            assert now.loss == pytest.approx(then.loss)
        np.testing.assert_array_equal(pin.values.hessian, before.hessian)
        assert pin.values.gradient_norm == before.gradient_norm
    assert explorer(None).load(path).pins[0].values == before


def test_test_losses_are_forgotten_where_a_file_does_not_tell_of_which_data(
    make_explorer: Make, path: Path
) -> None:
    """As one of a session without test data that went on from one with them."""

    def explorer(held_out: Any) -> LandscapeExplorer:
        more = {"domain": (-1.0, 1.0, -1.0, 1.0), "test_loader": held_out}
        return make_explorer(classifier(), examples_of(), nn.CrossEntropyLoss(), **PART | more)

    first = explorer(examples_of(3, 30))
    first.split = "test"
    first.compute("surface")
    first.split = "train"
    first.compute("surface")
    finish_pin(first, first.pin(0.5, 0.5))
    first.save(path)
    explorer(None).load(path).save(path)
    other, alone = explorer(examples_of(4, 30)).load(path), explorer(examples_of(4, 30)).compute("surface")
    other_pin, pin = other.pins[0], alone.pin(0.5, 0.5)
    finish_pin(other, other_pin)
    finish_pin(alone, pin)
    assert other_pin.values == pin.values
    for each in (other, alone):
        each.split = "test"
        each.compute("surface")
    np.testing.assert_array_equal(other.surface.loss, alone.surface.loss)


def test_losses_of_a_run_on_more_test_data_than_there_are_for_training_come_back(
    make_explorer: Make, path: Path
) -> None:
    def explorer() -> LandscapeExplorer:
        data, held_out = examples_of(), examples_of(3, 60)
        run = [classifier().state_dict(), classifier().state_dict()]
        more = {"test_loader": held_out, "trajectory": run, "split": "test"}
        return make_explorer(classifier(), data, nn.CrossEntropyLoss(), **PART | more)

    first = explorer().compute("surface")
    first.save(path)
    assert explorer().load(path).compute("surface").landmarks == first.landmarks


def test_a_file_without_the_loss_near_theta_is_read(make_explorer: Make, path: Path) -> None:
    """Files of former versions are, and those of a loss that is not defined there."""
    objective = gated_saddle()[1]
    make_explorer(objective).compute().save(path)

    def without(content: Any, _arrays: Any) -> None:
        saved = entry(content, "objective")["map"]
        saved[:] = [pair for pair in saved if "near" not in pair[0]]

    changed(path, without)
    assert make_explorer(gated_saddle()[1]).load(path).surface.final


def test_a_loss_that_is_defined_at_theta_alone_goes_on(make_explorer: Make, path: Path) -> None:
    def narrow(theta: torch.Tensor) -> torch.Tensor:
        if (theta - 1).norm() > 1e-3:
            raise ArithmeticError("too far away")
        return saddle(theta)

    ones = torch.ones(5, dtype=torch.float64)
    make_explorer(Objective.from_function(narrow, ones), seed=3).save(path)
    assert make_explorer(Objective.from_function(narrow, ones)).load(path).seed == 3


def test_a_refused_file_changes_nothing(make_explorer: Make, path: Path) -> None:
    first = make_explorer(gated_saddle()[1], **CHOSEN).compute()
    first.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    explorer = make_explorer(gated_saddle()[1], resolution=3).compute()
    before, study, request = explorer.results, explorer._study, explorer._request
    with pytest.raises(ValueError, match="cut short"):
        explorer.load(path)
    assert_same(explorer.results, before)
    assert (explorer._study, explorer._request) == (study, request)
    explorer.resolution = 5  # and it is still alive
    explorer.wait(HUNG)
    assert explorer.surface.loss.shape == (5, 5)


def test_controls_that_an_explorer_cannot_take_change_nothing(make_explorer: Make, path: Path) -> None:
    explorer = make_explorer(gated_saddle()[1], resolution=3).compute()
    original = explorer._chosen
    explorer._chosen = lambda: type(original())(**{**vars(original()), "seed": 5, "resolution": 4})
    explorer.save(path)
    explorer._chosen = original
    before = explorer.results
    with pytest.raises(ValueError, match=r"Expected controls that this explorer can take.*odd resolution"):
        explorer.load(path)
    assert_same(explorer.results, before)
    explorer.seed = 9  # controls are observed as before
    explorer.wait(HUNG)
    assert explorer.status == "done"


def test_results_alone_cannot_be_gone_on_from(make_explorer: Make, path: Path) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    save(explorer.results, path)
    assert_same(load(path), explorer.results)
    with pytest.raises(ValueError, match="holds results alone"):
        explorer.load(path)


def test_losses_are_used_on_their_own_plane_only(make_explorer: Make, path: Path, monkeypatch: Any) -> None:
    """Another version of torch may draw other directions for the same seed."""
    _, first = counted(make_explorer, **CHOSEN)
    first.compute().save(path)
    from landscape_widget.planes import directions

    draw = directions.random_pair
    monkeypatch.setattr(directions, "random_pair", lambda n, seed: draw(n, seed) * (1 + 1e-15))
    objective, second = counted(make_explorer)
    second.load(path)
    assert spent(objective, second.compute)["loss"] == CHECK["loss"] + AGAIN + 2 * 49


def read_csv(path: Path) -> tuple[str, dict[str, list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        comment = file.readline()
        rows = list(csv.DictReader(file))
    return comment, {name: [row[name] for row in rows] for name in rows[0]}


def test_tables_hold_every_number_in_full(make_explorer: Make, tmp_path: Path) -> None:
    explorer = make_explorer(gated_saddle()[1], **CHOSEN).compute()
    written = explorer.results.to_csv(tmp_path / "tables")
    names = {p.stem for p in written}
    assert names == {
        *("surface", "plane", "eigenpairs", "projections", "density", "traces"),
        *("compared_surface", "compared_plane", "line_losses"),
    }
    assert sorted(p.name for p in (tmp_path / "tables").iterdir()) == sorted(p.name for p in written)
    comment, columns = read_csv(tmp_path / "tables" / "surface.csv")
    assert comment.startswith('# {"quantity": "loss"')
    surface = explorer.surface
    for alpha, beta, loss, done, k in zip(*columns.values(), range(49), strict=True):
        i, j = divmod(k, 7)
        assert (float(alpha), float(beta)) == (surface.alpha[j], surface.beta[i])
        assert float(loss) == surface.loss[i, j]
        assert done == "1"
    _, columns = read_csv(tmp_path / "tables" / "projections.csv")
    assert list(map(float, columns["kappa_plus"])) == explorer.projections.kappa_plus.tolist()
    _, columns = read_csv(tmp_path / "tables" / "eigenpairs.csv")
    assert list(map(float, columns["value"])) == explorer.eigenpairs.values.tolist()
    _, columns = read_csv(tmp_path / "tables" / "traces.csv")
    last = explorer.traces["curvature-fit"][-1]
    assert columns["method"][-1] == "curvature-fit"
    assert (float(columns["value"][-1]), int(columns["samples"][-1])) == (last.value, 100)


def test_a_hole_is_nan_in_a_table(tmp_path: Path) -> None:
    from .test_archive import surface

    surface().to_csv(tmp_path / "s.csv")
    table = np.genfromtxt(tmp_path / "s.csv", delimiter=",", names=True, skip_header=1)
    np.testing.assert_array_equal(table["loss"], surface().loss.ravel())
    np.testing.assert_array_equal(table["done"], surface().done.ravel())
