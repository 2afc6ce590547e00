"""The explorer without a page: computing, results, errors, changed controls, closing."""

from __future__ import annotations

import _thread
import signal
from collections import deque
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from torch import Tensor, nn

from landscape_widget import (
    LandscapeExplorer,
    Objective,
    evaluate_plane,
    hessian_eigenpairs,
    projected_curvatures,
)
from landscape_widget.study import picture_steps
from landscape_widget.study.domain import automatic_domain

from ..support.cases import ONE_BATCH, case
from ..support.gates import HUNG, Gate, finish, gated_saddle, saddle, settle
from ..support.page import received

Make = Callable[..., LandscapeExplorer]


class BrokenError(Exception):
    """Raised by a loss of the tests."""


def show(explorer: LandscapeExplorer) -> None:
    """What a notebook does with the last line of a cell."""
    explorer._repr_mimebundle_()


def thread(explorer: LandscapeExplorer) -> Thread | None:
    return explorer._worker._thread


def test_nothing_is_computed_until_it_is_shown(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    built = gate.calls
    explorer = make_explorer(objective)
    assert gate.calls == built
    assert (explorer.status, explorer.error, explorer.progress) == ("idle", "", {})
    assert thread(explorer) is None
    for result in (explorer.surface, explorer.plane, explorer.eigenpairs, explorer.projections):
        assert result is None
    show(explorer)
    explorer.wait(HUNG)
    assert explorer.status == "done"
    assert gate.calls > built


def test_showing_it_again_computes_nothing(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    show(explorer)
    first = explorer._request
    finish(first)
    calls = gate.calls
    show(explorer)
    assert explorer._request is first
    assert gate.calls == calls


@pytest.mark.parametrize("axes", [("hessian:max", "hessian:min"), ("random:filter", "hessian:max:2")])
def test_results_are_what_the_functions_give(make_explorer: Make, axes: tuple[str, str]) -> None:
    network = case("dense tanh")
    domain = (-0.5, 0.5, -0.25, 0.25)
    explorer = make_explorer(
        network.model(), network.batches(ONE_BATCH), network.loss_fn, axes=axes, domain=domain, seed=4
    )
    assert explorer.compute() is explorer
    objective = network.objective(ONE_BATCH)
    assert explorer.surface is not None
    assert explorer.plane is not None
    assert explorer.eigenpairs is not None
    assert explorer.projections is not None
    rank = 2 if axes[1].endswith("2") else 1
    assert np.array_equal(explorer.eigenpairs.values, hessian_eigenpairs(objective, k=rank).values)
    assert explorer.plane.axes == axes
    surface = deque(evaluate_plane(objective, explorer.plane, domain, 5), maxlen=1).pop()
    assert np.array_equal(explorer.surface.loss, surface.loss)
    assert explorer.surface.loss[2, 2] == objective.loss().item()
    expected = projected_curvatures(objective, 4)
    np.testing.assert_allclose(explorer.projections.A, expected.A, rtol=1e-12)
    assert (explorer.status, explorer.error) == ("done", "")
    assert (explorer.progress["fraction"], explorer.progress["eta"]) == (1.0, 0.0)
    assert explorer.progress["request"] == 1


def test_an_accuracy_of_zero_evaluates_every_node_and_uses_what_was_evaluated(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, axes=("random", "random"), domain=(-1, 1, -1, 1), resolution=33)
    explorer.compute()
    part, calls = explorer.surface, gate.calls
    assert part.n_evaluated < 33 * 33
    assert received(explorer, "_surface")["final"]
    assert received(explorer, "_surface")["coverage"] == part.coverage
    explorer.accuracy = 0.0
    explorer.compute()
    assert explorer.surface.done.all()
    assert received(explorer, "_surface")["coverage"] == "1,089 points"
    assert gate.calls - calls == 33 * 33 - part.n_evaluated + 2  # by which the loss is seen to be the same
    np.testing.assert_allclose(explorer.surface.loss, part.loss, rtol=0, atol=4e-3 * np.ptp(part.loss))


def test_keywords_reach_the_objective(make_explorer: Make) -> None:
    network = case("dense tanh")
    explorer = make_explorer(
        network.model(),
        network.batches(ONE_BATCH),
        network.loss_fn,
        parameters="0.*",
        max_examples=7,
        dtype=torch.float32,
    )
    objective = explorer.objective
    assert (objective.n_parameters, objective.n_examples, objective.dtype) == (30, 7, torch.float32)
    assert explorer.examples == 7


def test_what_the_page_has_been_sent_is_the_last_result(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    assert explorer.surface is not None
    assert explorer.projections is not None
    assert received(explorer, "_surface")["final"]
    loss = np.frombuffer(received(explorer, "_surface")["loss"], "<f4").reshape(5, 5)
    assert np.array_equal(loss, explorer.surface.loss.astype("f4"))
    assert received(explorer, "_eigenpairs")["final"]
    assert received(explorer, "_eigenpairs")["values"] == explorer.eigenpairs.values.tolist()
    assert received(explorer, "_projections")["samples"] == explorer.projections.samples == 4
    for sent in (
        received(explorer, "_surface"),
        received(explorer, "_eigenpairs"),
        received(explorer, "_projections"),
        explorer.progress,
    ):
        assert sent["request"] == 1


def test_a_fast_computation_does_not_flood_the_page(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the clock stands still a trait is written twice: at its first result and at the end."""
    monkeypatch.setattr("landscape_widget.study.progress.monotonic", lambda: 0.0)
    explorer = make_explorer(gated_saddle()[1], resolution=33, samples=30)
    written: dict[str, int] = {}

    def count(change: Any) -> None:
        written[change.name] = written.get(change.name, 0) + 1

    explorer.observe(count, names=["_surface", "_projections", "_eigenpairs", "progress"])
    explorer.compute()
    assert explorer.surface.final
    assert set(written) == {"_surface", "_projections", "_eigenpairs", "progress"}
    assert max(written.values()) <= 2


def test_a_failure_keeps_the_last_good_picture(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, domain=(-1, 1, -1, 1)).compute()
    surface, sent = explorer.surface, received(explorer, "_surface")
    gate.fail(MemoryError("no room today"))
    explorer.domain = (-3, 3, -3, 3)
    with pytest.raises(RuntimeError, match="no room today"):
        explorer.wait(HUNG)
    assert explorer.status == "failed"
    assert explorer.error == "MemoryError: no room today"
    assert explorer.surface is surface
    assert received(explorer, "_surface") is sent
    assert explorer.compute().status == "done"  # the fault is gone: the worker lives
    assert explorer.error == ""
    assert explorer.surface.alpha[-1] == 3


def test_compute_raises_with_the_cause(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    fault = BrokenError("no gradient today")
    gate.fail(fault, after=6)
    with pytest.raises(RuntimeError, match="could not be computed: BrokenError: no gradient") as raised:
        explorer.compute()
    assert raised.value.__cause__ is fault


def test_a_failing_observer_does_not_end_the_explorer(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1])

    def observer(change: Any) -> None:
        if change.new == "done":
            raise BrokenError("the user's observer")

    explorer.observe(observer, names="status")
    explorer.compute()
    explorer.unobserve(observer, names="status")
    assert explorer.compute().status == "done"


def test_a_changed_control_starts_a_request_only_once_it_is_shown(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1])
    explorer.resolution = 7
    assert explorer._request is None
    explorer.compute()
    first = explorer._request
    explorer.resolution = 9
    assert explorer._request is not first
    explorer.wait(HUNG)
    assert explorer.surface.loss.shape == (9, 9)
    assert received(explorer, "_surface")["request"] == explorer.progress["request"] == 2


def test_every_control_changes_the_result(make_explorer: Make) -> None:
    network = case("dense tanh")
    explorer = make_explorer(network.model(), network.batches(ONE_BATCH), network.loss_fn).compute()
    changes: list[tuple[str, Any, Callable[[], bool]]] = [
        ("resolution", 9, lambda: len(explorer.surface.beta) == 9),
        ("seed", 3, lambda: explorer.plane.provenance["seed"] == 3),
        ("domain", (-2.0, 2.0, -1.0, 1.0), lambda: explorer.surface.alpha[-1] == 2),
        ("samples", 9, lambda: explorer.projections.samples == 9),
        ("axes", ("random", "random"), lambda: explorer.plane.axes == ("random", "random")),
        ("examples", 6, lambda: explorer.surface.provenance["n_examples"] == 6),
    ]
    for name, value, seen in changes:
        assert not seen()
        setattr(explorer, name, value)
        explorer.wait(HUNG)
        assert explorer.status == "done"
        assert seen()


def test_a_new_value_replaces_the_running_request(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    gate.hold(after=30)
    show(explorer)
    first = explorer._request
    assert gate.reached.wait(HUNG)
    explorer.resolution = 7
    explorer.resolution = 9
    gate.go.set()
    finish(first)
    explorer.wait(HUNG)
    assert first.cancelled
    assert explorer.status == "done"
    assert explorer.surface.loss.shape == (9, 9)
    assert received(explorer, "_surface")["request"] == 3


def test_compute_waits_for_the_newest_request(make_explorer: Make) -> None:
    """A control that moves on the page during compute() does not make it fail as cancelled."""
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    gate.hold(after=30)

    def move() -> None:
        assert gate.reached.wait(HUNG)
        explorer.resolution = 9
        gate.go.set()

    page = Thread(target=move)
    page.start()
    explorer.compute()
    page.join(HUNG)
    assert explorer.surface.loss.shape == (9, 9)
    assert explorer.surface.final
    assert explorer.status == "done"


def test_a_late_result_of_a_replaced_request_is_dropped(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step in which it was replaced ends with a result."""
    monkeypatch.setattr("landscape_widget.explorer.explorer.UPDATE_INTERVAL", 0.0)
    gate, objective = gated_saddle()
    explorer = make_explorer(objective).compute()
    gate.hold()
    explorer.domain = (-5.0, 5.0, -5.0, 5.0)
    assert gate.reached.wait(HUNG)
    replaced = explorer._request
    explorer.domain = (-7.0, 7.0, -7.0, 7.0)
    sent: set[int] = set()
    explorer.observe(lambda change: sent.add(change.new["request"]), ["_surface", "progress"])
    gate.go.set()
    finish(replaced)
    explorer.wait(HUNG)
    assert sent == {3}
    assert explorer.surface.alpha[-1] == 7


def test_the_stage_after_a_first_picture_is_told_at_once_with_the_whole_of_it(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is long until the next step."""
    monkeypatch.setattr("landscape_widget.explorer.explorer.UPDATE_INTERVAL", float("inf"))
    monkeypatch.setattr("landscape_widget.study.preview.PREVIEW_SECONDS", 0.0)
    small = case("dense tanh")
    x, y = small.examples()
    data = x.repeat(20, 1), y.repeat(20)
    axes = ("random:filter", "random:filter")
    explorer = make_explorer(small.model(), data, small.loss_fn, axes=axes, resolution=17)
    told: list[tuple[str, int]] = []

    def note(change: Any) -> None:
        evaluated = received(explorer, "_surface")["n_done"] if received(explorer, "_surface") else 0
        told.append((change.new["stage"], evaluated))

    explorer.observe(note, "progress")
    explorer.compute()
    assert told[:2] == [("loss at the present weights", 0), ("gradient at the present weights", 81)]


@pytest.mark.parametrize("after", [0, 5, 40])
def test_cancel_keeps_what_is_known(make_explorer: Make, after: int) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, domain=(-1, 1, -1, 1)).compute()
    pairs = explorer.eigenpairs
    gate.hold(after)
    explorer.resolution = 33
    assert gate.reached.wait(HUNG)
    assert explorer.status == "computing"
    explorer.cancel()
    gate.go.set()
    with pytest.raises(RuntimeError, match="cancelled"):
        explorer.wait(HUNG)
    assert explorer.status == "cancelled"
    assert explorer.error == ""
    assert explorer.eigenpairs is pairs
    assert np.isfinite(explorer.surface.loss).all()
    explorer.compute()
    assert explorer.surface.final
    assert explorer.surface.loss.shape == (33, 33)


def domain_asks(gate: Gate, explorer: LandscapeExplorer, monkeypatch: pytest.MonkeyPatch) -> int:
    """Holds the loss when the automatic domain asks for its first one; returns the calls up to then."""
    reached = Event()

    def looked_for(*arguments: Any) -> Any:
        gate.hold()
        reached.set()
        return automatic_domain(*arguments)

    monkeypatch.setattr(picture_steps, "automatic_domain", looked_for)
    explorer._submit()
    assert reached.wait(HUNG)
    assert gate.reached.wait(HUNG)
    return gate.calls


@pytest.mark.parametrize("end", ["cancel", "another control", "close"])
def test_a_cancel_while_the_domain_is_looked_for_is_obeyed_after_one_loss(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """It takes up to 19 in one step."""
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    calls = domain_asks(gate, explorer, monkeypatch)
    request = explorer._request
    if end == "another control":
        explorer.samples = 7
    else:
        getattr(explorer, end)()
    gate.go.set()
    finish(request)
    assert request.cancelled
    assert request.error is None
    if end == "cancel":
        assert gate.calls == calls
        assert explorer.status == "cancelled"
        assert explorer.surface is None
        explorer.compute()
        assert explorer.surface.final


@pytest.mark.parametrize("axes", [("random", "random"), ("hessian:max", "hessian:min")])
def test_a_cancel_before_the_first_picture_is_obeyed_after_one_loss(
    make_explorer: Make, axes: tuple[str, str]
) -> None:
    """The nine nodes of a first picture are one step; those that are known are not evaluated again."""
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, axes=axes, domain=(-0.7, 0.9, -0.7, 0.9)).compute("eigenpairs")
    before = gate.calls
    gate.hold(after=5)
    explorer._submit("surface")
    assert gate.reached.wait(HUNG)
    calls = gate.calls
    explorer.cancel()
    gate.go.set()
    settle(explorer)
    assert gate.calls == calls
    assert calls - before < 9
    assert explorer.surface is None
    explorer.compute("surface")
    checks = 2  # by which the loss is seen to be the same
    assert gate.calls - before == explorer.surface.n_evaluated + checks


def test_compute_tells_that_it_was_cancelled(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)

    def cancel() -> None:
        explorer.cancel()

    gate.then(cancel, after=10)
    with pytest.raises(RuntimeError, match="was cancelled"):
        explorer.compute()


def test_an_interrupt_of_the_kernel_cancels(make_explorer: Make) -> None:
    """The signal reaches the main thread only, while the worker computes."""
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)

    def interrupt() -> None:
        _thread.interrupt_main()
        gate.reached.set()
        assert gate.go.wait(HUNG)

    gate.then(interrupt, after=10)
    # a process that a shell has started in the background ignores the signal
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            explorer.compute()
    finally:
        signal.signal(signal.SIGINT, before)
    gate.go.set()
    with pytest.raises(RuntimeError, match="cancelled"):
        explorer.wait(HUNG)
    assert explorer.status == "cancelled"


def test_close_ends_the_thread(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    worker = thread(explorer)
    assert worker is not None
    assert worker.name == "landscape-explorer"
    explorer.close()
    worker.join(HUNG)
    assert not worker.is_alive()
    assert explorer.surface is not None  # results stay readable
    with pytest.raises(RuntimeError, match="closed"):
        explorer.compute()


def test_close_during_a_computation_cancels_it(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    gate.hold(after=10)
    show(explorer)
    assert gate.reached.wait(HUNG)
    worker = thread(explorer)
    assert worker is not None
    explorer.close()  # returns although the loss is still at work
    gate.go.set()
    worker.join(HUNG)
    assert not worker.is_alive()
    assert explorer._request.cancelled


def test_close_twice_and_without_a_computation(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1])
    explorer.close()
    explorer.close()


def test_two_explorers_share_an_objective_and_nothing_else(make_explorer: Make) -> None:
    network = case("dense tanh")
    objective = network.objective(ONE_BATCH)
    one = make_explorer(objective, domain=(-1, 1, -1, 1))
    other = make_explorer(objective, domain=(-1, 1, -1, 1), axes=("random", "random"))
    show(one)
    show(other)  # at the same time, on two threads
    one.wait(HUNG)
    other.wait(HUNG)
    assert (one.status, other.status) == ("done", "done")
    alone = make_explorer(network.objective(ONE_BATCH), domain=(-1, 1, -1, 1)).compute()
    assert np.array_equal(one.surface.loss, alone.surface.loss)
    assert other.plane.axes == ("random", "random")


def test_traits_can_be_observed_from_python(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1])
    seen = []
    explorer.observe(lambda change: seen.append(change.new), "status")
    explorer.compute()
    assert seen == ["computing", "done"]


def test_a_hole_is_a_result_and_no_failure(make_explorer: Make) -> None:
    def f(theta: Tensor) -> Tensor:
        return torch.where(theta[0] > 1.7, torch.full_like(theta[0], torch.inf), saddle(theta))

    objective = Objective.from_function(Gate(f), torch.ones(5, dtype=torch.float64))
    explorer = make_explorer(objective, axes=("hessian:max", "hessian:min"), domain=(-1, 1, -1, 1))
    explorer.compute()
    assert np.isnan(explorer.surface.loss[:, explorer.surface.alpha > 0.5]).all()
    assert np.isfinite(explorer.surface.loss[:, explorer.surface.alpha <= 0.5]).all()


def test_a_batch_norm_model_in_single_precision(make_explorer: Make) -> None:
    """The usual case, from end to end: float32 weights, a loader, cross entropy."""
    network = case("convolution, batch norm")
    x, y = network.examples()
    explorer = make_explorer(network.model().float(), [(x.float(), y)], nn.CrossEntropyLoss()).compute()
    assert explorer.surface.provenance["dtype"] == "float32"
    assert explorer.eigenpairs.provenance["dtype"] == "float64"
    exact = hessian_eigenpairs(network.objective(ONE_BATCH)).values
    np.testing.assert_allclose(explorer.eigenpairs.values, exact, rtol=1e-4)  # of float32 weights


def test_a_second_plane_comes_and_goes(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], axes=("hessian:max", "hessian:min")).compute()
    assert explorer.compared is None
    assert received(explorer, "_compared") is None
    explorer.compared_domain = (-2, 2, -2, 2)
    explorer.compared_axes = ("random", "random")
    explorer.wait(HUNG)
    assert explorer.compared is not None
    assert explorer.compared.plane.axes == ("random", "random")
    assert explorer.compared.surface.alpha.tolist() == [-2, -1, 0, 1, 2]
    loss = np.frombuffer(received(explorer, "_compared")["loss"], "<f4").reshape(5, 5)
    assert np.array_equal(loss, explorer.compared.surface.loss.astype("f4"))
    assert received(explorer, "_compared")["request"] == received(explorer, "_surface")["request"]
    assert all(sentence for sight in received(explorer, "_compared")["sights"] for sentence in sight)
    explorer.compared_axes = None
    explorer.wait(HUNG)
    assert explorer.compared is None
    assert received(explorer, "_compared") is None
    with pytest.raises(traitlets.TraitError, match="two different Hessian axes"):
        explorer.compared_axes = ("hessian:max", "hessian:max")
    with pytest.raises(traitlets.TraitError, match="α min < α max"):
        explorer.compared_domain = (1, -1, -1, 1)


def products(objective: Objective, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with every call of a Hessian-vector product of ``objective``."""
    calls: list[None] = []
    hvp = type(objective).hvp

    def counted(self: Objective, v: Tensor, theta: Tensor | None = None) -> Tensor:
        calls.append(None)
        return hvp(self, v, theta)

    monkeypatch.setattr(type(objective), "hvp", counted)
    return calls


def test_the_surface_alone_takes_no_curvature(make_explorer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = gated_saddle()[1]
    calls = products(objective, monkeypatch)
    explorer = make_explorer(objective, axes=("random", "random"))
    assert explorer.compute("surface") is explorer
    assert explorer.surface.final
    assert (explorer.eigenpairs, explorer.projections, explorer.density) == (None, None, None)
    assert calls == []
    explorer.compute()
    assert explorer.eigenpairs is not None
    assert explorer.density is not None


def test_a_surface_along_eigenvectors_takes_these_and_no_more(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute("surface")
    assert explorer.surface.final
    assert explorer.eigenpairs is not None
    assert (explorer.projections, explorer.density) == (None, None)


def test_both_pictures_are_the_surface(make_explorer: Make) -> None:
    explorer = make_explorer(
        gated_saddle()[1], axes=("random", "random"), compared_axes=("hessian:max", "hessian:min")
    ).compute("surface")
    assert explorer.compared.surface.final
    assert explorer.projections is None


@pytest.mark.parametrize(
    ("control", "value"), [("resolution", 7), ("domain", (-2.0, 1.0, -1.0, 1.0)), ("seed", 3)]
)
def test_a_control_that_is_changed_meanwhile_leaves_it_at_the_part(
    make_explorer: Make, control: str, value: Any
) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, axes=("random", "random"))
    gate.then(lambda: setattr(explorer, control, value), after=10)
    explorer.compute("surface")
    assert explorer._number == 2
    assert explorer.surface.final
    assert explorer.eigenpairs is None
    explorer.resolution = 9
    assert explorer.wait(HUNG).eigenpairs is not None


def test_a_control_that_is_changed_after_a_cancel_asks_for_everything(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, axes=("random", "random"))

    def cancelled_and_moved() -> None:
        explorer.cancel()
        explorer.resolution = 7

    gate.then(cancelled_and_moved, after=10)
    explorer.compute("surface")
    assert explorer.eigenpairs is not None


@pytest.mark.parametrize("axes", [("hessian:max", "hessian:min"), ("random", "random")])
def test_the_eigenpairs_alone_take_no_nodes(make_explorer: Make, axes: tuple[str, str]) -> None:
    explorer = make_explorer(gated_saddle()[1], axes=axes).compute("eigenpairs")
    assert explorer.eigenpairs.converged.all()
    assert (explorer.surface, explorer.projections) == (None, None)


@pytest.mark.parametrize("face", ["projections", "spectrum", "trace"])
def test_the_curvature_alone_is_all_of_the_panel_and_no_nodes(make_explorer: Make, face: str) -> None:
    explorer = make_explorer(gated_saddle()[1], axes=("random", "random"), face=face).compute("curvature")
    assert explorer.surface is None
    assert explorer.eigenpairs.converged.all()
    assert explorer.projections.samples == 4
    assert explorer.density is not None
    assert explorer.blindness is not None


@pytest.mark.parametrize("what", ["surfaces", "", None, 1, ["surface"]], ids=str)
def test_a_part_that_does_not_exist_is_refused_with_the_list(make_explorer: Make, what: Any) -> None:
    explorer = make_explorer(gated_saddle()[1])
    parts = "'surface', 'eigenpairs', 'curvature', 'lines', 'all', 'evolution'"
    with pytest.raises(ValueError, match=f"Expected one of {parts}, got"):
        explorer.compute(what)
    assert explorer._request is None


@pytest.mark.parametrize(("face", "last"), [("projections", "_spectrum"), ("spectrum", "_projections")])
def test_what_the_panel_does_not_show_is_computed_last(make_explorer: Make, face: str, last: str) -> None:
    explorer = make_explorer(gated_saddle()[1], resolution=33, face=face)
    finals: list[bool] = []
    explorer.observe(lambda _: finals.append(explorer.surface.final), names=[last])
    explorer.compute()
    assert finals
    assert all(finals)


def test_the_time_left_is_told_of_each_part(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    assert explorer.progress["parts"] == {"surface": 0.0, "eigenpairs": 0.0, "curvature": 0.0}


def test_random_planes_known_before_stand_beside_the_curvatures_of_the_plane_on_show(
    make_explorer: Make,
) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    sent: list[Any] = []
    explorer.observe(lambda change: sent.append(change["new"]), names=["_projections"])
    explorer.axes = "random", "random"
    explorer.wait(HUNG)
    assert {payload["request"] for payload in sent} == {explorer._number}
    assert all(payload["plane"] and payload["final"] for payload in sent)
