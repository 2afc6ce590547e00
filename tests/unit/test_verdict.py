"""The verdict: earned by certified eigenvalues and the gradient."""

from __future__ import annotations

import numpy as np
import pytest

from landscape_widget import EigenPairs, ProjectedCurvatures
from landscape_widget.verdict import judge, sight


def pairs(top: float, bottom: float, residual: float = 1e-6, converged: bool = True) -> EigenPairs:
    return EigenPairs(
        values=np.array([top, bottom]),
        vectors=np.eye(2),
        residuals=np.full(2, residual),
        converged=np.full(2, converged),
        n_hvp=10,
        n_largest=1,
    )


@pytest.mark.parametrize(
    ("eigenpairs", "gradient_norm", "kind"),
    [
        (pairs(2, -1), 0.0, "saddle"),
        (pairs(2, 1), 0.0, "minimum"),
        (pairs(-1, -2), 0.0, "maximum"),
        (pairs(2, -1), 0.5, "not a critical point"),
        (pairs(2, 1), 0.5, "not a critical point"),
        (pairs(2, -1e-7), 0.0, "undecided"),
        (pairs(2, 1e-7), 0.0, "undecided"),
        (pairs(2, 0.0, residual=0.0), 0.0, "undecided"),
        (pairs(2, 1, residual=0.1, converged=False), 0.0, "undecided"),
        (pairs(2, -1, residual=0.1, converged=False), 0.0, "saddle"),
    ],
    ids=[
        "saddle",
        "minimum",
        "maximum",
        "slope at a saddle",
        "slope at a minimum",
        "below its residual",
        "above zero within its residual",
        "exactly flat",
        "the far end may lie further out",
        "one value of each sign is enough",
    ],
)
def test_kind(eigenpairs: EigenPairs, gradient_norm: float, kind: str) -> None:
    verdict = judge(eigenpairs, gradient_norm, theta_norm=3.0)
    assert verdict.kind == kind
    assert verdict.sentence.lower().startswith(kind)


def test_numbers_are_in_the_sentence() -> None:
    sentence = judge(pairs(5007.9, -16.4), 3e-3, 10.0).sentence
    assert "λmax 5008" in sentence
    assert "λmin −16.4" in sentence
    assert "‖∇L‖ 0.003" in sentence


def test_values_that_are_not_certified_are_marked() -> None:
    assert "not converged" in judge(pairs(2, -1, 0.1, converged=False), 0.0, 1.0).sentence
    assert "not converged" not in judge(pairs(2, -1), 0.0, 1.0).sentence


def test_what_random_planes_and_this_plane_show() -> None:
    projections = ProjectedCurvatures(np.array([1.0, 1, 1, 1]), np.zeros(4), np.array([1.0, 1, 1, -1]), 8)
    shows = judge(pairs(2, -1), 0.0, 1.0, (-1.0, 2.0), projections).sentence
    hides = judge(pairs(2, -1), 0.0, 1.0, (1.0, 2.0), projections).sentence
    assert shows.endswith("A random plane hides it in 75 % of 4 cases; this plane shows it.")
    assert hides.endswith("this plane hides it.")


@pytest.mark.parametrize(
    ("kind", "curvature", "sentence"),
    [
        ("saddle", (-1.0, 2.0), "Shows the saddle: κ₋ −1, κ₊ 2."),
        ("saddle", (0.5, 2.0), "Hides the saddle, looks like a minimum: κ₋ 0.5, κ₊ 2."),
        ("saddle", (-2.0, -1.0), "Hides the saddle, looks like a maximum: κ₋ −2, κ₊ −1."),
        ("saddle", (0.0, 1.0), "Hides the saddle, looks like a flat valley: κ₋ 0, κ₊ 1."),
        ("minimum", (0.5, 2.0), "Shows the minimum: κ₋ 0.5, κ₊ 2."),
        ("not a critical point", (-1.0, 2.0), "Curves like a saddle: κ₋ −1, κ₊ 2."),
        ("undecided", (1.0, 2.0), "Curves like a minimum: κ₋ 1, κ₊ 2."),
    ],
)
def test_what_a_plane_shows(kind: str, curvature: tuple[float, float], sentence: str) -> None:
    assert sight(kind, curvature) == sentence
