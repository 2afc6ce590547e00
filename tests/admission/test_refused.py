"""A loss without second derivatives in torch: what needs none of them is shown, then the error."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from landscape_widget import (
    LandscapeExplorer,
    Objective,
    SecondDerivativeError,
    hessian_eigenpairs,
    hessian_trace,
    random_plane,
)
from landscape_widget.planes.projections import plane_hessian, projected_curvatures
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.study import Study

from ..support.gates import make_controls
from ..support.page import received

DOMAIN = (-0.5, 0.5, -0.5, 0.5)


def of_bags() -> Objective:
    """A network on bags of tokens, of whose layer torch has no second derivative."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(7, (20, 5), generator=generator)
    y = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = nn.Sequential(nn.EmbeddingBag(7, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    return Objective(model, (tokens, y), nn.MSELoss())


def elementary_bag(tokens: Tensor, weight: Tensor, *_: object, **options: object) -> Tensor:
    """The same function of operations that have second derivatives."""
    assert options.get("mode", "mean") == "mean"
    return functional.embedding(tokens, weight).mean(1)


@pytest.fixture
def cure(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Gives torch bags that can be differentiated twice."""
    return lambda: monkeypatch.setattr(functional, "embedding_bag", elementary_bag)


@pytest.fixture(autouse=True)
def few_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to see which estimates of the trace there are."""
    monkeypatch.setattr("landscape_widget.study.budget.TRACE_SAMPLES", 4)


HESSIAN = make_controls(examples=20, domain=DOMAIN, resolution=5, samples=6)
RANDOM = replace(HESSIAN, axes=("random", "random"), seed=3)


def exhaust(study: Study, controls: Controls) -> tuple[Findings, Exception | None]:
    """The last findings of a computation and how it ended."""
    seen = [Findings()]
    try:
        seen.extend(study.steps(controls))
    except SecondDerivativeError as error:
        return seen[-1], error
    return seen[-1], None


@cache
def refused(face: str, second: tuple[str, str]) -> tuple[Findings, Exception | None]:
    """What a computation finds with a face and a second plane.

    Nothing is said but the error: a warning from the worker's thread would land in the latest cell.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return exhaust(Study(of_bags()), replace(RANDOM, face=face, compared_axes=second))


#: Each face once, with a second plane that needs eigenvectors and one that does not.
SPECTRUM, TRACE = ("spectrum", HESSIAN.axes), ("trace", ("random:filter", "random"))


@pytest.mark.parametrize(("face", "second"), [SPECTRUM, TRACE])
def test_everything_else_is_computed_before_the_error(face: str, second: tuple[str, str]) -> None:
    found, error = refused(face, second)
    assert isinstance(error, SecondDerivativeError)
    assert found.surface is not None
    assert found.surface.final
    assert found.projections is not None
    assert found.projections.samples == 6
    assert found.projections.provenance["method"] == "gradients"
    assert (found.pairs, found.density) == (None, None)
    assert found.blindness is not None
    assert found.blindness.measured is not None
    assert (found.blindness.closed_form, found.blindness.spectral) == (None, None)
    assert (found.traces is not None) == (face == "trace")
    assert found.meter.left() == (1.0, 0.0), "nothing is left to wait for"


@pytest.mark.parametrize(("shown", "there"), [(SPECTRUM, False), (TRACE, True)])
def test_a_second_plane_is_there_unless_it_needs_eigenvectors(
    shown: tuple[str, tuple[str, str]], there: bool
) -> None:
    found, _ = refused(*shown)
    assert (found.compared is not None and found.compared.surface.final) == there


def test_the_curvature_by_differences_is_the_right_one(cure: Callable[[], None]) -> None:
    found, _ = refused(*TRACE)
    cure()
    objective = of_bags()
    exact = projected_curvatures(objective, 6, method="hvp")
    assert found.projections is not None
    np.testing.assert_allclose(found.projections.kappa_minus, exact.kappa_minus, rtol=1e-6)
    np.testing.assert_allclose(found.projections.kappa_plus, exact.kappa_plus, rtol=1e-6)
    plane = random_plane(objective, seed=3)
    frame = torch.from_numpy(np.stack([plane.eta, plane.delta], axis=1))
    values = torch.linalg.eigvalsh(frame.T @ objective.hvp(frame)).numpy()
    np.testing.assert_allclose(found.plane_curvature, values, rtol=1e-6)
    fitted = hessian_trace(objective, "curvature-fit", 4)
    assert found.traces is not None
    assert [name for name, history in found.traces.items() if history] == ["curvature-fit"]
    assert found.traces["curvature-fit"][-1].value == pytest.approx(fitted.value, rel=1e-9)


def test_hessian_of_a_plane_by_differences(cure: Callable[[], None]) -> None:
    """Also away from θ*."""
    objective = of_bags()
    plane = random_plane(objective.at(objective.theta + 0.1), seed=3)
    gradient, hessian = plane_hessian(objective, plane)
    cure()
    exact_gradient, exact = plane_hessian(of_bags(), plane)
    np.testing.assert_allclose(gradient, exact_gradient, rtol=1e-10)
    np.testing.assert_allclose(hessian, exact, rtol=1e-6)


def test_hessian_axes_fail_at_once_and_offer_random_ones() -> None:
    found, error = exhaust(Study(of_bags()), HESSIAN)
    assert found.surface is None
    assert "0 (EmbeddingBag; use Embedding" in str(error)
    assert "random" in str(error)


def test_the_explorer_keeps_the_picture_and_reports_the_error(
    make_explorer: Callable[..., LandscapeExplorer],
) -> None:
    explorer = make_explorer(of_bags(), axes=("random", "random"), domain=DOMAIN, samples=6)
    with pytest.raises(RuntimeError, match=r"could not be computed: SecondDerivativeError.*0 \(EmbeddingBag"):
        explorer.compute()
    assert explorer.status == "failed"
    assert "use Embedding and a sum" in explorer.error
    assert explorer.surface is not None
    assert explorer.surface.final
    assert received(explorer, "_surface")["final"], "the page has it too"
    assert received(explorer, "_projections")["final"]
    assert np.frombuffer(received(explorer, "_projections")["kappa_plus"], "<f4").shape == (6,)
    assert explorer.eigenpairs is None
    assert explorer.progress["fraction"] == 1


def test_the_page_is_told_that_there_are_no_hessian_axes(
    make_explorer: Callable[..., LandscapeExplorer], cure: Callable[[], None]
) -> None:
    """And that there are some again, when the cause is gone."""
    explorer = make_explorer(of_bags(), domain=DOMAIN)
    assert received(explorer, "_info")["refused"] == {}
    with pytest.raises(RuntimeError, match="SecondDerivativeError"):
        explorer.compute()
    refused = received(explorer, "_info")["refused"]
    assert set(refused) == {"hessian:max", "hessian:min"}
    assert all("use Embedding and a sum" in words for words in refused.values())
    cure()
    explorer.compute()
    assert received(explorer, "_info")["refused"] == {}
    assert np.array_equal(explorer.eigenpairs.values, hessian_eigenpairs(of_bags()).values)
