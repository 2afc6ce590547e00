"""Losses on training and test data over the same plane, and what lies between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from landscape_widget.objective.objective import Objective
from landscape_widget.results.base import Provenance
from landscape_widget.results.planes import Surface

#: What a picture shows the loss on; "difference" is test − training, the generalisation gap.
SPLITS = ("train", "test", "difference")


def check_split(split: str, test: Objective | None) -> str:
    """``split`` itself, if there is something to show of it.

    Raises:
        ValueError: If it needs test data and there are none.
    """
    if split != "train" and test is None:
        raise ValueError(
            f"Expected split='train' of an explorer without test data, got {split!r}. Give it a test_loader."
        )
    return split


def alongside(runs: Mapping[str, Iterator[Surface]]) -> Iterator[dict[str, Surface]]:
    """Advances surfaces of one grid together, the one with the fewest nodes first.

    Args:
        runs: What ``evaluate_plane`` returns, by the names of their splits.

    Yields:
        The newest surface of each, from when all have one.
    """
    latest: dict[str, Surface] = {}
    going = dict(runs)
    while going:
        name = min(going, key=lambda name: int(latest[name].done.sum()) if name in latest else 0)
        surface = next(going[name], None)
        if surface is None:
            del going[name]
            continue
        latest[name] = replace(surface, provenance={**surface.provenance, "split": name})
        if len(latest) == len(runs):
            yield dict(latest)


def shown(surfaces: Mapping[str, Surface]) -> Surface:
    """The one surface, or test − training of two; between those, where it was not evaluated itself."""
    if len(surfaces) == 1:
        return next(iter(surfaces.values()))
    if "difference" in surfaces:
        return surfaces["difference"]
    train, test = surfaces["train"], surfaces["test"]
    loss, done = test.loss - train.loss, train.done & test.done
    provenance = difference_provenance(surfaces)
    return Surface(train.alpha, train.beta, loss, done, provenance, 0.0 if done.all() else None)


def parts(surfaces: Mapping[str, Surface]) -> dict[str, Surface]:
    """The surfaces of losses, without what lies between them."""
    return {split: surface for split, surface in surfaces.items() if split != "difference"}


def difference_provenance(surfaces: Mapping[str, Surface]) -> Provenance:
    """What is told of test − training."""
    train, test = surfaces["train"], surfaces["test"]
    return {
        **train.provenance,
        "split": "difference",
        "n_test_examples": test.provenance["n_examples"],
        "test_strategy": test.provenance["strategy"],
    }
