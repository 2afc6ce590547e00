"""Result classes: files know them all; counting eigenpairs from either end, points of a plane."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import is_dataclass

import numpy as np
import pytest

from landscape_widget import EigenPairs, Plane, results
from landscape_widget.results.catalogue import RESULTS


def pairs(n_largest: int, n_smallest: int) -> EigenPairs:
    m = n_largest + n_smallest
    return EigenPairs(
        values=np.arange(m, 0.0, -1),
        vectors=np.eye(6)[:, :m],
        residuals=np.zeros(m),
        converged=np.ones(m, dtype=bool),
        n_hvp=0,
        n_largest=n_largest,
    )


@pytest.mark.parametrize(
    ("end", "rank", "index"), [("max", 1, 0), ("max", 2, 1), ("min", 1, 4), ("min", 3, 2)]
)
def test_ranks_count_from_their_end(end: str, rank: int, index: int) -> None:
    assert pairs(2, 3).at(end, rank) == index


@pytest.mark.parametrize(("end", "rank"), [("max", 3), ("min", 4), ("max", 0)])
def test_a_pair_that_was_not_computed(end: str, rank: int) -> None:
    """The third largest of two is not the smallest but one."""
    with pytest.raises(IndexError, match="Ask hessian_eigenpairs for a larger k"):
        pairs(2, 3).at(end, rank)


def test_points_of_a_plane() -> None:
    plane = Plane(origin=np.array([1.0, 2.0]), eta=np.array([3.0, 0.0]), delta=np.array([0.0, 5.0]))
    assert plane.point(2, -1).tolist() == [7, -3]
    assert plane.norms == (3, 5)


def test_directions_of_another_length() -> None:
    with pytest.raises(ValueError, match="shape of origin"):
        Plane(origin=np.zeros(2), eta=np.zeros(3), delta=np.zeros(2))


def test_files_know_every_result() -> None:
    """A module that the catalogue forgets would write files that nobody can read."""
    names = [module.name for module in pkgutil.iter_modules(results.__path__)]
    modules = [importlib.import_module(f"{results.__name__}.{name}") for name in names]
    defined = {
        cls
        for module in modules
        for cls in vars(module).values()
        if isinstance(cls, type) and is_dataclass(cls) and cls.__module__ == module.__name__
    }
    assert set(RESULTS.values()) == defined
    assert all(name == cls.__name__ for name, cls in RESULTS.items())
