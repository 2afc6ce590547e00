"""What travels to the page: buffers that decode to the numpy results, and no number that JSON lacks."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from landscape_widget import Objective, TraceEstimate
from landscape_widget.export import curvature_payloads as curvature
from landscape_widget.export import payloads as wire
from landscape_widget.planes.projections import plane_hessian
from landscape_widget.results.blindness import BlindnessEstimate
from landscape_widget.results.tables import brief
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.study import Study

from ..support.cases import ONE_BATCH, case
from ..support.gates import make_controls, saddle

CONTROLS = make_controls(
    axes=("hessian:max:2", "random"), seed=3, domain=(-1, 1, -2, 2), resolution=5, examples=13, samples=7
)


def findings(objective: Objective, controls: Controls = CONTROLS) -> Findings:
    return deque(Study(objective).steps(controls), maxlen=1).pop()


@pytest.fixture(scope="module")
def found() -> Findings:
    return findings(case("dense tanh").objective(ONE_BATCH))


def plain(payload: Any) -> Any:
    """A payload without its buffers."""
    return {k: v for k, v in payload.items() if not isinstance(v, bytes)}


def test_surface_decodes_to_the_result(found: Findings) -> None:
    payload = wire.surface(found, CONTROLS, 17, 2.5)
    result = found.surface
    assert result is not None
    assert np.array_equal(np.frombuffer(payload["alpha"], "<f8"), result.alpha)
    assert np.array_equal(np.frombuffer(payload["beta"], "<f8"), result.beta)
    loss = np.frombuffer(payload["loss"], "<f4").reshape(5, 5)  # rows are β
    assert np.array_equal(loss, result.loss.astype(np.float32))
    assert np.array_equal(np.frombuffer(payload["done"], "u1").reshape(5, 5), result.done)
    assert (payload["request"], payload["n_done"], payload["final"]) == (17, 25, True)
    assert payload["axes"] == ["hessian:max:2", "random"]
    assert (payload["name"], payload["seeded"]) == ("λ₂ × random (seed 3)", True)
    assert (payload["seed"], payload["n_examples"], payload["theta_norm"]) == (3, 13, 2.5)
    assert payload["norms"] == list(found.plane.norms)
    assert payload["cosine"] == pytest.approx(
        found.plane.eta @ found.plane.delta / np.prod(found.plane.norms), rel=1e-12
    )
    assert payload["quadratic"]["loss"] == found.centre_loss
    assert payload["quadratic"]["gradient"] == list(found.quadratic.gradient)
    assert payload["quadratic"]["hessian"] == list(found.quadratic.hessian)
    assert payload["centre_loss"] == found.centre_loss
    assert payload["minimum"] == dict(zip(("alpha", "beta", "loss"), result.minimum, strict=True))


def test_a_surface_says_how_much_of_it_was_evaluated_once_it_is_final(found: Findings) -> None:
    def sent(bound: float | None) -> tuple[Any, ...]:
        done = found.surface.done.copy()
        done[1, 3] = False
        surface = replace(found.surface, done=done, error_bound=bound)
        payload = wire.surface(replace(found, surface=surface), CONTROLS, 17, 2.5)
        return payload["final"], payload["n_done"], payload["coverage"]

    extent = float(np.ptp(found.surface.loss))
    assert sent(None) == (False, 24, "")
    words = "25 nodes, 24 evaluated, 90 % of the others within 0.2 % of the range"
    assert sent(0.0015 * extent) == (True, 24, words)


def test_the_second_plane_decodes_to_its_result() -> None:
    chosen = replace(
        CONTROLS,
        axes=("hessian:max", "hessian:min"),
        compared_axes=("random", "random"),
        compared_domain=(-1, 1, -4, 4),
        examples=1,
    )
    # the slope of the cubic term is 0 at θ*: a saddle
    found = findings(Objective.from_function(saddle, torch.ones(5, dtype=torch.float64)), chosen)
    payload = wire.compared(found, chosen, 17, 2.5)
    picture = found.compared
    assert picture is not None
    loss = np.frombuffer(payload["loss"], "<f4").reshape(5, 5)
    assert np.array_equal(loss, picture.surface.loss.astype(np.float32))
    assert np.array_equal(np.frombuffer(payload["beta"], "<f8"), [-4, -2, 0, 2, 4])
    assert (payload["axes"], payload["seed"], payload["final"]) == (["random", "random"], 3, True)
    assert payload["norms"] == list(picture.plane.norms)
    first, second = payload["sights"]
    assert first[0] == "Shows the saddle: κ₋ −3, κ₊ 4."
    assert first[1] == "The saddle lies in this plane but cannot be seen at this domain: κ₋ −3, κ₊ 4."
    kappa = plane_hessian(Objective.from_function(saddle, torch.ones(5, dtype=torch.float64)), picture.plane)[
        1
    ]
    looks = "Shows" if np.linalg.det(kappa) < 0 else "Hides"
    assert second[0].startswith(f"{looks} the saddle")
    json.dumps(plain(payload), allow_nan=False)


def test_eigenpairs_decode_to_the_result(found: Findings) -> None:
    payload = curvature.eigenpairs(found, CONTROLS, 17, 2.5)
    pairs = found.pairs
    assert pairs is not None
    assert payload["values"] == pairs.values.tolist()
    assert payload["residuals"] == pairs.residuals.tolist()
    assert payload["axes"] == ["hessian:max", "hessian:max:2", "hessian:min:2", "hessian:min"]
    assert payload["symbols"] == ["λ₁", "λ₂", "λₙ₋₁", "λₙ"]
    assert payload["words"] == ["λmax", "λmax (2)", "λmin (2)", "λmin"]
    gradient = case("dense tanh").objective(ONE_BATCH).gradient().numpy()
    np.testing.assert_allclose(payload["slopes"], pairs.vectors.T @ gradient, rtol=1e-12)
    assert (payload["centre_loss"], payload["n_examples"]) == (found.centre_loss, 13)
    assert payload["final"]
    assert payload["verdict"] == "slope"  # an untrained network
    assert payload["sentence"].startswith("On a slope at this scale; the curvature is indefinite: ")


def test_the_verdict_waits_for_certified_pairs() -> None:
    objective = case("dense tanh").objective(ONE_BATCH)
    estimates = next(f for f in Study(objective).steps(CONTROLS) if f.pairs is not None)
    payload = curvature.eigenpairs(estimates, CONTROLS, 1, 2.5)
    assert not payload["final"]
    assert (payload["verdict"], payload["sentence"]) == ("undecided", "")
    assert payload["slopes"] is None


def test_an_interval_that_holds_every_share_is_none() -> None:
    told = curvature._blindness
    assert told(BlindnessEstimate(0.5, math.nan, 0.0, 1.0)) is None
    assert told(BlindnessEstimate(0.5, 0.1, 0.25, 1.0)) == "25–100 %"


def test_projections_decode_to_the_result(found: Findings) -> None:
    payload = curvature.projections(found, CONTROLS, 17)
    result = found.projections
    assert result is not None
    for name in ("kappa_minus", "kappa_plus"):
        decoded = np.frombuffer(payload[name], "<f4")
        assert np.array_equal(decoded, getattr(result, name).astype(np.float32))
    assert (payload["samples"], payload["total"], payload["final"]) == (7, 7, True)
    low, high = map(float, payload["blindness"]["measured"].removesuffix(" %").split("–"))
    assert 0 <= low <= 100 * result.p_no_saddle <= high <= 100
    assert tuple(payload["plane"].values()) == found.plane_curvature


def test_holes_travel_in_buffers_only() -> None:
    """JSON has no NaN: the messages of Jupyter turn it into a string."""

    def f(theta: torch.Tensor) -> torch.Tensor:
        return torch.where(theta[0] > 1.5, torch.full_like(theta[0], torch.nan), saddle(theta))

    objective = Objective.from_function(f, torch.ones(5, dtype=torch.float64))
    chosen = replace(CONTROLS, axes=("random", "hessian:max"), domain=(-9, 9, -1, 1), examples=1)
    found = findings(objective, chosen)
    surface = wire.surface(found, chosen, 1, 1.0)
    assert np.isnan(np.frombuffer(surface["loss"], "<f4")).any()
    for payload in (
        surface,
        curvature.eigenpairs(found, chosen, 1, 1.0),
        curvature.projections(found, chosen, 1),
    ):
        json.dumps(plain(payload), allow_nan=False)


def test_a_surface_of_holes_has_no_minimum(found: Findings) -> None:
    result = found.surface
    assert result is not None
    empty = Findings(surface=replace(result, loss=result.loss * np.nan), plane=found.plane)
    payload = wire.surface(empty, CONTROLS, 1, 1.0)
    assert payload["minimum"] is None
    assert payload["quadratic"] is None
    assert payload["centre_loss"] is None


@pytest.mark.parametrize(("n", "most"), [(1, 1), (2, 1), (7, 3), (100, wire.OFFERED_RANKS)])
def test_axes_on_offer(n: int, most: int) -> None:
    objective = Objective.from_function(lambda t: (t**2).sum(), torch.zeros(n, dtype=torch.float64))
    info = wire.info(objective, 0.0)
    assert (info["n_parameters"], info["dtype"]) == (n, "float64")
    vectors, draws, *_ = info["axes"]["groups"]
    names = [
        f"hessian:{end}" + (f":{k}" if k > 1 else "") for end in ("max", "min") for k in range(1, most + 1)
    ]
    assert [option["value"] for option in vectors["options"]] == names
    assert [option["value"] for option in draws["options"]] == ["random", "random:filter"]
    json.dumps(info, allow_nan=False)


def test_a_trace_decodes_to_its_estimates_and_their_intervals() -> None:
    found = findings(case("dense tanh").objective(ONE_BATCH), replace(CONTROLS, face="trace"))
    payload = curvature.trace(found, 17)
    assert found.traces is not None
    assert found.trace is not None
    exact = found.trace
    assert payload["reference"] == {
        "name": "exact",
        "label": "exact",
        "value": exact.value,
        "error": 0.0,
        "n_hvp": exact.n_hvp,
    }
    assert [method["name"] for method in payload["methods"]] == ["hutchinson", "curvature-fit"]
    for method in payload["methods"]:
        known = [e for e in found.traces[method["name"]] if np.isfinite(e.stderr)]
        assert np.frombuffer(method["value"]).tolist() == [e.value for e in known]
        low, high = known[-1].interval
        last = known[-1].value + np.array([-1, 1]) * np.frombuffer(method["error"])[-1]
        np.testing.assert_allclose(last, (low + max(known[-1].bias, 0), high + min(known[-1].bias, 0)))
        assert method["bias"] == 0
    assert payload["methods"][1]["half_width"] == found.traces["curvature-fit"][-1].provenance["half_width"]
    assert payload["final"]
    json.dumps([plain(payload["reference"]), *map(plain, payload["methods"])], allow_nan=False)
    words = curvature.spectrum(found, 17)["words"]
    assert words.split(" · ")[0] == f"mean λ {brief(exact.value / exact.samples, 3)}"  # without an error


def test_a_bias_travels_where_it_matters() -> None:
    def estimate(bias: float) -> TraceEstimate:
        return TraceEstimate(60.0, 5.0, 100, 0, 1.0, 1.0, provenance={"half_width": 0.05}, bias=bias)

    for bias, told in ((43.0, 43.0), (-3.0, -3.0), (0.5, 0.0)):
        payload = curvature.trace(Findings(traces={"curvature-fit": [estimate(bias)]}), 1)
        assert (payload["methods"][0]["bias"], payload["methods"][0]["half_width"]) == (told, 0.05)
        assert (payload["reference"], payload["final"]) == (None, True)


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        ({"node": 0.0, "product": 3.0}, "directions of extreme curvature"),
        ({"node": 0.0, "product": 0.0, "projection": 2.0}, "curvature"),
        ({"node": 0.0, "product": 0.0, "projection": None}, "curvature"),
        ({"node": 1.0, "product": 3.0}, "loss surface"),
        ({"node": 0.0, "product": 0.0}, "loss surface"),
        ({}, "loss surface"),
    ],
)
def test_progress_names_a_stage_that_runs(
    monkeypatch: pytest.MonkeyPatch, ahead: dict[str, float | None], expected: str
) -> None:
    """Of what goes on beside one another the first to end is not named until the last has ended."""
    found = Findings()
    found.stage = "loss surface"
    monkeypatch.setattr(found.meter, "ahead", lambda: ahead)
    found.plan = "about 12 min: 190 Hessian-vector products, 1.1 GB"
    told = wire.progress(found, 1, 0.0)
    assert (told["stage"], told["plan"]) == (expected, found.plan)
