"""The study behind an explorer: nothing is computed twice, whatever is left, changed and changed back."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import (
    Objective,
    evaluate_plane,
    hessian_eigenpairs,
    projected_curvatures,
    random_plane,
    saddle_blindness,
)
from landscape_widget.curvature import trace as trace_module
from landscape_widget.curvature.product_check import SecondDerivativeError
from landscape_widget.results.planes import Surface
from landscape_widget.study import budget, centre, known, preview
from landscape_widget.study.budget import trace_is_final
from landscape_widget.study.controls import Controls
from landscape_widget.study.domain import snap
from landscape_widget.study.findings import Findings
from landscape_widget.study.study import Study

from ..support.cases import ONE_BATCH, case, quadratic
from ..support.gates import make_controls, saddle
from ..support.oracle import dense


class Counted(Objective):
    """Counts losses, gradients and Hessian-vector products (each column of a block)."""

    counts: dict[str, int]

    @classmethod
    def make(cls) -> Counted:
        objective = cls.from_function(saddle, torch.ones(5, dtype=torch.float64))
        assert isinstance(objective, cls)
        objective.counts = dict.fromkeys(("loss", "gradient", "product"), 0)
        return objective

    def loss(self, theta: Tensor | None = None) -> Tensor:
        self._count("loss")
        return super().loss(theta)

    def gradient(self, theta: Tensor | None = None) -> Tensor:
        self._count("gradient")
        return super().gradient(theta)

    def gradient_beside(self, v: Tensor, step: float) -> Tensor:
        self._count("gradient")
        return super().gradient_beside(v, step)

    def hvp(self, v: Tensor, theta: Tensor | None = None) -> Tensor:
        self._count("product", v[0].numel())
        return super().hvp(v, theta)

    def at(self, theta: Tensor) -> Objective:
        other = super().at(theta)
        assert isinstance(other, Counted)
        other.counts = self.counts
        return other

    def _count(self, what: str, times: int = 1) -> None:
        if hasattr(self, "counts"):
            self.counts[what] += times


CONTROLS = make_controls(
    axes=("hessian:max", "hessian:min"), seed=0, domain=(-1, 1, -1, 1), resolution=9, examples=1, samples=6
)
RANDOM = replace(CONTROLS, axes=("random", "random"))
MIXED = replace(CONTROLS, axes=("random", "hessian:max"))


def last(study: Study, controls: Controls) -> Findings:
    return deque(study.steps(controls), maxlen=1).pop()


def fresh(objective: Counted, study: Study, controls: Controls) -> dict[str, int]:
    """What one more computation costs."""
    before = dict(objective.counts)
    last(study, controls)
    return {what: n - before[what] for what, n in objective.counts.items()}


NOTHING = {"loss": 0, "gradient": 0, "product": 0}

#: The loss near θ* once more, when something is added to what is known, and at the end.
CHECK = 2


@pytest.mark.parametrize("controls", [CONTROLS, RANDOM, MIXED], ids=lambda c: " × ".join(c.axes))
def test_findings_are_what_the_functions_give(controls: Controls) -> None:
    objective = case("dense tanh").objective(ONE_BATCH)
    controls = replace(controls, examples=objective.n_examples)
    found = last(Study(objective), controls)
    assert found.plane is not None
    assert found.surface is not None
    assert found.pairs is not None
    assert found.projections is not None
    assert found.centre_loss == objective.loss().item()
    assert found.gradient_norm == pytest.approx(objective.gradient().norm().item(), rel=1e-12)
    assert np.array_equal(found.pairs.values, hessian_eigenpairs(objective).values)
    surface = deque(evaluate_plane(objective, found.plane, controls.domain, 9), maxlen=1).pop()
    assert np.array_equal(found.surface.loss, surface.loss)
    np.testing.assert_allclose(
        found.projections.kappa_plus, projected_curvatures(objective, 6).kappa_plus, rtol=1e-12
    )
    assert found.meter.left() == (1.0, 0.0)


def test_plane_curvature_of_the_hessian_plane_is_its_eigenvalues() -> None:
    found = last(Study(Counted.make()), CONTROLS)
    np.testing.assert_allclose(found.plane_curvature, (-3, 4), rtol=1e-5)


@pytest.mark.parametrize("controls", [CONTROLS, RANDOM, MIXED], ids=lambda c: " × ".join(c.axes))
def test_the_quadratic_model_agrees_with_the_loss_to_third_order(controls: Controls) -> None:
    """At step h the cubic rest of ``saddle`` is 0.1·Σd³ exactly, whatever the plane."""
    objective = Counted.make()
    found = last(Study(objective), controls)
    assert found.quadratic is not None
    for alpha, beta in ((0.01, 0.0), (0.0, 0.01), (0.01, -0.02)):
        d = alpha * found.plane.eta + beta * found.plane.delta
        theta = torch.from_numpy(found.plane.point(alpha, beta))
        rest = objective.loss(theta).item() - found.quadratic(alpha, beta)
        # to a hundredth of the smallest of these rests
        assert rest == pytest.approx(0.1 * (d**3).sum(), abs=1e-9)


def test_the_model_of_an_eigenvector_plane_comes_with_the_first_picture_and_costs_nothing() -> None:
    objective = Counted.make()
    steps = Study(objective).steps(CONTROLS)
    first = next(found for found in steps if found.surface is not None)
    assert first.quadratic is not None
    assert first.quadratic.hessian == (first.pairs.values[0], 0.0, first.pairs.values[-1])
    assert (
        objective.counts["gradient"] == 7
    )  # one for the verdict, two that products are held against, two a pair
    assert objective.counts["product"] == first.pairs.n_hvp + 2  # those that are held against differences


@cache
def counts_of_all(controls: Controls) -> dict[str, int]:
    """What a computation costs from beginning to end."""
    objective = Counted.make()
    last(Study(objective), controls)
    return objective.counts


@pytest.mark.parametrize(
    ("controls", "left_after"),
    [*((CONTROLS, n) for n in (1, 3, 8)), *((RANDOM, n) for n in (2, 5, 13)), (MIXED, 3), (MIXED, 8)],
    ids=str,
)
def test_a_run_that_was_left_is_resumed_without_repeating_work(controls: Controls, left_after: int) -> None:
    whole = counts_of_all(controls)
    objective = Counted.make()
    study = Study(objective)
    steps = study.steps(controls)
    for _ in range(left_after):
        if next(steps, None) is None:
            break
    steps.close()
    last(study, controls)
    once_more = left_after > 1  # when it goes on
    assert objective.counts == {**whole, "loss": whole["loss"] + once_more}


@pytest.mark.parametrize("controls", [CONTROLS, RANDOM, MIXED], ids=lambda c: " × ".join(c.axes))
def test_the_same_again_costs_nothing(controls: Controls) -> None:
    objective = Counted.make()
    study = Study(objective)
    first = last(study, controls)
    assert fresh(objective, study, controls) == NOTHING
    again = last(study, controls)
    assert first.surface is not None
    assert again.surface is not None
    assert np.array_equal(again.surface.loss, first.surface.loss)


@pytest.mark.parametrize(
    ("controls", "change", "losses"),
    [
        (CONTROLS, {"resolution": 17, "accuracy": 0.0}, 17**2 - 9**2),
        (CONTROLS, {"domain": (-0.5, 0.5, -0.5, 0.5)}, 9**2 - 5**2),
        (CONTROLS, {"domain": (-2.0, 2.0, -2.0, 2.0)}, 9**2 - 5**2),
        (CONTROLS, {"seed": 5}, 0),
        (RANDOM, {"seed": 5}, 9**2),
    ],
    ids=["refine", "zoom in", "zoom out", "seed of nothing", "seed"],
)
def test_a_change_costs_its_new_nodes(controls: Controls, change: dict[str, Any], losses: int) -> None:
    objective = Counted.make()
    study = Study(objective)
    last(study, controls)
    cost = fresh(objective, study, replace(controls, **change))
    assert cost["loss"] - losses in ((1, CHECK) if losses else (0,))  # once where all comes in one step
    # a plane of another seed has a slope and a curvature of its own: a gradient and two products
    another = losses == 9**2
    assert (cost["gradient"], cost["product"]) == ((1, 2) if another else (0, 0))
    assert fresh(objective, study, controls) == NOTHING


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"resolution": 17}, ["surface", "all"]),
        ({"axes": ("random", "random"), "seed": 3}, ["surface", "curvature", "all"]),
        ({"axes": ("hessian:max:2", "hessian:min")}, ["eigenpairs", "all"]),
        ({"samples": 9}, ["curvature", "all"]),
    ],
    ids=str,
)
def test_nothing_is_added_to_what_was_found_of_another_loss(change: dict[str, Any], parts: list[str]) -> None:
    controls = replace(CONTROLS, accuracy=0.0)
    for what in parts:
        decay = [0.1]
        study = Study(
            Objective.from_function(
                lambda theta, decay=decay: saddle(theta) + decay[0] * (theta**2).sum(),
                torch.ones(5, dtype=torch.float64),
            )
        )
        last(study, controls)
        decay[0] = 0.2
        last(study, controls)  # for which nothing is evaluated
        for _ in range(2):
            with pytest.raises(RuntimeError, match="has changed since"):
                deque(study.steps(replace(controls, **change), what), maxlen=0)
            decay[0] = 0.1  # too late: some of it may be there already


COMPARED = [
    replace(CONTROLS, compared_axes=("random", "random"), compared_domain=(-2, 2, -1, 1)),
    replace(RANDOM, compared_axes=("hessian:max:2", "hessian:min"), compared_domain=(-0.5, 0.5, -0.25, 0.25)),
]


@pytest.mark.parametrize("controls", COMPARED, ids=["Hessian beside random", "random beside Hessian"])
def test_a_second_plane_is_what_it_is_alone(controls: Controls) -> None:
    both = last(Study(Counted.make()), controls)
    alone = last(Study(Counted.make()), controls.compared())
    first = last(Study(Counted.make()), replace(controls, compared_axes=None))
    assert both.compared is not None
    assert both.surface is not None
    assert both.compared.plane.axes == controls.compared_axes
    for mine, other in ((both.compared.surface, alone.surface), (both.surface, first.surface)):
        assert other is not None
        assert np.array_equal(mine.alpha, other.alpha)
        assert np.array_equal(mine.beta, other.beta)
        np.testing.assert_allclose(mine.loss, other.loss, rtol=1e-9)  # eigenvectors of k = 1 and k = 2
    np.testing.assert_allclose(both.compared.curvature, alone.plane_curvature, rtol=1e-5)
    assert both.meter.left() == (1.0, 0.0)


@pytest.mark.parametrize("controls", COMPARED, ids=["Hessian beside random", "random beside Hessian"])
def test_a_second_plane_costs_its_own_nodes_and_stays_known(controls: Controls) -> None:
    objective = Counted.make()
    study = Study(objective)
    last(study, replace(controls, compared_axes=None))
    second = fresh(objective, study, controls)
    assert second["loss"] == CHECK + (9**2 if controls is COMPARED[0] else 2 * 9**2 - 9**2)
    assert fresh(objective, study, controls) == NOTHING
    # what was second is first now, at no cost
    assert fresh(objective, study, controls.compared()) == NOTHING


def test_more_projections_keep_the_eigenpairs() -> None:
    objective = Counted.make()
    study = Study(objective)
    last(study, CONTROLS)
    assert fresh(objective, study, replace(CONTROLS, samples=9)) == {**NOTHING, "loss": CHECK, "product": 18}


def test_inner_eigenvectors_and_back() -> None:
    """A larger k is a new run, whose outer pairs serve the former axes as well."""
    objective = Counted.make()
    study = Study(objective)
    last(study, CONTROLS)
    inner = last(study, replace(CONTROLS, axes=("hessian:max:2", "hessian:min:2")))
    assert inner.pairs is not None
    np.testing.assert_allclose(inner.pairs.values, [4, 2, -1, -3], rtol=1e-5)
    cost = fresh(objective, study, CONTROLS)
    assert cost["product"] == 0


def test_subsets_are_their_own_landscapes() -> None:
    objective = case("dense tanh").objective(ONE_BATCH)
    study = Study(objective)
    controls = replace(RANDOM, resolution=3, examples=13)
    few, whole = last(study, replace(controls, examples=4)), last(study, controls)
    assert few.centre_loss == objective.subset(4).loss().item()
    assert few.surface is not None
    assert whole.surface is not None
    assert few.surface.loss[1, 1] == few.centre_loss
    assert whole.surface.loss[1, 1] == objective.loss().item()
    assert few.surface.provenance["n_examples"] == 4


def test_results_only_get_better() -> None:
    done, samples = 0, 0
    for found in Study(Counted.make()).steps(CONTROLS):
        if found.surface is not None:
            assert found.surface.done.sum() >= done
            done = found.surface.done.sum()
        if found.projections is not None:
            assert found.projections.samples >= samples
            samples = found.projections.samples
    assert (done, samples) == (81, 6)


def test_the_picture_comes_before_the_eigenpairs_where_axes_are_random() -> None:
    first = next(f for f in Study(Counted.make()).steps(RANDOM) if f.surface is not None)
    assert first.pairs is None


@pytest.mark.parametrize("resolution", [5, 21])
def test_a_first_picture_on_part_of_the_examples(monkeypatch: pytest.MonkeyPatch, resolution: int) -> None:
    """It says so, is never final, and shows no eigenvalue of the part."""
    monkeypatch.setattr("landscape_widget.study.preview.PREVIEW_SECONDS", 0.0)  # any data are too slow for it
    small = case("dense tanh")
    x, y = small.examples()
    objective = Objective(small.model(), (x.repeat(20, 1), y.repeat(20)), small.loss_fn)
    chosen = replace(CONTROLS, examples=260, resolution=resolution, samples=1)
    study = Study(objective)
    early = [
        found.surface for found in study.steps(chosen) if found.surface is not None and found.pairs is None
    ]
    assert early
    assert all(found.surface_model is None for found in study.steps(chosen) if found.preview)
    assert [surface.provenance["n_examples"] for surface in (early[0], early[-1])] == [64, 130]
    assert not any(surface.final for surface in early)
    again = next(found for found in study.steps(chosen) if found.surface is not None)
    assert again.pairs_final
    assert again.surface.final
    assert again.surface.provenance["n_examples"] == 260


@pytest.mark.parametrize(
    "objective",
    [case("dense tanh").objective(), Objective.from_function(saddle, torch.ones(5, dtype=torch.float64))],
    ids=["few examples", "function"],
)
def test_what_a_long_computation_takes_is_told_before_it(
    monkeypatch: pytest.MonkeyPatch, objective: Objective
) -> None:
    """Also where no first picture can be drawn on part of the examples; of a short one it is not measured."""
    chosen = replace(CONTROLS, examples=objective.n_examples)
    monkeypatch.setattr("landscape_widget.study.study._LONG", 1e3)
    assert not any(found.plan for found in Study(objective).steps(chosen))
    monkeypatch.setattr("landscape_widget.study.study._LONG", 0.0)
    assert not any(found.plan for found in Study(objective).steps(chosen)), "measured to take little"
    monkeypatch.setattr("landscape_widget.study.plan._TOLD", 0.0)
    first = next(f for f in Study(objective).steps(chosen) if f.pairs is not None or f.surface is not None)
    assert re.fullmatch(r"about .*: \d+ Hessian-vector products, \d+ MB", first.plan)


def test_a_loss_that_needs_many_examples_has_no_first_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landscape_widget.study.preview.PREVIEW_SECONDS", 0.0)  # any data are too slow for it
    small = case("dense tanh")
    x, y = small.examples()

    def of_the_hardest(output: Tensor, target: Tensor) -> Tensor:
        losses = torch.nn.functional.cross_entropy(output, target, reduction="none")
        return losses.topk(100).values.mean()

    objective = Objective(small.model(), (x.repeat(20, 1), y.repeat(20)), of_the_hardest)
    chosen = replace(CONTROLS, examples=260, resolution=5, samples=1)
    found = list(Study(objective).steps(chosen))[-1]
    assert found.surface is not None
    assert found.surface.final
    assert found.pairs_final


@pytest.mark.parametrize(
    ("alike", "times", "parts"),
    [(1e9, 170, [64, 256]), (0.0, 170, [64, 256, 1024]), (0.0, 20, [64, 130]), (0.0, 19, [64])],
)
def test_a_first_picture_in_a_hessian_plane_gets_better_while_that_changes_it(
    monkeypatch: pytest.MonkeyPatch, alike: float, times: int, parts: list[int]
) -> None:
    monkeypatch.setattr("landscape_widget.study.preview.PREVIEW_SECONDS", 0.0)  # any data are too slow for it
    monkeypatch.setattr("landscape_widget.study.preview._ALIKE", alike)
    small = case("dense tanh")
    x, y = small.examples()
    objective = Objective(small.model(), (x.repeat(times, 1), y.repeat(times)), small.loss_fn)
    chosen = replace(CONTROLS, examples=objective.n_examples, resolution=17, samples=1)
    pictures, plane = {}, None
    for found in Study(objective).steps(chosen):
        if found.gradient_norm is not None:
            break
        if found.surface is not None:
            assert plane in (None, found.plane.fingerprint), "its eigenvectors are those of the first one"
            plane, origin = found.plane.fingerprint, found.plane
            assert found.surface.provenance["plane"]["n_examples"] == 24
            done = pictures[found.preview].done.sum() if found.preview in pictures else 0
            pictures[found.preview] = found.surface
            assert found.surface.done.sum() >= done
    assert list(pictures) == parts
    for part, surface in pictures.items():
        assert surface.done.sum() == 81
        assert surface.provenance["n_examples"] == part
        subset = objective.subset(part)
        for i, j in np.argwhere(surface.done):
            theta = torch.from_numpy(origin.point(surface.alpha[j], surface.beta[i]))
            assert surface.loss[i, j] == pytest.approx(subset.loss(theta).item(), rel=1e-10)


def test_pictures_are_alike_within_a_share_of_their_range() -> None:
    axis = np.array([-1.0, 0.0, 1.0])
    loss = np.array([[0.0, 1.0, np.nan], [2.0, 3.0, 4.0], [5.0, 6.0, 10.0]])

    def picture(values: np.ndarray) -> Surface:
        return Surface(axis, axis, values, np.ones((3, 3), dtype=bool), {})

    assert preview.alike(picture(loss), picture(loss + 0.19))
    assert not preview.alike(picture(loss), picture(loss + 0.21))
    assert preview.alike(picture(loss * np.nan), picture(loss))


def test_a_first_picture_of_a_random_plane_is_of_that_very_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landscape_widget.study.preview.PREVIEW_SECONDS", 0.0)  # any data are too slow for it
    small = case("dense tanh")
    x, y = small.examples()
    objective = Objective(small.model(), (x.repeat(20, 1), y.repeat(20)), small.loss_fn)
    chosen = replace(RANDOM, examples=260, resolution=17)
    study = Study(objective)
    steps = study.steps(chosen)
    early = next(found for found in steps if found.surface is not None)
    assert early.preview == 64
    assert early.gradient_norm is None, "the picture comes before the slope"
    first, plane = early.surface, early.plane
    part = objective.subset(64)
    for i, j in np.argwhere(first.done):
        theta = torch.from_numpy(plane.point(first.alpha[j], first.beta[i]))
        assert first.loss[i, j] == pytest.approx(part.loss(theta).item(), rel=1e-10)
    found = deque(steps, maxlen=1).pop()
    assert found.surface.final
    assert found.preview == 0
    assert found.plane.fingerprint == plane.fingerprint
    for again in (chosen, replace(chosen, domain=(-2, 2, -2, 2))):
        assert not any(found.preview for found in study.steps(again)), "more of a plane that is known"
    assert any(found.preview for found in study.steps(replace(chosen, seed=5)))


def domain_of(objective: Objective, axes: tuple[str, str], **change: Any) -> tuple[float, ...]:
    controls = replace(CONTROLS, axes=axes, domain=None, examples=objective.n_examples, **change)
    study = Study(objective)
    surface = last(study, controls).surface
    assert surface is not None
    return tuple(float(v) for v in (*surface.alpha[[0, -1]], *surface.beta[[0, -1]]))


def test_automatic_domain_along_eigenvectors() -> None:
    """½|λ|w² = L(θ*) = 2 with |λ| = √(4·3): w = 1.07, the nearest step is 1."""
    hessian = torch.diag(torch.tensor([4.0, 2.0, -1.0, -3.0], dtype=torch.float64))
    objective = quadratic(hessian, constant=2.0)
    assert domain_of(objective, ("hessian:max", "hessian:min")) == (-1, 1, -1, 1)


def test_automatic_domain_along_eigenvectors_of_flat_valleys() -> None:
    """It stops at a twentieth of ‖θ*‖ = √5."""
    assert domain_of(Counted.make(), ("hessian:max", "hessian:min")) == (-0.1, 0.1, -0.1, 0.1)


def curved(*curvatures: float, constant: float = 2.0, wall: float = 0.0, slope: float = 0.0) -> Objective:
    """½ Σ λᵢ θᵢ² + wall Σ θᵢ⁴ + slope θ₀ around θ* = 0, whose norm tells nothing."""
    c = torch.tensor(curvatures, dtype=torch.float64)
    return Objective.from_function(
        lambda t: constant + (c * t**2).sum() / 2 + wall * (t**4).sum() + slope * t[0],
        torch.zeros(len(c)).double(),
    )


HESSIAN = ("hessian:max", "hessian:min")


def test_each_eigenvector_has_a_half_width_by_its_curvature() -> None:
    """½·100·0.2² = 2 = ½·1·2²."""
    assert domain_of(curved(100, -1), HESSIAN) == (-0.2, 0.2, -2, 2)
    assert domain_of(curved(100, -1), HESSIAN[::-1]) == (-2, 2, -0.2, 0.2)
    assert domain_of(curved(-100, 1), HESSIAN) == (-2, 2, -0.2, 0.2)
    # along α alone there is nothing to be in proportion to
    assert domain_of(curved(100, -1), ("hessian:max", "random"))[:2] == (-0.2, 0.2)


@pytest.mark.parametrize(("end", "other"), [("hessian:max", "random"), ("hessian:min:2", "random:filter")])
def test_a_random_direction_beside_an_eigenvector_reaches_equally_far(end: str, other: str) -> None:
    """In ‖Δθ‖, but for the steps of the scale, which are at most 1.5 apart by ratio."""
    objective = case("dense tanh").objective(ONE_BATCH)
    for axes in ((end, other), (other, end)):
        controls = replace(
            CONTROLS, axes=axes, domain=None, resolution=3, samples=1, examples=objective.n_examples
        )
        found = last(Study(objective), controls)
        assert found.plane is not None
        assert found.surface is not None
        a, b = found.surface.alpha[-1] * found.plane.norms[0], found.surface.beta[-1] * found.plane.norms[1]
        assert 1 / 1.25 < a / b < 1.25


def test_no_eigenvector_reaches_much_further_than_another() -> None:
    """An eigenvalue of next to nothing counts as a thousandth of the largest: √1000 = 32 times as far."""
    a0, a1, b0, b1 = domain_of(curved(1000, -1e-9), HESSIAN)
    assert (-a0, -b0) == (a1, b1)
    assert b1 / a1 == pytest.approx(1000**0.5, rel=0.2)  # both are snapped


def test_equal_axes_return_to_the_square() -> None:
    """½·10·w² = 2 with the mean curvature √(100·1): w = 0.63."""
    assert domain_of(curved(100, -1), HESSIAN, equal_axes=True) == (-0.6, 0.6, -0.6, 0.6)


def test_the_domain_ends_where_the_quadratic_model_does() -> None:
    """Along λmin −½y² + 1.5y⁴ has fallen by a quarter of ½y² at y² = 3/8 / 1.5, y = 0.5 = 2·2^(−4/2)."""
    domain = domain_of(curved(100, -1, wall=1.5), HESSIAN)
    assert domain == (-0.05, 0.05, -0.5, 0.5)
    assert domain_of(curved(100, -1, wall=1.5), HESSIAN, equal_axes=True)[3] == 0.6


def test_the_domain_shows_what_bends_beside_what_slopes() -> None:
    """The critical point is 0.1 away along λmax, and three times that is 0.3."""
    assert domain_of(curved(100, -1, slope=10), HESSIAN) == (-0.3, 0.3, -2, 2)
    # beyond the square's half-width of 0.6 the domain does not follow it
    assert domain_of(curved(100, -1, slope=1e3), HESSIAN) == (-0.6, 0.6, -2, 2)


def test_random_axes_know_nothing_of_curvatures() -> None:
    axes = ("random", "random")
    for equal in (False, True):
        assert domain_of(curved(100, -1), axes, equal_axes=equal) == (-1, 1, -1, 1)


def test_automatic_domain_along_random_directions() -> None:
    """A displacement by ‖θ*‖, to the next step of the scale."""
    objective = Counted.make()
    norms = random_plane(objective).norms
    domain = domain_of(objective, ("random", "random"))
    theta_norm = 5**0.5
    assert domain[1] == -domain[0] == pytest.approx(snap(theta_norm / norms[0]))
    assert domain[3] == -domain[2] == pytest.approx(snap(theta_norm / norms[1]))


def test_automatic_domain_along_filter_normalised_directions() -> None:
    domain = domain_of(case("dense tanh").objective(ONE_BATCH), ("random:filter", "random:filter"))
    assert domain == (-1, 1, -1, 1)


@pytest.mark.parametrize(
    ("width", "snapped"), [(1, 1), (0.97, 1), (1.3, 1.5), (0.0123, 0.015), (7, 8), (9.5, 10), (440, 400)]
)
def test_half_widths_snap_to_a_scale_of_few_steps(width: float, snapped: float) -> None:
    """7 lies nearer to 8 than to 6 by ratio."""
    assert snap(width) == snapped
    assert snap(width * 1000) == pytest.approx(snapped * 1000)


def test_planes_used_longest_ago_are_forgotten_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_NODES", 150)  # one plane of 81 nodes and another, not three
    objective = Counted.make()
    study = Study(objective)
    planes = [replace(RANDOM, seed=seed) for seed in range(3)]
    for controls in planes:
        last(study, controls)
    assert [fresh(objective, study, controls)["loss"] for controls in (planes[2], planes[1])] == [0, 0]
    assert fresh(objective, study, planes[0])["loss"] == 81 + CHECK


def test_few_parts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centre, "MOST_PARTS", 2)
    objective = case("dense tanh").objective(ONE_BATCH)
    study = Study(objective)
    for n in (3, 4, 5, 13, 4):
        last(study, replace(RANDOM, resolution=3, examples=n))
    assert list(study.centre.parts) == [5, 4]


TRACE = replace(CONTROLS, face="trace")


def test_the_trace_face_begins_with_the_exact_trace() -> None:
    objective = Counted.make()
    seen = [
        (found.trace, {name: len(history) for name, history in found.traces.items()})
        for found in Study(objective).steps(TRACE)
        if found.traces is not None
    ]
    trace, lengths = next((trace, lengths) for trace, lengths in seen if any(lengths.values()))
    assert trace is not None
    assert trace.value == pytest.approx(torch.trace(objective.hvp(torch.eye(5).double())).item(), rel=1e-12)
    assert trace.stderr == 0
    assert list(lengths) == ["exact", "hutchinson", "curvature-fit"]
    assert lengths == {"exact": 1, "hutchinson": 0, "curvature-fit": 0}


def test_what_the_trace_face_costs_is_bounded() -> None:
    """100 lines of four losses, and a few more where the interval is sought: not 5,000."""
    objective = Counted.make()
    study = Study(objective)
    last(study, CONTROLS)
    cost = fresh(objective, study, TRACE)
    assert cost["product"] == 5 + 100
    assert cost["loss"] <= 1 + 4 * (100 + 5 * 7 + 95)


def test_the_exact_trace_is_used_wherever_it_is_known() -> None:
    study = Study(Counted.make())
    by_density = last(study, CONTROLS)
    assert by_density.trace is None
    found = last(study, TRACE)
    assert found.trace is not None
    expected = saddle_blindness(found.projections, found.trace, found.density)
    assert found.blindness == expected
    assert last(study, CONTROLS).blindness == expected


@pytest.mark.parametrize(("first", "next_"), [(CONTROLS, RANDOM), (RANDOM, CONTROLS), (TRACE, RANDOM)])
def test_what_random_planes_hide_is_known_on_the_next_plane_from_the_first_pairs_on(
    first: Controls, next_: Controls
) -> None:
    study = Study(Counted.make())
    before = last(study, first)
    assert before.blindness is not None
    told = [(found.projections, found.blindness) for found in study.steps(next_) if found.pairs is not None]
    assert all(projections is before.projections for projections, _ in told)
    assert all(blindness == before.blindness for _, blindness in told)


def test_what_was_found_of_other_samples_is_not_taken_for_these() -> None:
    study = Study(Counted.make())
    last(study, CONTROLS)
    found = next(found for found in study.steps(replace(RANDOM, samples=7)) if found.pairs is not None)
    assert (found.projections, found.blindness) == (None, None)


def test_a_large_network_gets_a_deflated_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "EXACT_WORK", 0)
    monkeypatch.setattr(budget, "TRACE_SAMPLES", 30)
    objective = case("dense tanh").objective(ONE_BATCH)
    controls = replace(TRACE, examples=13)
    found = last(Study(objective), controls)
    exact = torch.trace(dense(case("dense tanh")).hessian).item()
    assert found.traces is not None
    assert found.trace is found.traces["deflated"][-1]
    assert found.trace.interval[0] <= exact <= found.trace.interval[1]
    assert found.trace.n_hvp == 30
    assert trace_is_final("deflated", found.traces["deflated"])
    assert not trace_is_final("deflated", found.traces["deflated"][:-1])


def test_fits_on_the_paper_s_interval_are_made_anew() -> None:
    """Files of the time when every network had it hold estimates that were too high, and did not say so."""
    study = Study(Counted.make())
    found = last(study, TRACE)
    assert found.traces is not None
    saved = study.known.saved()
    old = [replace(e, value=99.0, provenance={}) for e in found.traces["curvature-fit"]]
    saved["traces"][1, "curvature-fit"] = old
    resumed = last(Study(Counted.make(), known=known.Known.resumed(saved)), TRACE)
    assert resumed.traces is not None
    assert resumed.traces["curvature-fit"][-1] == found.traces["curvature-fit"][-1]
    assert resumed.trace == found.trace


@pytest.mark.filterwarnings("error")
def test_a_loss_that_stays_in_float32_has_a_domain_like_any_other() -> None:
    """Weights of classes that a loss closes over have its curvature be computed in their own dtype."""
    weight = torch.tensor([1.0, 2.0, 3.0])
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(12, 2, generator=generator), torch.arange(12) % 3
    objective = Objective(
        nn.Linear(2, 3),
        data,
        lambda output, target: nn.functional.cross_entropy(output, target, weight=weight),
    )
    controls = Controls(resolution=5, samples=6, examples=12)
    found = last(Study(objective), controls)
    assert found.pairs is not None
    assert found.pairs.provenance["dtype"] == "float32"
    assert found.pairs.values.dtype == found.pairs.residuals.dtype == np.float64


FORESEEN = [CONTROLS, RANDOM, replace(RANDOM, face="trace"), *COMPARED]


@pytest.mark.parametrize(
    ("controls", "known"),
    [*((controls, False) for controls in FORESEEN), *((controls, True) for controls in FORESEEN[2:4])],
    ids=[
        "Hessian",
        "random",
        "trace",
        "two planes",
        "two more",
        "trace, known in part",
        "two, known in part",
    ],
)
def test_the_time_left_is_that_of_all_that_is_to_come(controls: Controls, known: bool) -> None:
    study = Study(case("dense tanh").objective(ONE_BATCH))
    controls = replace(controls, examples=study.objective.n_examples, resolution=5)
    if known:
        last(study, replace(controls, face="projections", compared_axes=None))
    begun: set[str] = set()
    for found in study.steps(controls):
        if found.gradient_norm is None:
            continue
        ahead = found.meter.ahead()
        begun = begun or set(ahead)
        assert set(ahead) == begun, "nothing comes that was not foreseen"
    assert found.meter.left() == (1.0, 0.0)


@pytest.mark.parametrize("face", ["projections", "trace"])
def test_no_time_is_left_for_what_a_failure_keeps_from_coming(face: str) -> None:
    model = nn.Sequential(nn.EmbeddingBag(7, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    tokens = torch.randint(7, (12, 5), generator=torch.Generator().manual_seed(0))
    objective = Objective(model, (tokens, torch.arange(12) % 3), nn.CrossEntropyLoss())
    seen: list[Findings] = []
    with pytest.raises(SecondDerivativeError):
        seen.extend(Study(objective).steps(replace(RANDOM, face=face, examples=12)))
    found = seen[-1]
    assert found.fault is not None
    assert found.meter.left() == (1.0, 0.0)
