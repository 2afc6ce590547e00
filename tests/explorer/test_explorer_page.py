"""The explorer as the page meets it: comm messages in, synced state out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from ipywidgets.embed import dependency_state

from landscape_widget import LandscapeExplorer
from landscape_widget.explorer.traits import CONTROLS
from landscape_widget.study.controls import Controls

from ..support.cases import ONE_BATCH, case
from ..support.gates import HUNG, finish, gated_saddle
from ..support.logs import Log
from ..support.page import received, send, update

Make = Callable[..., LandscapeExplorer]


def test_a_page_that_shows_it_starts_it_once(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1])
    send(explorer, type="shown")
    first = explorer._request
    send(explorer, type="shown")  # a second view, or a reload
    assert explorer._request is first
    finish(first)
    assert explorer.status == "done"
    send(explorer, type="shown")
    assert explorer._request is first


def test_the_page_asks_for_the_same_again(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    send(explorer, type="compute")
    explorer.wait(HUNG)
    assert received(explorer, "_surface")["request"] == 2


def test_the_page_cancels(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    gate.hold(after=10)
    send(explorer, type="shown")
    assert gate.reached.wait(HUNG)
    send(explorer, type="cancel")
    gate.go.set()
    with pytest.raises(RuntimeError, match="cancelled"):
        explorer.wait(HUNG)
    assert explorer.status == "cancelled"


@pytest.mark.parametrize("content", [{}, {"type": "reboot"}, {"type": None}, {"kind": "cancel"}], ids=str)
def test_unknown_messages_do_nothing(make_explorer: Make, content: dict[str, Any]) -> None:
    explorer = make_explorer(gated_saddle()[1])
    send(explorer, **content)
    assert explorer._request is None


def test_controls_come_from_the_page_as_lists(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    update(explorer, axes=["random", "hessian:min"], domain=[-1, 1, -2, 2], resolution=7, seed=4)
    assert explorer.axes == ("random", "hessian:min")
    assert explorer.domain == (-1.0, 1.0, -2.0, 2.0)
    explorer.wait(HUNG)
    assert explorer.status == "done"
    assert explorer.plane.axes == ("random", "hessian:min")
    assert explorer.surface.loss.shape == (7, 7)


def test_the_domain_goes_back_to_automatic(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], domain=(-1, 1, -1, 1))
    update(explorer, domain=None)
    assert explorer.domain is None


def test_results_and_status_are_the_kernels_to_write(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    before = explorer.get_state()
    forged = {"status": "failed", "error": "forged", "progress": {}, "_surface": None, "_eigenpairs": {}}
    update(explorer, **forged, _info={}, _projections=None, resolution=7)
    explorer.wait(HUNG)
    assert explorer.resolution == 7
    assert (explorer.status, explorer.error) == ("done", "")
    assert received(explorer, "_info") == before["_info"]
    assert received(explorer, "_surface")["request"] == 2


#: What an explorer of a function refuses, each with what stands in the sentence.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"resolution": 8}, "odd"),
    ({"domain": [1, -1, -1, 1]}, "domain"),
    ({"axes": ["hessian:top", "random"]}, "'hessian:top'"),
    ({"axes": ["random:filter", "random:filter"], "domain": None}, "parameters that form filters"),
    ({"axes": ["hessian:max", "hessian:max"]}, "different"),
    ({"seed": -1}, "seed"),
    ({"examples": 2}, "examples"),
    ({"batch_norm": "recomputed"}, "batch-norm"),
    ({"split": "test"}, "test"),
    ({"compared_axes": ["random:filter", "random:filter"]}, "parameters that form filters"),
    ({"compared_domain": [0, 0, 0, 0]}, "domain"),
    ({"compared_split": "difference"}, "test"),
    ({"compared_checkpoint": 3}, "checkpoint"),
    ({"equal_axes": 2}, "equal_axes"),
    ({"checkpoint": 7}, "checkpoint"),
    ({"face": "profile"}, "'profile'"),
    ({"face": None, "seed": 3}, "face"),
    ({"lines": "solutions"}, "solutions={…}"),
]


@pytest.fixture(scope="module")
def computed() -> Iterator[LandscapeExplorer]:
    """One that no choice below changes, but for its seed."""
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=5, samples=4).compute()
    yield explorer
    explorer.close()


@pytest.mark.parametrize("state", [state for state, _ in REFUSED], ids=str)
def test_a_bad_value_from_the_page_changes_nothing(
    computed: LandscapeExplorer, caplog: Log, state: dict[str, Any]
) -> None:
    before = {name: getattr(computed, name) for name in CONTROLS}
    request = computed._request
    update(computed, **state)
    assert "TraitError" in caplog.text  # ipywidgets logs it, and shows it in the cell where there is one
    assert {name: getattr(computed, name) for name in CONTROLS} == before
    assert computed._request is request


@pytest.mark.parametrize(("state", "words"), REFUSED, ids=str)
def test_a_page_whose_choice_is_refused_gets_back_what_holds_and_the_reason(
    computed: LandscapeExplorer, monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], words: str
) -> None:
    explorer = computed
    page = {**state, "error": explorer.error}  # as it shows them

    def hear(message: dict[str, Any], **_: Any) -> None:
        if message["method"] == "update":
            page.update(message["state"])

    monkeypatch.setattr(explorer, "_send", hear)
    update(explorer, **state)
    assert page == explorer.get_state([*state, "error"])
    assert words in page["error"]
    update(explorer, seed=explorer.seed + 1)
    explorer.wait(HUNG)
    assert page["error"] == "", "the next choice that is taken ends it"


def test_every_control_that_the_page_may_set_is_among_those_refused() -> None:
    synced = {control.name for control in fields(Controls) if control.metadata["synced"]}
    assert {name for state, _ in REFUSED for name in state} == synced


def numbers_in(value: Any) -> Any:
    """Everything but buffers, as JSON."""
    if isinstance(value, dict):
        return {k: numbers_in(v) for k, v in value.items() if not isinstance(v, bytes | memoryview)}
    return value


def test_a_second_view_finds_everything_in_the_state(make_explorer: Make) -> None:
    """A reload and a saved notebook are drawn from the synced state alone."""
    network = case("dense tanh")
    explorer = make_explorer(network.model(), network.batches(ONE_BATCH), network.loss_fn).compute()
    state = explorer.get_state()
    controls = {"axes", "seed", "domain", "resolution", "examples"}
    results = {"_surface", "_eigenpairs", "_projections"}
    assert controls | results | {"status", "error", "progress", "_info"} <= set(state)
    for name in controls | results | {"status", "error", "progress", "_info"}:
        json.dumps(numbers_in(state[name]), allow_nan=False)
    assert all(state[name] for name in results)


def test_arrays_travel_as_buffers(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], resolution=101)
    explorer.compute()
    assert isinstance(received(explorer, "_surface")["loss"], bytes)
    assert len(received(explorer, "_surface")["loss"]) == 4 * 101**2
    assert len(json.dumps(numbers_in(received(explorer, "_surface")))) < 2000


def test_a_second_explorer_costs_little_on_the_wire_and_in_a_saved_notebook(make_explorer: Make) -> None:
    make_explorer(gated_saddle()[1])
    second = make_explorer(gated_saddle()[1]).compute()
    parts = dependency_state([second], drop_defaults=False)
    own = [part for part in parts.values() if part["model_module"] != "anywidget" or "axes" in part["state"]]
    library = [part for part in parts.values() if part not in own]
    assert sorted(len(part["state"]["_esm"]) > 1e6 for part in library) == [False, True]
    assert len(json.dumps(own)) < 60_000
    assert {_esm_of(parts, reference) for reference in (second._page, second._runtime)} == {
        part["state"]["_esm"] for part in library
    }


def _esm_of(parts: dict[str, Any], widget: Any) -> str:
    return str(parts[widget.model_id]["state"]["_esm"])
