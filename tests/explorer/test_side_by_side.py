"""Two models of other shapes side by side: one set of controls, one domain, one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import LandscapeExplorer, SideBySide

from ..support.gates import HUNG, finish, settle
from ..support.page import send

Make = Callable[..., LandscapeExplorer]

X = torch.linspace(-1, 1, 12, dtype=torch.float64)[:, None]
DATA = (X, torch.sin(3 * X))


def network(width: int) -> nn.Sequential:
    torch.manual_seed(width)
    return nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1)).double()


def dense_hessian(model: nn.Module) -> np.ndarray:
    names = dict(model.named_parameters())

    def loss(theta: torch.Tensor) -> torch.Tensor:
        parts = theta.split([p.numel() for p in names.values()])
        given = {name: part.view(p.shape) for (name, p), part in zip(names.items(), parts, strict=True)}
        return nn.functional.mse_loss(torch.func.functional_call(model, given, (X,)), DATA[1])

    theta = torch.cat([p.detach().reshape(-1) for p in names.values()])
    return np.asarray(torch.func.hessian(loss)(theta))


@pytest.fixture
def pair(make_explorer: Make) -> Iterator[SideBySide]:
    narrow, wide = (
        make_explorer(network(width), DATA, nn.MSELoss(), resolution=5, samples=1) for width in (3, 9)
    )
    made = SideBySide({"narrow": narrow, "wide": wide})
    yield made
    made.close()


def test_both_reach_as_far_as_the_farther_and_the_table_is_that_of_dense_hessians(pair: SideBySide) -> None:
    alone = []
    for width in (3, 9):
        explorer = LandscapeExplorer(network(width), DATA, nn.MSELoss(), resolution=5).compute()
        alone.append(explorer.surface.provenance["domain"])
        explorer.close()
    narrow, wide = pair.explorers.values()
    pair.compute()
    low_a, high_a, low_b, high_b = zip(*alone, strict=True)
    expected = min(low_a), max(high_a), min(low_b), max(high_b)
    assert narrow.domain == wide.domain == pytest.approx(expected)
    assert narrow.surface.provenance["domain"] == pytest.approx(expected)
    assert wide.surface.provenance["domain"] == pytest.approx(expected)
    table = pair.comparison
    assert table.name == ("narrow", "wide")
    for i, width in enumerate((3, 9)):
        model = network(width)
        dense = np.linalg.eigvalsh(dense_hessian(model))
        assert table.largest[i] == pytest.approx(dense[-1], rel=2e-3)
        assert table.smallest[i] == pytest.approx(dense[0], rel=2e-3, abs=2e-3 * dense[-1])
        assert table.loss[i] == pytest.approx(nn.functional.mse_loss(model(X), DATA[1]).item(), rel=1e-10)
        assert table.trace[i] == pytest.approx(dense.sum(), rel=1e-6)  # so few parameters have an exact one
    cells = re.sub(' style="[^"]*padding[^"]*"', "", pair._table.value)  # in a widget cells have none
    assert pair._table.value != cells == table._repr_html_()


def test_each_still_picture_says_whose_it_is(pair: SideBySide) -> None:
    """A notebook that is reopened without a kernel shows one below the other."""
    names = ("narrow", "wide")
    assert [one._still()["text/plain"].split(":")[0] for one in pair.explorers.values()] == [*names]
    pair.compute()
    for name, explorer in pair.explorers.items():
        still = explorer._still()
        assert still["text/plain"].startswith(f"{name}: {explorer.results.verdict.sentence}")
        assert f'alt="{name}: ' in still["text/html"]
    alone = LandscapeExplorer(network(3), DATA, nn.MSELoss(), resolution=5).compute()
    assert alone._still()["text/plain"].startswith(alone.results.verdict.sentence)
    alone.close()


def test_on_a_page_the_table_gets_the_trace_in_idle_time(pair: SideBySide) -> None:
    for explorer in pair.explorers.values():
        send(explorer, type="shown")
    for explorer in pair.explorers.values():
        settle(explorer)
        if explorer._pastime is not None:
            finish(explorer._pastime)
    pair._settle()
    for explorer in pair.explorers.values():
        settle(explorer)
        assert explorer._pastime is not None
        finish(explorer._pastime)
    assert np.isfinite(pair.comparison.trace).all()
    assert not any(one.evolution.done.sum() > 1 for one in pair.explorers.values())


def test_what_is_set_in_one_is_set_in_the_other(pair: SideBySide) -> None:
    narrow, wide = pair.explorers.values()
    pair.compute()
    wide.axes = ("random:filter", "random:filter")
    pair._settle()
    assert narrow.axes == wide.axes
    pair.compute()
    # the domain of the Hessian plane is none of the filter-normalised one
    assert narrow.domain == wide.domain == pytest.approx((-1, 1, -1, 1))
    narrow.domain, narrow.seed, narrow.resolution = (-0.5, 0.5, -0.5, 0.5), 4, 7
    pair.compute()
    assert (wide.domain, wide.seed, wide.resolution) == ((-0.5, 0.5, -0.5, 0.5), 4, 7)
    assert wide.surface.loss.shape == (7, 7)
    narrow.domain = None  # chosen anew, and for both
    pair.compute()
    assert narrow.domain == wide.domain == pytest.approx((-1, 1, -1, 1))


def test_what_another_cannot_take_stays_as_it_is_there(make_explorer: Make) -> None:
    torch.manual_seed(0)
    other = {"other": nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)).double()}
    a = make_explorer(network(3), DATA, nn.MSELoss(), resolution=3, axes=("random", "random"))
    b = make_explorer(
        network(4), DATA, nn.MSELoss(), resolution=3, axes=("toward:other", "random"), solutions=other
    )
    pair = SideBySide({"a": a, "b": b})
    assert b.axes == ("random", "random")  # those of the first
    b.axes = ("toward:other", "random")
    pair._settle()
    assert a.axes == ("random", "random")
    pair.compute()
    assert a.surface is not None
    assert b.surface is not None
    assert np.isfinite(pair.comparison.loss).all()


def test_both_computing_at_once_wait_for_nobody(pair: SideBySide) -> None:
    """Each worker sets what the other has found meanwhile; none holds two locks."""
    narrow, wide = pair.explorers.values()
    for i in range(4):
        narrow.domain = wide.domain = None
        narrow._submit()
        wide._submit()
        narrow.seed = i
        finish(narrow._request)
        finish(wide._request)
        pair._settle()
    pair.compute()
    assert narrow.seed == wide.seed == 3


#: Ways to set controls of two explorers: from one thread, in turns, as a slider does, from two threads, and
#: as pages do.
WAYS: dict[str, Callable[[LandscapeExplorer, LandscapeExplorer], object]] = {
    "in turns": lambda a, b: [(set_seeds(a, 10 + i), set_seeds(b, 20 + i)) for i in range(5)],
    "a slider": lambda a, _: set_seeds(a, *range(1, 21)),
    "and back": lambda a, b: (set_seeds(a, 5), set_seeds(b, 6), set_seeds(a, 0)),
    "two threads": lambda a, b: in_two_threads(
        lambda: set_seeds(a, *range(1, 21)), lambda: set_seeds(b, *range(31, 51))
    ),
    "the page": lambda a, b: [one.set_state({"seed": i}) for i in range(1, 9) for one in (a, b)],
}


def set_seeds(explorer: LandscapeExplorer, *seeds: int) -> None:
    for seed in seeds:
        explorer.seed = seed


def in_two_threads(*acts: Callable[[], None]) -> None:
    threads = [Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HUNG)


@contextmanager
def workers_held(explorers: list[LandscapeExplorer]) -> Iterator[None]:
    """Their errands wait meanwhile, as they do behind a long step."""
    go = Event()

    def wait() -> Iterator[None]:
        go.wait(HUNG)
        yield

    for explorer in explorers:
        explorer._worker.errand(wait)
    try:
        yield
    finally:
        go.set()


def served(explorers: list[LandscapeExplorer], rounds: int = 20) -> None:
    """Waits until all errands are served that wait, and those that they beget, up to so many generations."""
    for _ in range(rounds):
        for request in [explorer._worker.errand(lambda: iter(())) for explorer in explorers]:
            finish(request)


@pytest.mark.parametrize(
    ("way", "computing"),
    [(way, way in ("in turns", "two threads")) for way in WAYS],
)
def test_the_last_value_is_that_of_all_and_nothing_echoes(
    pair: SideBySide, way: str, computing: bool
) -> None:
    explorers = [*pair.explorers.values()]
    seen: list[tuple[LandscapeExplorer, int, int]] = []
    for explorer in explorers:
        explorer.observe(lambda change: seen.append((change["owner"], change["old"], change["new"])), "seed")
        if computing:
            explorer._submit()
    with workers_held(explorers):
        WAYS[way](*explorers)
        given = seen.copy()
    served(explorers)
    assert explorers[0].seed == explorers[1].seed
    assert explorers[0].seed in {new for _, _, new in given[-2:]}  # of two threads either is the last
    changes = len(seen)
    assert changes - len(given) <= len(explorers)  # each followed at most once
    served(explorers)
    assert len(seen) == changes
    pair.compute()
    assert {one.results.controls.seed for one in explorers} == {explorers[0].seed}


def test_an_observer_that_chooses_another_value_is_followed(pair: SideBySide) -> None:
    narrow, wide = pair.explorers.values()

    def even(change: Any) -> None:
        if change["new"] % 2:
            wide.seed = change["new"] + 1

    wide.observe(even, "seed")
    narrow.seed = 3
    served([narrow, wide])
    assert (narrow.seed, wide.seed) == (4, 4)


def test_a_domain_that_is_set_while_both_find_their_own_is_kept(
    pair: SideBySide, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow, wide = pair.explorers.values()
    want, chosen = pair._want, (-0.5, 0.5, -0.5, 0.5)

    def want_late(name: str, value: Any, *since: object) -> bool:
        monkeypatch.setattr(pair, "_want", want)
        narrow.domain = chosen
        return want(name, value, *since)

    narrow.compute()
    monkeypatch.setattr(pair, "_want", want_late)
    wide.compute()
    pair.compute()
    assert narrow.domain == wide.domain == chosen


def test_who_is_set_beside_others_later_follows_those_alone(pair: SideBySide, make_explorer: Make) -> None:
    narrow, wide = pair.explorers.values()
    third = make_explorer(network(4), DATA, nn.MSELoss(), resolution=5)
    SideBySide({"wide": wide, "third": third})
    narrow.seed, third.seed = 7, 8
    served([narrow, wide, third])
    assert (narrow.seed, wide.seed, third.seed) == (7, 8, 8)
    again = SideBySide({"narrow": narrow, "third": third})
    narrow.seed = 9
    served([narrow, wide, third])
    assert (narrow.seed, wide.seed, third.seed) == (9, 8, 9)
    again.compute()


def test_they_are_of_one_group_on_the_page_and_closed_together(pair: SideBySide) -> None:
    narrow, wide = pair.explorers.values()
    assert narrow._group == wide._group != ""
    pair.compute()
    before = pair.comparison
    wide.close()
    assert np.isnan(pair.comparison.largest[1])
    assert pair.comparison.largest[0] == before.largest[0]


@pytest.mark.parametrize("wrong", [None, [], {}, {"a": 3}, "a"])
def test_anything_else_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"Expected .*explorers"):
        SideBySide(wrong)


def test_one_alone_or_twice_is_refused(make_explorer: Make) -> None:
    explorer = make_explorer(network(3), DATA, nn.MSELoss())
    for wrong in ({"a": explorer}, {"a": explorer, "b": explorer}):
        with pytest.raises(ValueError, match="Expected two explorers or more"):
            SideBySide(wrong)


@pytest.mark.parametrize("wrong", [None, 1, ("a",), "", " "])
def test_a_name_that_is_no_word_is_refused_before_anything_changes(make_explorer: Make, wrong: Any) -> None:
    one, other = (make_explorer(network(width), DATA, nn.MSELoss()) for width in (3, 4))
    other.seed = 3
    with pytest.raises((TypeError, ValueError), match=r"Expected explorers by names, .*, got .*as a name"):
        SideBySide({wrong: one, "b": other})
    assert (one._group, other._group, other.seed) == ("", "", 3)
