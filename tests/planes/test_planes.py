"""Surfaces against eigenvalues: second differences at the centre of the Hessian plane."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from landscape_widget import (
    Objective,
    Plane,
    Surface,
    evaluate_plane,
    hessian_eigenpairs,
    hessian_plane,
    random_plane,
)
from landscape_widget.planes.projections import plane_hessian

from ..support.cases import EACH, FEW, Case
from ..support.oracle import dense

pytestmark = pytest.mark.oracle

#: Rounding of second differences is ε·L/h² ~ 1e-8; truncation is h²/12 times a fourth derivative, where
#: third derivatives drop out by symmetry.
STEP, TOLERANCE = 2e-4, 1e-5

smooth = pytest.mark.parametrize("case", [EACH[0], *FEW[1:]], ids=str)


def differences(case: Case, axes: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """∂²L/∂α², ∂²L/∂α∂β, ∂²L/∂β² at the centre by differences of a 3×3 surface, and the eigenvalues."""
    objective = case.objective()
    pairs = hessian_eigenpairs(objective, k=2, tol=1e-8)
    plane = hessian_plane(objective, axes, pairs)
    ((a, b, c), (d, e, f), (g, h, i)) = final(objective, plane).loss
    second = np.array([d - 2 * e + f, (i - g - c + a) / 4, b - 2 * e + h]) / STEP**2
    return second, np.array([pairs.values[0], pairs.values[1], pairs.values[-2], pairs.values[-1]])


def final(objective: Objective, plane: Plane) -> Surface:
    steps = evaluate_plane(objective, plane, (-STEP, STEP, -STEP, STEP), 3)
    return deque(steps, maxlen=1).pop()


@smooth
def test_the_saddle_plane_bends_as_the_eigenvalues_say(case: Case) -> None:
    second, values = differences(case, ("hessian:max", "hessian:min"))
    np.testing.assert_allclose(second, [values[0], 0, values[3]], rtol=1e-5, atol=TOLERANCE)


@smooth
def test_planes_of_inner_eigenvectors(case: Case) -> None:
    """α follows the first name and β the second; ranks count from their end."""
    second, values = differences(case, ("hessian:min:2", "hessian:max:2"))
    np.testing.assert_allclose(second, [values[2], 0, values[1]], rtol=1e-5, atol=TOLERANCE)


@pytest.mark.parametrize("case", FEW, ids=str)
def test_gradient_and_hessian_in_the_coordinates_of_a_plane(case: Case) -> None:
    """Eq. (19)."""
    truth, objective = dense(case), case.objective()
    plane = random_plane(objective, seed=2)
    frame = np.stack([plane.eta, plane.delta], axis=1)
    gradient, hessian = plane_hessian(objective, plane)
    np.testing.assert_allclose(gradient, frame.T @ truth.gradient.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(hessian, frame.T @ truth.hessian.numpy() @ frame, rtol=1e-10, atol=1e-11)
