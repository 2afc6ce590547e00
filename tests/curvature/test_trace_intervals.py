"""What is said of a trace beside its value: exact or not, its 95 % interval, and its bias."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import Objective, TraceEstimate, hessian_trace, load, save, spectral_density, trace_of
from landscape_widget.curvature.curvature_fit import fit_estimate
from landscape_widget.curvature.trace import EXACT_FACTOR, default_method, trace_steps
from landscape_widget.numerics.probes import Probes

from ..support.cases import case, paper_function, quadratic, rotated
from ..support.oracle import dense

pytestmark = pytest.mark.oracle

RUNS = 120

#: A few large eigenvalues among many near zero, as networks have them; a single one; and the paper's.
SPECTRA = {
    "a few large": np.r_[100.0, 50, -30, 20, 10, 0.1 * np.random.default_rng(0).normal(size=95)],
    "one": np.r_[1000.0, 0.1 * np.random.default_rng(1).normal(size=99)],
    "of one size": np.r_[np.ones(60), -np.ones(40)],
}


def held(estimates: list[TraceEstimate], trace: float) -> int:
    return sum(e.interval[0] <= trace <= e.interval[1] for e in estimates)


def assert_coverage(found: list[TraceEstimate], trace: float) -> None:
    assert held(found, trace) >= 0.9 * len(found)
    errors = np.array([e.value - trace for e in found])
    assert np.mean([e.error for e in found]) <= 3 * np.sqrt(np.mean(errors**2))


@pytest.mark.parametrize(
    ("method", "distribution", "samples", "name"),
    [
        *(("hutchinson", "normal", 30, name) for name in ("one", "of one size")),
        ("hutchinson", "rademacher", 40, "a few large"),
        *(("hutch++", "rademacher", 40, name) for name in ("one", "of one size")),
        ("deflated", "rademacher", 20, "one"),
        ("deflated", "normal", 20, "a few large"),
    ],
)
def test_intervals_hold(method: str, distribution: str, samples: int, name: str) -> None:
    """95 % intervals hold for at least 90 % of the seeds; and are no longer than they must be.

    Of 120 seeds, or of 60 where each takes long. zᵀHz is a sum of few χ² here, so that a normal sample with
    a low mean has a low variance, too.
    """
    spectrum = SPECTRA[name]
    objective = rotated(spectrum)
    runs = RUNS // 2 if method == "deflated" else RUNS
    found = [
        hessian_trace(objective, method, samples, seed, distribution=distribution) for seed in range(runs)
    ]
    assert_coverage(found, spectrum.sum())


@pytest.mark.parametrize("name", SPECTRA)
def test_intervals_of_the_curvature_fit_hold(name: str) -> None:
    """On sums Σ λ_i z_i², which is what its parabolas give on a quadratic function, as asserted for a few."""
    spectrum = SPECTRA[name]
    objective = rotated(spectrum)
    for seed in range(2):
        fit = hessian_trace(objective, "curvature-fit", 60, seed)
        product = hessian_trace(objective, "hutchinson", 60, seed, distribution="normal")
        size = math.sqrt(product.square)
        assert fit.value == pytest.approx(product.value, rel=1e-9, abs=1e-9 * size)
        assert abs(fit.bias) <= 1e-9 * size
    forms = np.random.default_rng(0).normal(size=(RUNS, 60, len(spectrum))) ** 2 @ spectrum
    assert_coverage([fit_estimate(sample, 1, {}) for sample in forms], spectrum.sum())


def test_intervals_of_few_probes_of_a_few_large_eigenvalues_hold() -> None:
    """For 92 % of 250 seeds or more; Student's interval of the samples alone holds for 83 to 89 %."""
    spectrum, runs = SPECTRA["one"], 250
    objective = rotated(spectrum)
    for method, samples in (("hutchinson", 3), ("hutchinson", 10), ("deflated", 4)):
        found = [hessian_trace(objective, method, samples, seed) for seed in range(runs)]
        assert held(found, spectrum.sum()) >= 0.92 * runs


def test_probes_whose_forms_are_equal_by_chance_are_not_exact() -> None:
    """(1, 1, 1, −1) and (1, −1, 1, 1) both give zero, their entries do not."""
    pair = torch.tensor([[0.0, 1], [1, 0]], dtype=torch.float64)
    objective, by_chance = quadratic(torch.block_diag(pair, pair)), 0
    for seed in range(40):
        z = Probes(4, "rademacher", seed, "trace", objective.theta).draw(2)
        blocks = z[::2] * z[1::2]
        forms = blocks.sum(dim=0)
        by_chance += bool(forms[0] == forms[1]) and not torch.equal(blocks[:, 0], blocks[:, 1])
        exact = hessian_trace(objective, "hutchinson", 2, seed).stderr == 0
        assert exact == torch.equal(blocks[:, 0], blocks[:, 1])
    assert by_chance


@pytest.mark.parametrize(("samples", "share"), [(2, 0.88), (3, 0.88), (5, 0.91), (10, 0.91), (100, 0.94)])
def test_intervals_of_few_lines_hold(samples: int, share: float) -> None:
    """Three standard deviations of 2000 seeds, 0.02, below what was measured: 0.91 of 2, 0.93 of 10."""
    spectrum, runs = SPECTRA["one"], 2000
    # all but the single large one is too small to matter
    forms = spectrum[0] * np.random.default_rng(0).normal(size=(runs, samples)) ** 2
    found = [fit_estimate(sample, 1, {}) for sample in forms]
    assert held(found, spectrum[0]) >= share * runs


@pytest.mark.parametrize("name", ["a few large", "of one size"])
def test_intervals_of_a_density_s_trace_hold(name: str) -> None:
    spectrum = SPECTRA[name]
    objective = rotated(spectrum)
    found = [trace_of(spectral_density(objective, 4, 6, seed)) for seed in range(RUNS // 2)]
    assert held(found, spectrum.sum()) >= 0.9 * len(found)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("dense tanh", "mse"),
        ("dense ReLU", "cross entropy"),
        ("convolution, batch norm", "mse"),
        ("tied", "cross entropy"),
    ],
)
def test_the_default_is_exact_where_that_is_cheap(name: str, loss: str) -> None:
    matrix = dense(case(name, loss)).hessian
    found = hessian_trace(case(name, loss).objective())
    assert found.provenance["method"] == "exact"
    # the batches and both ways of differentiating round otherwise
    assert found.value == pytest.approx(torch.trace(matrix).item(), rel=1e-9)
    assert found.square == pytest.approx((matrix**2).sum().item(), rel=1e-9)
    assert (found.stderr, found.square_stderr, found.error) == (0, 0, 0)
    assert found.interval == (found.value, found.value)
    assert found.samples == found.n_hvp == len(matrix)


def test_against_torch_s_own_hessian() -> None:
    model, x = (
        nn.Sequential(nn.Linear(3, 4), nn.Softplus(), nn.Linear(4, 2)).double(),
        torch.ones(5, 3).double(),
    )
    names, parameters = zip(*((k, p.detach()) for k, p in model.named_parameters()), strict=True)
    sizes = [p.numel() for p in parameters]

    def loss(theta: torch.Tensor) -> torch.Tensor:
        parts = (part.view_as(p) for part, p in zip(theta.split(sizes), parameters, strict=True))
        out = torch.func.functional_call(model, dict(zip(names, parts, strict=True)), (x,))
        return (out**2).mean()

    expected = torch.func.hessian(loss)(torch.cat([p.reshape(-1) for p in parameters])).trace().item()
    objective = Objective(model, (x, torch.zeros(5, 2).double()), nn.MSELoss())
    assert hessian_trace(objective).value == pytest.approx(expected, rel=1e-9)


def test_what_is_cheap_is_counted() -> None:
    small = rotated(SPECTRA["one"])
    assert default_method(small, 100 // EXACT_FACTOR) == "exact"
    assert default_method(small, 100 // EXACT_FACTOR - 1) == "deflated"
    small.__class__ = type("OnMuchData", (Objective,), {"n_examples": 10**6})
    assert default_method(small, 99) == "deflated"
    assert default_method(small, 100) == "exact"  # no more than was asked for
    assert hessian_trace(rotated(SPECTRA["one"]), "auto", 4).provenance["method"] == "deflated"


def test_nothing_is_known_of_an_exact_trace_before_its_end() -> None:
    *before, last = trace_steps(rotated(SPECTRA["one"]), "exact", interval=0.0)
    assert all(math.isnan(e.value) and math.isnan(e.stderr) for e in before)
    assert [e.n_hvp for e in (*before, last)] == list(range(1, 101))
    assert last.value == pytest.approx(SPECTRA["one"].sum(), rel=1e-12)


def quartic(strength: float) -> Objective:
    """½θᵀDθ + c Σ θ⁴, with the trace 100; the mean of Ση⁴ is 150."""
    half = torch.linspace(0.5, 1.5, 50, dtype=torch.float64)

    def loss(theta: torch.Tensor) -> torch.Tensor:
        squares = theta * theta
        return squares @ (half + strength * squares)

    return Objective.from_function(loss, torch.zeros(50, dtype=torch.float64))


def test_terms_of_fourth_order_are_found_by_their_size() -> None:
    """The parabola nearest to α⁴ by numpy; the mean of 5,000 numbers η⁴ is good to 5 %."""
    found = hessian_trace(quartic(100.0), "curvature-fit", samples=100, half_width=0.05)
    alpha = np.linspace(-0.05, 0.05, 50)
    expected = 2 * np.polyfit(alpha, alpha**4, 2)[0] * 100 * 150
    assert found.biased
    assert found.bias == pytest.approx(expected, rel=0.1)
    assert found.value - 100 == pytest.approx(expected, abs=4 * found.stderr)
    assert found.interval[0] <= 100 <= found.interval[1]
    assert "biased by about +" in repr(found)


@pytest.mark.parametrize("strength", [100.0, -100.0, 1e6])
def test_the_interval_shrinks_until_the_loss_is_a_parabola(strength: float) -> None:
    found = hessian_trace(quartic(strength), "curvature-fit", samples=100)
    assert found.provenance["half_width"] < 0.05
    assert abs(found.bias) <= 0.01 * found.value
    assert not found.biased
    assert found.interval[0] <= 100 <= found.interval[1]
    assert found.n_loss <= 1 + 4 * (100 + 20)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_networks_leave_the_parabola_on_the_paper_s_interval(activation: type[nn.Module]) -> None:
    """And with ReLU its kinks lie ever nearer to θ*, where the loss curves otherwise than its Hessian says.

    On the interval that is chosen, each parabola has the second derivative that products give.
    """
    generator = torch.Generator().manual_seed(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = (nn.Linear(4, 20), activation(), nn.Linear(20, 20), activation(), nn.Linear(20, 3))
        model = nn.Sequential(*layers).double()
    x = torch.randn(40, 4, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 3, (40,), generator=generator)
    objective = Objective(model, (x, y), nn.CrossEntropyLoss())
    exact = hessian_trace(objective, "exact").value
    same = hessian_trace(objective, "hutchinson", 15, distribution="normal")
    wide = hessian_trace(objective, "curvature-fit", 15, half_width=0.1)
    assert wide.biased
    assert wide.bias == pytest.approx(wide.value - same.value, abs=0.1 * same.stderr)
    assert wide.interval[0] <= exact <= wide.interval[1]
    chosen = hessian_trace(objective, "curvature-fit", 15)
    assert not chosen.biased
    assert chosen.provenance["half_width"] < 0.05
    assert chosen.value == pytest.approx(same.value, abs=0.1 * same.stderr)
    assert chosen.n_loss < wide.n_loss / 10


@pytest.mark.parametrize(("n_positive", "half_width"), [(500, None), (800, 0.05)])
def test_nothing_is_said_of_the_paper_s_functions(n_positive: int, half_width: float | None) -> None:
    """They are of third order along any line: Fig. 3 is as it was."""
    function = paper_function(500, n_positive)
    found = hessian_trace(function, "curvature-fit", samples=40, half_width=half_width)
    assert not found.biased
    assert abs(found.bias) <= 1e-9 * math.sqrt(found.square)
    assert found.provenance["half_width"] == 0.05
    assert "biased" not in repr(found)
    same = hessian_trace(function, "hutchinson", samples=40, distribution="normal")
    assert found.value == pytest.approx(same.value, abs=1e-9 * math.sqrt(same.square))
    assert found.n_loss == 1 + 40 * (54 if half_width else 4)


def test_a_loss_that_is_rounded_coarsely() -> None:
    """As one that goes through float32: the interval stays where its rounding allows."""
    diagonal = torch.linspace(1, 3, 50, dtype=torch.float64)

    def rounded(theta: torch.Tensor) -> torch.Tensor:
        loss = 1 + (0.5 * diagonal * theta**2 + 10 * theta**4).sum()
        return loss.float().double()

    objective = Objective.from_function(rounded, torch.zeros(50, dtype=torch.float64))
    found = hessian_trace(objective, "curvature-fit", samples=100)
    assert found.interval[0] <= 100 <= found.interval[1]
    assert found.n_loss <= 1 + 4 * (5 * 8 + 95 * 2)


def test_no_second_derivative_at_all_is_not_taken_for_one() -> None:
    """|θ| has a kink at θ*: whatever the interval, no parabola fits."""
    objective = Objective.from_function(lambda t: t.abs().sum(), torch.zeros(5, dtype=torch.float64))
    assert hessian_trace(objective, "curvature-fit", samples=20).biased


def test_losses_that_overflow_far_out() -> None:
    objective = Objective.from_function(
        lambda t: ((30 * t) ** 2).sum() + torch.where(t.abs().max() > 0.05, math.inf, 0.0),
        torch.zeros(20, dtype=torch.float64),
    )
    found = hessian_trace(objective, "curvature-fit", samples=60)
    assert found.interval[0] <= 36000 <= found.interval[1]


def test_what_does_not_fit_is_refused() -> None:
    objective = rotated(SPECTRA["one"])
    for method, width in (("hutchinson", 0.05), ("curvature-fit", 0.0), ("curvature-fit", math.nan)):
        with pytest.raises(ValueError, match="Expected half_width as a positive number with method='curv"):
            hessian_trace(objective, method, half_width=width)


def test_a_saved_trace_loads_also_from_before_there_was_a_bias(tmp_path: Path) -> None:
    found = hessian_trace(quartic(100.0), "curvature-fit", samples=4, half_width=0.05)
    save(found, tmp_path / "new.npz")
    assert vars(load(tmp_path / "new.npz")) == vars(found)
    with np.load(tmp_path / "new.npz") as members:
        header = json.loads(members["header"].tobytes())
    del header["content"]["map"][0][1]["fields"]["bias"]
    np.savez(tmp_path / "old.npz", header=np.frombuffer(json.dumps(header).encode(), np.uint8))
    old = load(tmp_path / "old.npz")
    assert (old.value, old.bias, old.biased) == (found.value, 0.0, False)
