"""Fixtures for tests of the kernel side."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from landscape_widget import LandscapeExplorer
from landscape_widget.numerics.saddle_integral import exact_blindness

from .support.logs import Log
from .support.scripts import LOADED, SHORT_DENSITIES, Scripts

torch.manual_seed(0)  # for what modules draw when they are imported


def pytest_collection_finish() -> None:
    """What is loaded by now stays, and garbage is found soon: it would be looked for in all of that."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Weights that no test seeds itself are the same in every run, whichever tests run with it.

    They are drawn on the CPU; `torch.manual_seed` goes through other devices, too, and takes 400 times as
    long.
    """
    torch.default_generator.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _short_densities() -> None:
    """In this process; `SHORT_DENSITIES` does it in others."""
    exec(SHORT_DENSITIES)


@pytest.fixture
def caplog() -> Iterator[Log]:
    """What is logged from here on, instead of pytest's."""
    log = Log()
    logging.getLogger().addHandler(log)
    yield log
    logging.getLogger().removeHandler(log)


@pytest.fixture(scope="session", autouse=True)
def _each_integral_once() -> Iterator[None]:
    """Explorers of the same few functions ask for the same ones, which took a fifth of their time."""
    known: dict[tuple[bytes, bytes], float] = {}

    def blindness(eigenvalues: Any, counts: Any) -> float:
        spectrum = eigenvalues.tobytes(), counts.tobytes()
        if spectrum not in known:
            known[spectrum] = exact_blindness(eigenvalues, counts)
        return known[spectrum]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landscape_widget.curvature.blindness.exact_blindness", blindness)
        yield


@pytest.fixture(scope="session")
def new_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    """Runs scripts in processes that have torch and the package and have done nothing with them yet.

    They have one arena of memory for all threads, so that what they hold can be measured.
    """
    folder = tmp_path_factory.mktemp("scripts")
    scripts = Scripts(SHORT_DENSITIES + LOADED, folder, MALLOC_ARENA_MAX="1")
    yield scripts
    scripts.close()


@pytest.fixture
def make_explorer() -> Iterator[Callable[..., LandscapeExplorer]]:
    """Makes explorers, small unless told otherwise, and closes them after the test."""
    made: list[LandscapeExplorer] = []

    def make(*arguments: Any, **keywords: Any) -> LandscapeExplorer:
        made.append(LandscapeExplorer(*arguments, **{"resolution": 5, "samples": 4, **keywords}))
        return made[-1]

    yield make
    for explorer in made:
        explorer.close()
