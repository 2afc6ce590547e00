"""What people do with an explorer in Python: observe results, read it in one line, mistype."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from landscape_widget import LandscapeExplorer
from landscape_widget.explorer.latest import RESULTS
from tests.support.cases import ONE_BATCH, case, paper_function

from ..support.page import received


@pytest.fixture
def explorer() -> LandscapeExplorer:
    objective = paper_function(6, 4)
    other = {"other": objective.theta + 0.1}
    return LandscapeExplorer(objective, resolution=11, samples=5, solutions=other)


def test_results_are_observed_like_traits(explorer: LandscapeExplorer) -> None:
    """Old and new follow on each other, and what a handler reads belongs to the same picture."""
    seen: list[Any] = []

    def handler(change: Any) -> None:
        assert explorer.surface is change["new"]
        assert explorer.plane is not None
        seen.append(change)

    explorer.observe(handler, "surface")
    explorer.compute()
    assert seen[0]["old"] is None
    assert [change["new"] for change in seen[:-1]] == [change["old"] for change in seen[1:]]
    assert seen[-1]["new"] is explorer.surface
    count = len(seen)
    explorer.unobserve(handler, "surface")
    explorer.resolution = 13
    explorer.wait()
    assert len(seen) == count


def test_every_result_is_told_of(explorer: LandscapeExplorer) -> None:
    """The last one of each kind is the one that the explorer has at the end; a new centre has none."""
    last: dict[str, Any] = {}
    stop = explorer.on_result(lambda name, result: last.update({name: result}))
    explorer.compared_axes, explorer.face, explorer.lines = ("random", "random"), "trace", "random"
    explorer.compared_checkpoint = "other"
    explorer.compute()
    assert set(last) == set(RESULTS)
    assert all(np.all(value == getattr(explorer, name)) for name, value in last.items())
    explorer.observe(lambda change: last.update(gone=change["new"]), "eigenpairs")
    stop()
    stop()
    explorer.recentre(0.01, 0.0)
    assert last["gone"] is None
    explorer.wait()
    assert last["gone"] is explorer.eigenpairs


def test_results_while_traits_are_held(explorer: LandscapeExplorer) -> None:
    """Whoever holds traits back does not hold back, or break, what the worker finds."""
    seen: list[str] = []
    explorer.on_result(lambda name, _: seen.append(name))
    with explorer.hold_trait_notifications():
        explorer.compute()
    assert "eigenpairs" in seen


@pytest.mark.parametrize(
    ("name", "hint"), [("surfce", "'surface'"), ("resolutions", "'resolution'"), ("nothing like it", "got")]
)
def test_observing_what_is_not_there(name: str, hint: str, explorer: LandscapeExplorer) -> None:
    """A handler that is never called is refused at once, among right names, too."""
    with pytest.raises(ValueError, match=hint):
        explorer.observe(print, ["surface", name])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("axis", "'axes'"),
        ("resolutoin", "'resolution'"),
        ("sed", "'seed'"),  # and no method such as send
        ("veiw", "'view'"),
        ("spilt", "'split'"),
        ("trajectry", "'trajectory'"),
        ("compute_", "'compute'"),
        ("x", "got"),
        ("compute", r"is a method: explorer\.compute\(…\)"),
        ("close", "is a method"),
        ("observe", "is a method"),
    ],
)
def test_setting_what_is_not_there(name: str, hint: str, explorer: LandscapeExplorer) -> None:
    with pytest.raises(AttributeError, match=hint):
        setattr(explorer, name, 3)


def test_results_are_not_set(explorer: LandscapeExplorer) -> None:
    with pytest.raises(AttributeError):
        explorer.surface = None  # type: ignore[misc]


def test_one_line(explorer: LandscapeExplorer) -> None:
    assert repr(explorer) == (
        "LandscapeExplorer(idle; no verdict yet; hessian:max × hessian:min, 11×11 nodes)"
    )
    explorer.compute()
    kind = explorer.results.verdict
    assert kind is not None
    assert kind.sentence.startswith(repr(explorer).split("; ")[1])
    assert "\n" not in repr(explorer)
    explorer.close()
    assert "LandscapeExplorer(" in repr(explorer)


def test_weights_written_over_what_training_made(make_explorer: Callable[..., LandscapeExplorer]) -> None:
    """It can be undone, and is told: as a warning here, on the page as a note."""
    network = case("dense tanh")
    model = network.model()
    explorer = make_explorer(model, network.batches(ONE_BATCH), network.loss_fn, resolution=3).compute()
    explorer.apply(0.1, 0.0)
    assert received(explorer, "_pins")["note"] == ""
    explorer.restore()
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    trained = copy.deepcopy(model.state_dict())
    with pytest.warns(UserWarning, match="trained on"):
        explorer.apply(0.1, 0.0)
    assert "restore()" in received(explorer, "_pins")["note"]
    explorer.restore()
    assert all(torch.equal(value, trained[key]) for key, value in model.state_dict().items())


def test_the_last_results_are_told_of_though_the_page_has_no_room(explorer: LandscapeExplorer) -> None:
    """A page that acknowledges nothing keeps pictures waiting, and those who observe them not."""
    last: dict[str, Any] = {}
    explorer.on_result(lambda name, result: last.update({name: result}))
    explorer._publisher.flight.hear()
    explorer.compute()
    assert explorer._publisher.holds
    assert last["surface"] is explorer.surface
    assert last["projections"] is explorer.projections


def test_what_was_found_before_a_cancel_is_told_of(explorer: LandscapeExplorer) -> None:
    """No picture goes to the page after it, but what the explorer has is what observers have heard of."""
    last: dict[str, Any] = {}

    def cancel(change: Any) -> None:
        if change["new"] is not None:
            explorer.cancel()

    explorer.on_result(lambda name, result: last.update({name: result}))
    explorer.observe(cancel, "_surface")
    with pytest.raises(RuntimeError, match="cancelled"):
        explorer.compute()
    assert last["surface"] is explorer.surface


def test_results_are_read_in_a_line(explorer: LandscapeExplorer) -> None:
    assert repr(explorer.results) == (
        "Results(no verdict yet; hessian:max × hessian:min, 11×11 nodes; nothing computed yet)"
    )
    explorer.compared_axes, explorer.face, explorer.lines = ("random", "random"), "trace", "random"
    results = explorer.compute().results
    assert repr(results).startswith(f"Results({results.verdict.sentence.partition('. ')[0]}; hessian:max × ")
    assert all(name in repr(results) for name in ("surface", "eigenpairs", "traces", "compared"))
    assert len(repr(results)) < 300
    for part in (
        results.compared,
        explorer.pin(0.0, 0.0),
        results.quadratic,
        results.slopes,
        results.verdict,
    ):
        assert len(repr(part)) < 500, repr(part)
    assert repr(results.verdict) == f"Verdict({results.verdict.sentence})"
