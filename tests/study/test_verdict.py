"""The verdict: earned by certified eigenvalues and by where the quadratic model has its critical point."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import EigenPairs, Objective, ProjectedCurvatures, hessian_eigenpairs
from landscape_widget.curvature.slopes import slopes_along
from landscape_widget.export.payloads import sights
from landscape_widget.results.blindness import BlindnessEstimate, SaddleBlindness
from landscape_widget.results.curvature import Slopes
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.sights import looks, sight
from landscape_widget.study.study import Study
from landscape_widget.study.verdict import Verdict, half_widths, judge, offsets, verdict_of

from ..support.cases import ONE_BATCH, case
from ..support.oracle import dense

#: Half-width of the domain.
W = 0.4


def pairs(top: float, bottom: float, residual: float = 1e-6, converged: bool = True) -> EigenPairs:
    return EigenPairs(
        values=np.array([top, bottom]),
        vectors=np.eye(2),
        residuals=np.full(2, residual),
        converged=np.full(2, converged),
        n_hvp=10,
        n_largest=1,
    )


def slopes(top: float = 0.0, bottom: float = 0.0, rest: float = 0.0, curvature: float = 1.0) -> Slopes:
    return Slopes(np.array([top, bottom]), rest, curvature if rest else 0.0)


def judged(found: EigenPairs, gradient: Slopes | None = None, w: float = W, **known: object) -> Verdict:
    return judge(found, gradient or slopes(), np.full(len(found.values) + 1, w), **known)


@pytest.mark.parametrize(
    ("eigenpairs", "gradient", "kind"),
    [
        (pairs(2, -1), slopes(), "saddle"),
        (pairs(2, 1), slopes(), "minimum"),
        (pairs(-1, -2), slopes(), "maximum"),
        (pairs(2, -1), slopes(0.5, 0.5), "slope"),
        (pairs(2, 1), slopes(0.5, 0.5), "slope"),
        (pairs(2, -1e-7), slopes(), "undecided"),
        (pairs(1e8, 1e-5, 2e-7), slopes(), "undecided"),
        (pairs(-1e-5, -1e8, 2e-7), slopes(), "undecided"),
        (pairs(1e8, -1e-5, 2e-7), slopes(), "saddle"),
        (pairs(2, 1e-7), slopes(), "undecided"),
        (pairs(2, 0.0, residual=0.0), slopes(), "undecided"),
        (pairs(2, -1e-17, residual=1e-18), slopes(), "undecided"),
        (pairs(2, 1e-17, residual=1e-18), slopes(), "undecided"),
        (pairs(1e-17, -2, residual=1e-18), slopes(), "undecided"),
        (pairs(2, -1e-13, residual=1e-18), slopes(), "saddle"),
        (pairs(0, 0.0, residual=0.0), slopes(), "undecided"),
        (pairs(0, 0.0, residual=0.0), slopes(rest=1e-3, curvature=0.0), "slope"),
        (pairs(2, 1, residual=0.1, converged=False), slopes(), "undecided"),
        (pairs(2, -1, residual=0.1, converged=False), slopes(), "saddle"),
        (pairs(162.7, -16.2), slopes(0, 15.34), "slope"),
        (pairs(162.7, -16.2), slopes(15.34, 0), "saddle"),
        (pairs(0.5, -0.02), slopes(0.081, 0), "saddle"),
        (pairs(5, -0.02), slopes(0, 1), "slope"),
        (pairs(5, -0.02), slopes(0, 0.001), "saddle"),
        (pairs(2, 1), slopes(rest=0.5, curvature=1.5), "minimum"),
        (pairs(2, 1), slopes(rest=0.7, curvature=1.5), "slope"),
        (pairs(2, -1), slopes(rest=0.1, curvature=0.0), "slope"),
        (pairs(2, -1e-7), slopes(0, 1e-6), "slope"),
    ],
    ids=[
        "saddle",
        "minimum",
        "maximum",
        "slope at a saddle",
        "slope at a minimum",
        "below its residual",
        "positive, small, and perhaps a mean with negative ones",
        "negative, small, and perhaps a mean with positive ones",
        "small and negative is enough",
        "above zero within its residual",
        "exactly flat",
        "below zero by rounding, which its residual does not see",
        "above zero by rounding",
        "above zero by rounding at the large end",
        "small, and more than rounding",
        "no curvature at all",
        "an inclined plane",
        "the far end may lie further out",
        "one value of each sign is enough",
        "a steep descent along the negative end",
        "the same slope along the positive end turns within the domain",
        "a small gradient where the curvature is small, too",
        "a small negative end under a large slope",
        "a small negative end under a small slope",
        "a rest that turns within the domain",
        "a rest that does not",
        "a rest without curvature",
        "beyond the domain whatever the sign",
    ],
)
def test_kind(eigenpairs: EigenPairs, gradient: Slopes, kind: str) -> None:
    verdict = judged(eigenpairs, gradient)
    assert verdict.kind == kind
    assert verdict.sentence.lower().startswith("on a slope" if kind == "slope" else kind)


@pytest.mark.parametrize(
    ("eigenpairs", "words"),
    [
        (pairs(2, -1), "the curvature is indefinite"),
        (pairs(2, 1), "the curvature is positive"),
        (pairs(-1, -2), "the curvature is negative"),
        (pairs(2, 1e-9), "the sign of the curvature is not certain"),
        (pairs(2, 1, residual=0.1, converged=False), "the sign of the curvature is not certain"),
    ],
)
def test_a_slope_tells_the_sign_of_its_curvature(eigenpairs: EigenPairs, words: str) -> None:
    assert judged(eigenpairs, slopes(9, 9)).sentence.startswith(f"On a slope at this scale; {words}: λmax ")


def test_numbers_are_in_the_sentence() -> None:
    sentence = judged(pairs(5007.9, -16.4), slopes(rest=3e-3)).sentence
    assert "λmax 5008" in sentence
    assert "λmin −16.4" in sentence
    assert "‖∇L‖ 0.003" in sentence


REST = "the rest of ∇L (taken as one direction)"


@pytest.mark.parametrize(
    ("gradient", "place"),
    [
        (slopes(), "The gradient is zero."),
        (slopes(1e-12), "At the scale of the domain the gradient is rounding."),
        (
            slopes(0.1, 0.2),
            "The quadratic model turns within ‖Δθ‖ = 0.2, inside the domain, along λmax and λmin.",
        ),
        (
            slopes(0.1, 0.2, rest=0.6, curvature=-2),
            f"The quadratic model turns within ‖Δθ‖ = 0.3, inside the domain, along λmax, λmin and {REST}.",
        ),
        (
            slopes(-1, 0.2),
            "The quadratic model turns ‖Δθ‖ = 0.5 away along the eigenvector of λmax, "
            "beyond the domain's half-width of 0.4 that way.",
        ),
        (
            slopes(rest=3, curvature=-2),
            "The quadratic model turns ‖Δθ‖ = 1.5 away along the rest of ∇L (taken as one direction), "
            "beyond the largest half-width of the domain, 0.4.",
        ),
        (
            slopes(rest=3, curvature=0),
            "The quadratic model turns nowhere along the rest of ∇L (taken as one direction).",
        ),
    ],
)
def test_the_sentence_tells_where_the_model_turns(gradient: Slopes, place: str) -> None:
    assert judged(pairs(2, -1), gradient).sentence.endswith(place)


def test_more_eigenvectors_are_counted() -> None:
    found = EigenPairs(np.array([2.0, 1, -1]), np.eye(3), np.zeros(3), np.full(3, True), 9, 2)
    sentence = judged(found, Slopes(np.array([0.2, 0, 0.1]), 0.3, 1.0)).sentence
    assert sentence.endswith(f"within ‖Δθ‖ = 0.3, inside the domain, along 3 eigenvectors and {REST}.")


@pytest.mark.parametrize("width", [0.4, 1e3, 1e12])
def test_beside_a_gradient_no_domain_makes_a_critical_point_of_the_centre(width: float) -> None:
    for gradient in (slopes(0.04), slopes(bottom=-0.04), slopes(rest=0.04)):
        sentence = judged(pairs(2, -1), gradient, width).sentence
        assert "scale" in sentence
        assert "The gradient is zero" not in sentence


def test_a_rest_that_hides_a_flat_direction_is_told_as_one_direction() -> None:
    """The rest of the gradient is (0.4, 0.001) along curvatures of 4 and 10⁻⁴: the Newton step is 10 long."""
    objective, _ = bowl([50.0, 4.0, 1e-4, -30.0], [0, 0.1, 10.0, 0])
    found = hessian_eigenpairs(objective, tol=1e-9)
    gradient = slopes_along(objective, found, objective.gradient().numpy())
    assert offsets(found, gradient, np.full(3, W)).max() == pytest.approx(0.1, rel=1e-3)
    assert judged(found, gradient).sentence.endswith(
        f"‖Δθ‖ = 0.1, inside the domain, along λmax, λmin and {REST}."
    )


def test_the_half_width_that_is_told_is_that_of_the_direction_meant() -> None:
    """α reaches ±0.1, β ±3, and directions outside of the picture count as far as the farther of them."""
    widths = np.array([0.1, 3.0, 3.0])
    for gradient, reach in (
        (slopes(top=0.4), "beyond the domain's half-width of 0.1 that way."),
        (slopes(bottom=4), "beyond the domain's half-width of 3 that way."),
        (slopes(rest=4), "beyond the largest half-width of the domain, 3."),
    ):
        assert judge(pairs(2, -1), gradient, widths).sentence.endswith(reach)


def test_without_an_eigenvector_on_show_the_sentence_says_whose_domain_it_means() -> None:
    objective, _ = bowl(SPECTRA["saddle"], [0, 0, 0, 0, 0, 0.02])
    for axes, scale in (
        (("random", "random"), "inside the Hessian plane's automatic domain,"),
        (("hessian:min", "random"), "inside the domain,"),
    ):
        assert scale in of(objective, controls(axes)).sentence


def test_along_an_end_of_uncertain_sign_the_offset_is_a_bound() -> None:
    sentence = judged(pairs(2, 1e-9, residual=1e-3), slopes(0, 1)).sentence
    assert "turns at least ‖Δθ‖ = 1e+03 away along the eigenvector of λmin" in sentence


def test_values_that_are_not_certified_are_marked() -> None:
    assert "not converged" in judged(pairs(2, -1, 0.1, converged=False)).sentence
    assert "not converged" not in judged(pairs(2, -1)).sentence


# exact quadratics ½ (θ − c)ᵀH(θ − c), whose critical point c is known


@pytest.mark.parametrize(("top", "bottom"), [(2, -1), (2, 1), (-1, -2)])
def test_curvature_that_differences_contradict_decides_nothing(top: float, bottom: float) -> None:
    """Residuals of a wrong product are as small as those of a right one, so that signs say nothing."""
    found = replace(pairs(top, bottom, converged=False), provenance={"doubt": "Expected others."})
    for gradient in (slopes(), slopes(0.5, 0.5)):
        verdict = judged(found, gradient)
        assert verdict.kind == "undecided"
        assert "contradict" in verdict.sentence


def bowl(
    values: list[float], shift: list[float], height: float = 1.0, width: float = 1.0
) -> tuple[Objective, np.ndarray]:
    """Eigenvalues in the order given, and θ* so far from c along each eigenvector; and those, as columns.

    Then L is multiplied by ``height``, and θ with c by ``width``.
    """
    q = np.linalg.qr(np.random.default_rng(3).normal(size=(len(values), len(values))))[0]
    matrix = torch.from_numpy(q @ np.diag(values) @ q.T)
    c = torch.from_numpy(np.random.default_rng(4).normal(size=len(values)))

    def f(theta: Tensor) -> Tensor:
        away = theta / width - c
        return 0.5 * height * away @ (matrix @ away)

    return Objective.from_function(f, width * (c + torch.from_numpy(q @ np.array(shift)))), q


SPECTRA = {
    "saddle": [50.0, 20, 3, -2, -9, -30],
    "minimum": [50.0, 20, 3, 2, 9, 0.5],
    "maximum": [-50.0, -20, -3, -2, -9, -0.5],
}


@pytest.mark.parametrize("kind", SPECTRA)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_critical_point_in_and_out_of_the_domain_in_each_direction(kind: str, k: int) -> None:
    """Whether that direction is a certified eigenvector or in the rest, which is then an eigenvector, too."""
    values = SPECTRA[kind]
    found = hessian_eigenpairs(bowl(values, [0.0] * len(values))[0], k=k)  # the same everywhere
    for i, sign, share in itertools.product(range(len(values)), (1, -1), (0.9, 1.1)):
        shift = [0.0] * len(values)
        shift[i] = sign * share * W
        objective, _ = bowl(values, shift)
        gradient = slopes_along(objective, found, objective.gradient().numpy())
        assert gradient.norm == pytest.approx(abs(values[i]) * share * W, rel=1e-9)
        away = offsets(found, gradient, np.full(2 * k + 1, W))
        # eigenvectors are good to the tolerance of 1e-3, and what they leave to the rest counts for nothing
        assert away.max() == pytest.approx(share * W, rel=5e-3)
        assert judged(found, gradient).kind == (kind if share < 1 else "slope"), (i, sign, share)


def test_a_shift_in_every_direction_is_judged_by_the_farthest() -> None:
    inside = [0.5 * W, -0.9 * W, 0.8 * W, -0.2 * W, 0.7 * W, 0.9 * W]
    outside = [*inside[:5], 1.1 * W]
    for shift, kind in ((inside, "saddle"), (outside, "slope")):
        objective, _ = bowl(SPECTRA["saddle"], shift)
        found = hessian_eigenpairs(objective, k=3)
        gradient = slopes_along(objective, found, objective.gradient().numpy())
        verdict = judged(found, gradient)
        assert verdict.kind == kind
        assert ("along 6 eigenvectors." if kind == "saddle" else "eigenvector of λm") in verdict.sentence


def test_a_gradient_orthogonal_to_all_certified_eigenvectors_counts() -> None:
    """r = 3 · 0.2 along the third of six eigenvectors, of which the ends are certified."""
    objective, q = bowl(SPECTRA["saddle"], [0, 0, 0.2, 0, 0, 0])
    found = hessian_eigenpairs(objective, tol=1e-9)
    gradient = slopes_along(objective, found, objective.gradient().numpy())
    assert np.abs(gradient.along).max() < 1e-6
    assert gradient.rest == pytest.approx(0.6, rel=1e-9)
    assert gradient.rest_curvature == pytest.approx(3, rel=1e-9)
    assert judged(found, gradient, 0.3).kind == "saddle"
    assert judged(found, gradient, 0.1).kind == "slope"
    assert q.shape == (6, 6)


def test_what_inexact_eigenvectors_leave_behind_is_no_slope() -> None:
    """An eigenvector off by 1e-3 leaves that share of the slope along it to a flat rest."""
    found = replace(pairs(100, -10), residuals=np.array([0.1, 1e-3]))
    gradient = Slopes(np.array([30.0, 0.0]), 0.03, 1e-6)
    assert judged(found, gradient).kind == "saddle"
    assert judged(found, replace(gradient, rest=0.06)).kind == "slope"


def test_rounding_is_no_slope() -> None:
    """A certified zero has an offset of 0/0, and a gradient that is none but for rounding no direction."""
    found = EigenPairs(np.array([2.0, 1e-17, -1.0]), np.eye(3), np.full(3, 1e-16), np.full(3, True), 9, 2)
    assert judged(found, Slopes(np.array([1e-16, 1e-17, 1e-16]), 1e-17, 1e-18)).kind == "saddle"


def test_no_semidefinite_matrix_is_a_saddle() -> None:
    """Of two or three parameters a product of rank one has residuals below the rounding of its zeros."""
    for seed in range(40):
        direction = torch.randn(2 + seed % 2, generator=torch.Generator().manual_seed(seed)).double()
        hessian = torch.outer(direction, direction)
        objective = Objective.from_function(
            lambda t, h=hessian: t @ h @ t / 2, torch.zeros(len(direction)).double()
        )
        found = hessian_eigenpairs(objective, seed=seed)
        assert judged(found).kind == "undecided", found.values


@pytest.mark.parametrize("name", ["dense tanh", "convolution, batch norm"])
def test_slopes_against_the_dense_hessian(name: str) -> None:
    objective = case(name).objective(ONE_BATCH)
    found = hessian_eigenpairs(objective, k=2, tol=1e-9)
    known = slopes_along(objective, found, objective.gradient().numpy())
    truth = dense(case(name))
    gradient, hessian = truth.gradient.numpy(), truth.hessian.numpy()
    values, vectors = np.linalg.eigh(hessian)
    ends = [-1, -2, 1, 0]
    np.testing.assert_allclose(found.values, values[ends], rtol=1e-6)
    along = vectors[:, ends].T @ gradient
    np.testing.assert_allclose(np.abs(known.along), np.abs(along), rtol=1e-5)
    rest = gradient - vectors[:, ends] @ along
    u = rest / np.linalg.norm(rest)
    assert known.rest == pytest.approx(np.linalg.norm(rest), rel=1e-6)
    assert known.rest_curvature == pytest.approx(u @ hessian @ u, rel=1e-6)
    assert known.norm == pytest.approx(np.linalg.norm(gradient), rel=1e-12)


# against the domain on show


def controls(axes: tuple[str, str] = ("hessian:max", "hessian:min"), domain: object = None) -> Controls:
    return Controls(axes, seed=0, domain=domain, resolution=3, examples=1, samples=4)


def last(objective: Objective, chosen: Controls) -> Findings:
    return list(Study(objective).steps(chosen))[-1]


def of(objective: Objective, chosen: Controls) -> Verdict:
    verdict = verdict_of(last(objective, chosen), chosen, float(objective.theta.norm()))
    assert verdict is not None
    return verdict


def test_the_half_widths_of_the_domain_on_show() -> None:
    found = hessian_eigenpairs(bowl(SPECTRA["saddle"], [0.0] * 6)[0], k=2)
    plane = ("hessian:min", "hessian:max:2")
    own = np.array([1.0, 2, 9, 4])
    np.testing.assert_array_equal(half_widths(found, plane, (-1, 2, 0, 1), own), [1.5, 0.5, 1.5, 1.5, 1.5])
    np.testing.assert_array_equal(half_widths(found, plane, None, own), [1, 2, 9, 4, 9])
    np.testing.assert_array_equal(
        half_widths(found, ("random", "random"), (-1, 1, -1, 1), own), [1, 2, 9, 4, 9]
    )
    one = ("random", "hessian:max:1")
    np.testing.assert_array_equal(half_widths(found, one, (-1, 1, -3, 3), own), [3] * 5)


def test_one_value_has_one_end() -> None:
    for a, kind in ((2.0, "minimum"), (-2.0, "maximum")):
        objective = Objective.from_function(
            lambda t, a=a: a * (t**2).sum() / 2, torch.tensor([0.1], dtype=torch.float64)
        )
        found = hessian_eigenpairs(objective)
        gradient = slopes_along(objective, found, objective.gradient().numpy())
        assert (gradient.rest, gradient.rest_curvature) == (0, 0)
        assert judge(found, gradient, np.full(2, 0.2)).kind == kind
        assert judge(found, gradient, np.full(2, 0.05)).kind == "slope"


@pytest.mark.parametrize("n", [1, 4])
def test_a_loss_without_curvature_is_a_slope_or_undecided(n: int) -> None:
    theta = torch.ones(n, dtype=torch.float64)
    for slope, kind in ((1.0, "slope"), (0.0, "undecided")):
        objective = Objective.from_function(lambda t, s=slope: (s * t).sum() + 0 * (t**2).sum(), theta)
        found = hessian_eigenpairs(objective)
        gradient = slopes_along(objective, found, objective.gradient().numpy())
        assert judge(found, gradient, np.full(len(found.values) + 1, 0.1)).kind == kind


def test_the_domain_on_show_decides_what_is_near() -> None:
    """c is 0.2 away along λmin: a saddle for who sees that far."""
    objective, _ = bowl(SPECTRA["saddle"], [0, 0, 0, 0, 0, 0.2])
    for w, kind in ((0.3, "saddle"), (0.1, "slope")):
        assert of(objective, controls(domain=(-w, w, -w, w))).kind == kind
    # along λmax there is nothing to see, whatever the domain
    assert of(objective, controls(domain=(-1e-3, 1e-3, -0.3, 0.3))).kind == "saddle"


def test_by_default_the_kind_is_the_same_on_every_plane() -> None:
    for shift, kind in ((0.02, "saddle"), (2.0, "slope")):
        objective, _ = bowl(SPECTRA["saddle"], [0, 0, 0, 0, 0, shift])
        planes = [("hessian:max", "hessian:min"), ("random", "random"), ("hessian:min", "random")]
        assert {of(objective, controls(axes)).kind for axes in planes} == {kind}


@pytest.mark.parametrize("shift", [0.35, 0.45])
@pytest.mark.parametrize(("kind", "scale"), [("saddle", 1e-6), ("minimum", 1e6), ("maximum", 1e6)])
def test_scales_of_loss_and_parameters_leave_the_kind_alone(kind: str, scale: float, shift: float) -> None:
    kinds = set()
    for height, width in ((1, 1), (scale, 1), (1, scale)):
        objective, _ = bowl(SPECTRA[kind], [0.0, shift, 0, 0, 0, shift], height, width)
        w = W * width
        kinds.add(of(objective, controls(domain=(-w, w, -w, w))).kind)
    assert kinds == {kind if shift < W else "slope"}


def test_the_slope_of_an_untrained_network_is_found_and_gone_after_training() -> None:
    """Linear regression has one minimum."""
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = x @ torch.arange(5.0, dtype=torch.float64)[:, None] + 0.1

    def of_weights(weights: Tensor) -> Verdict:
        model = nn.Linear(5, 1, dtype=torch.float64)
        with torch.no_grad():
            nn.utils.vector_to_parameters(weights, model.parameters())
        objective = Objective(model, [(x, y)], nn.functional.mse_loss)
        return of(objective, replace(controls(), examples=40))

    columns = torch.cat([x, torch.ones(40, 1, dtype=torch.float64)], dim=1)
    best = torch.linalg.lstsq(columns, y).solution[:, 0]
    assert of_weights(2 * best).kind == "slope"
    assert of_weights(best).kind == "minimum"
    off = of_weights(best + 0.01)
    assert off.kind == "minimum"
    assert "inside the domain" in off.sentence


def test_what_random_planes_and_this_plane_show() -> None:
    """Of 4 planes 3 hide it; Clopper and Pearson's interval is 0.194 to 0.994."""
    projections = ProjectedCurvatures(np.array([1.0, 1, 1, 1]), np.zeros(4), np.array([1.0, 1, 1, -1]), 8)
    shows = judged(pairs(2, -1), here="saddle", projections=projections).sentence
    hides = judged(pairs(2, -1), here="minimum", projections=projections).sentence
    random = (
        "A random plane hides it in 19–100 % of cases (95 % interval of 3 in 4 drawn); this plane shows it."
    )
    assert shows.endswith(random)
    assert hides.endswith("; it looks like a minimum here: this plane hides it.")
    blindness = SaddleBlindness(None, None, BlindnessEstimate(0.93, math.nan, 0.912, 0.951))
    other = judged(pairs(2, -1), here="saddle", projections=projections, told=False).sentence
    assert other.endswith("; it lies in this plane, whose picture is of another loss.")
    known = judged(pairs(2, -1), projections=projections, blindness=blindness).sentence
    assert known.endswith("of cases (95 % interval of 3 in 4 drawn; 91.2–95.1 % as the spectrum predicts).")
    nothing = SaddleBlindness(None, None, BlindnessEstimate(0.93, math.nan, 0.0, 1.0))
    assert "predicts" not in judged(pairs(2, -1), projections=projections, blindness=nothing).sentence


class Saddle(nn.Module):
    """uv times its normalised input, at u = v = 0: a saddle wherever targets go with inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1, affine=False)
        self.weights = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.weights.prod() * self.norm(x)


@pytest.mark.parametrize(
    ("asked", "shows"),
    [
        ({}, True),
        ({"batch_norm": "recomputed"}, False),
        ({"batch_norm": "difference"}, False),
        ({"split": "test"}, False),
        ({"split": "difference"}, False),
    ],
)
def test_a_picture_of_another_loss_shows_no_saddle(asked: dict[str, str], shows: bool) -> None:
    x = torch.arange(1.0, 9)[:, None]
    objective = Objective(Saddle().eval().double(), (x.double(), x.double()), nn.MSELoss())
    chosen = replace(controls(), examples=8, resolution=5, **asked)
    found = list(Study(objective, objective.with_data((x.double(), -x.double()))).steps(chosen))[-1]
    verdict = verdict_of(found, chosen, 0.0)
    assert verdict is not None
    assert verdict.kind == "saddle"
    words = "this plane shows it" if shows else "it lies in this plane, whose picture is of another loss"
    assert words in verdict.sentence
    assert (verdict.sights is not None) == shows
    told, _ = sights(found, chosen, 0.0)[0]
    assert told.startswith("Shows the saddle" if shows else "The training loss looks like a saddle")


@pytest.mark.parametrize(
    ("flat", "width", "seen"),
    [(-1.0, 1.0, True), (-1e-3, 1.0, True), (-1e-6, 1.0, False), (-1.0, 1e3, False)],
)
def test_a_plane_shows_what_the_picture_has_colours_for(flat: float, width: float, seen: bool) -> None:
    """½(4x² + flat·y²) and a wall 0.01·y⁴, which at ±1000 is 10¹⁰ high where the saddle falls by 12.5."""
    objective = Objective.from_function(
        lambda t: 3 + (4 * t[0] ** 2 + flat * t[1] ** 2 + 0.02 * (width > 1) * t[1] ** 4) / 2,
        torch.zeros(2, dtype=torch.float64),
    )
    chosen = replace(controls(domain=(-width, width, -width, width)), resolution=41)
    verdict = of(objective, chosen)
    told = ("this plane shows it.", "it lies in this plane but cannot be seen at this domain.")
    assert verdict.sentence.endswith(told[not seen])
    assert verdict.sights is not None
    assert all(sentence.endswith(end) for sentence, end in zip(verdict.sights, told, strict=True))
    # the automatic domain shows it wherever the numbers of the loss have the digits for it
    if flat != -1e-6:
        assert of(objective, replace(chosen, domain=None)).sentence.endswith(told[0])


def test_the_slope_does_not_count_as_the_fall_of_a_saddle() -> None:
    """½(4x² − 10⁻⁶y²) + x falls by 1/8 along x, and by its curvature alone by next to nothing."""
    objective = Objective.from_function(
        lambda t: 3 + t[0] + (4 * t[0] ** 2 - 1e-6 * t[1] ** 2) / 2, torch.zeros(2, dtype=torch.float64)
    )
    verdict = of(objective, replace(controls(domain=(-1, 1, -1, 1)), resolution=21))
    assert verdict.kind == "saddle"
    assert verdict.sentence.endswith("cannot be seen at this domain.")


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (0.05, "this plane shows it."),
        (0.3, "this plane shows it."),
        (0.8, "only the quadratic model turns at this domain, not the loss: this plane hides it."),
    ],
)
@pytest.mark.parametrize("axes", [("hessian:max", "hessian:min"), ("hessian:min", "hessian:max")])
def test_the_losses_turn_and_not_the_quadratic_model_alone(
    slope: float, words: str, axes: tuple[str, str]
) -> None:
    """Along y the model gy − y² turns at g/2; with ½y³ the loss itself rises throughout where g > ⅔."""
    objective = Objective.from_function(
        lambda t: 3 + 10 * t[0] ** 2 + slope * t[1] - t[1] ** 2 + 0.5 * t[1] ** 3,
        torch.zeros(2, dtype=torch.float64),
    )
    verdict = of(objective, replace(controls(axes, domain=(-1, 1, -1, 1)), resolution=21))
    assert verdict.kind == "saddle"
    assert verdict.sentence.endswith(words)


def test_only_a_saddle_in_the_plane_can_be_unseen() -> None:
    for spectrum, axes in (
        ("minimum", ("hessian:max", "hessian:min")),
        ("saddle", ("hessian:max", "hessian:max:2")),
    ):
        objective, _ = bowl(SPECTRA[spectrum], [0.0] * 6)
        assert of(objective, controls(axes)).sights is None


@pytest.mark.parametrize(
    ("kind", "curvature", "sentence"),
    [
        ("saddle", (-1.0, 2.0), "Shows the saddle: κ₋ −1, κ₊ 2."),
        ("saddle", (0.5, 2.0), "Hides the saddle, looks like a minimum: κ₋ 0.5, κ₊ 2."),
        ("saddle", (-2.0, -1.0), "Hides the saddle, looks like a maximum: κ₋ −2, κ₊ −1."),
        ("saddle", (0.0, 1.0), "Hides the saddle, looks like a flat valley: κ₋ 0, κ₊ 1."),
        ("minimum", (0.5, 2.0), "Shows the minimum: κ₋ 0.5, κ₊ 2."),
        ("slope", (-1.0, 2.0), "Curves like a saddle: κ₋ −1, κ₊ 2."),
        ("undecided", (1.0, 2.0), "Curves like a minimum: κ₋ 1, κ₊ 2."),
    ],
)
def test_what_a_plane_shows(kind: str, curvature: tuple[float, float], sentence: str) -> None:
    at_rest = in_plane((0, 0), (curvature[0], 0, curvature[1]))
    assert sight(kind, at_rest, SQUARE) == sentence
    lies = "The saddle lies in this plane but cannot be seen at this domain: κ₋ −1, κ₊ 2."
    assert sight(kind, at_rest, SQUARE, seen=False) == (
        lies if sentence.startswith("Shows the saddle") else sentence
    )


SQUARE = (-1.0, 1, -1, 1)


def in_plane(gradient: tuple[float, float], hessian: tuple[float, float, float]) -> QuadraticModel:
    return QuadraticModel(3.0, gradient, hessian)


@pytest.mark.parametrize(
    ("model", "domain", "word"),
    [
        (in_plane((-0.085, -0.021), (0.034, 0, 0.063)), (-0.87, 0.87, -0.87, 0.87), "slope"),
        (in_plane((-0.085, -0.021), (0.034, 0, 0.063)), (-3, 3, -3, 3), "minimum"),
        (in_plane((-0.085, -0.021), (0.034, 0, 0.063)), (-3, 2, -3, 3), "slope"),
        (in_plane((1.9, 0), (2, 0, -1)), SQUARE, "saddle"),
        (in_plane((2.1, 0), (2, 0, -1)), SQUARE, "slope"),
        (in_plane((0, 1.1), (2, 0, -1)), SQUARE, "slope"),
        (in_plane((0, 0), (2, 0, 0)), SQUARE, "flat valley"),
        (in_plane((0.5, 1e-17), (2, 0, 1e-18)), SQUARE, "flat valley"),
        (in_plane((0.5, 0.1), (2, 0, 0)), SQUARE, "slope"),
        (in_plane((0, 0), (2, 0, -1e-16)), SQUARE, "flat valley"),
        (in_plane((0, 0), (-2, 0, 1e-16)), SQUARE, "flat valley"),
        (in_plane((0, 0), (2, 0, -1e-11)), SQUARE, "saddle"),
        (in_plane((0, 0), (0, 0, 0)), SQUARE, "flat valley"),
        (in_plane((0.1, 0), (0, 0, 0)), SQUARE, "slope"),
        # H = [[2, 1], [1, 2]] with its critical point at (0.9, −0.6), and at (0.9, −1.2)
        (in_plane((-1.2, 0.3), (2, 1, 2)), SQUARE, "minimum"),
        (in_plane((-0.6, 1.5), (2, 1, 2)), SQUARE, "slope"),
        (in_plane((0.6, -1.5), (-2, -1, -2)), (0, 1, -2, 0), "maximum"),
    ],
)
def test_a_plane_without_a_critical_point_in_the_domain_looks_like_a_slope(
    model: QuadraticModel, domain: tuple[float, ...], word: str
) -> None:
    assert looks(model, domain) == word
    told = sight("saddle", model, domain)
    assert f"looks like a {word}: " in told if word != "saddle" else told.startswith("Shows the saddle")


def test_a_plane_that_only_slopes_hides_a_saddle() -> None:
    """40 directions in which the loss turns 0.02 away, in a random plane of ±10⁻⁴ of about ‖Δθ‖ = √42."""
    objective = Objective.from_function(
        lambda t: 3 + (4 * t[0] ** 2 - t[1] ** 2 + 0.5 * ((t[2:] - 0.02) ** 2).sum()) / 2,
        torch.zeros(42, dtype=torch.float64),
    )
    narrow, wide = (
        of(objective, replace(controls(("random", "random")), domain=(-w, w, -w, w))) for w in (1e-4, 1.0)
    )
    assert narrow.kind == wide.kind == "saddle"
    assert narrow.sentence.endswith("it looks like a slope here: this plane hides it.")
    assert "slope" not in wide.sentence
