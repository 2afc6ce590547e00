"""What the kernel sends is what the page reads: payloads of real runs, decoded in node."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from anywidget import AnyWidget
from torch import nn

from landscape_widget import LandscapeExplorer, Objective
from landscape_widget.explorer.traits import CONTROLS
from landscape_widget.export import curvature_payloads as curvature
from landscape_widget.export import landmark_payloads
from landscape_widget.export import payloads as wire
from landscape_widget.export.line_payload import lines
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.planes.directions import random_pair
from landscape_widget.planes.surface import grid_axis
from landscape_widget.study.budget import DENSITY_PROBES
from landscape_widget.study.controls import Controls
from landscape_widget.study.domain import eigenvector_half_widths, snap
from landscape_widget.study.findings import Findings, Picture
from landscape_widget.study.study import Study
from landscape_widget.study.verdict import verdict_of

from ..project import agreed
from ..support.cases import ONE_BATCH, case
from ..support.gates import make_controls, saddle
from ..support.page import received, send

ROOT = Path(__file__).parents[2]
REQUEST, THETA_NORM = 17, 2.5

#: Traits that the page reads.
READ = sorted(
    set(LandscapeExplorer.class_traits(sync=True))
    - set(AnyWidget.class_traits(sync=True))
    - {"_page", "_runtime"}
)

Case = dict[str, Any]


def numbers(values: Any) -> Any:
    """Numbers as JSON has them: None for what is not finite."""
    if isinstance(values, list | tuple | np.ndarray):
        return [numbers(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]
    return None if values is None or not math.isfinite(values) else values


def near(sent: Any, wanted: Any) -> Any:
    """What was sent, where it is what was wanted but for rounding."""
    assert sent == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    return sent


def lowest(minimum: tuple[float, float, float] | None) -> dict[str, float] | None:
    return None if minimum is None else {"alpha": minimum[0], "beta": minimum[1], "loss": minimum[2]}


def expected_surface(
    payload: Case, picture: Picture, found: Findings, controls: Controls, name: str
) -> dict[str, Any]:
    """What the page is to know of a picture."""
    surface, plane, model = picture.surface, picture.plane, picture.quadratic
    loss = surface.loss.astype(np.float32)
    finite = loss[np.isfinite(loss)]
    split = controls.split
    eta, delta = map(np.linalg.norm, (plane.eta, plane.delta))
    return {
        "request": REQUEST,
        "axes": list(plane.axes),
        "plane": plane.fingerprint,
        "name": name,
        "seed": controls.seed,
        "seeded": "random" in "".join(plane.axes),
        "alpha": surface.alpha.tolist(),
        "beta": surface.beta.tolist(),
        "loss": numbers(loss.ravel()),
        "done": surface.done.ravel().astype(int).tolist(),
        "final": surface.final,
        "nDone": int(surface.done.sum()),
        "coverage": surface.coverage if surface.final else "",
        "equalAxes": controls.equal_axes,
        "checkpoint": controls.checkpoint,
        "nExamples": controls.examples,
        "batchNorm": controls.batch_norm,
        "split": split,
        "norms": near(payload["norms"], [eta, delta]),
        "cosine": near(payload["cosine"], plane.eta @ plane.delta / (eta * delta)),
        "thetaNorm": THETA_NORM,
        "centreLoss": numbers(found.centre_loss),
        "quadratic": None
        if model is None or split != "train"
        else {"loss": model.loss, "gradient": list(model.gradient), "hessian": list(model.hessian)},
        "minimum": None if split == "difference" else lowest(surface.minimum),
        "note": "",
        "minima": {part: lowest(one.minimum) for part, one in picture.surfaces.items()},
        "title": payload["title"],  # words, held against the result elsewhere
        "details": payload["details"],
        "python": "explorer",
        "domain": [*surface.alpha[[0, -1]].tolist(), *surface.beta[[0, -1]].tolist()],
        "range": numbers([finite.min(), finite.max()] if len(finite) else [math.nan] * 2),
    }


def surface(found: Findings, controls: Controls, name: str) -> Case:
    assert found.surface is not None
    assert found.plane is not None
    picture = Picture(found.plane, found.surface, found.quadratic, found.surfaces)
    payload = wire.surface(found, controls, REQUEST, THETA_NORM, "explorer")
    expected = expected_surface(payload, picture, found, controls, name)
    return {"trait": "_surface", "payload": payload, "expected": expected}


def compared(found: Findings, controls: Controls, name: str) -> Case:
    second = controls.compared()
    assert found.compared is not None
    assert second is not None
    payload = wire.compared(found, controls, REQUEST, THETA_NORM)
    expected = expected_surface(payload, found.compared, found, second, name)
    expected |= {"python": "", "sights": payload["sights"]}
    return {"trait": "_compared", "payload": payload, "expected": expected}


def placed(found: Findings, controls: Controls) -> Case:
    """The path of training and a solution on both planes."""
    payload = landmark_payloads.landmarks(found, controls, REQUEST)

    def on(which: Any, plane: Any, split: str, sent: Case) -> dict[str, Any]:
        paths = {"path": which.path, **which.solutions}
        return {
            "plane": plane.fingerprint,
            "of": [split, "frozen", controls.examples],
            "paths": [
                {
                    "name": name,
                    "solution": name != "path",
                    "caption": f"{name}, {100 * path.share:.3g} % of ‖Δθ‖² in the plane{outside}",
                    "colour": colour,
                    "alpha": path.alpha.tolist(),
                    "beta": path.beta.tolist(),
                    "remark": outside.removeprefix(", "),
                    "offPlane": path.off_plane.tolist(),
                    "loss": numbers(path.loss),
                    "steps": list(path.names) if name == "path" else [name],
                    "sizes": sent["paths"][i]["sizes"]
                    and near(
                        np.frombuffer(sent["paths"][i]["sizes"]).tolist(),
                        (4 + 10 * path.off_plane / most).tolist(),
                    ),
                    "marks": [],
                }
                for i, ((name, path), colour, outside) in enumerate(
                    zip(
                        paths.items(),
                        ("#009e73", "#e69f00"),
                        (", 1 of 2 checkpoints outside", ""),
                        strict=True,
                    )
                )
                if (most := max(float(each.off_plane.max()) for each in paths.values()))
            ],
        }

    assert found.compared is not None
    expected = {
        "request": REQUEST,
        "final": True,
        "planes": [
            on(found.landmarks, found.plane, "train", payload["planes"][0]),
            on(found.compared_landmarks, found.compared.plane, "test", payload["planes"][1]),
        ],
    }
    return {"trait": "_landmarks", "name": "both planes", "payload": payload, "expected": expected}


def with_landmarks() -> Iterator[Case]:
    """A path of which the first checkpoint is outside of the domain, and a solution, on two planes."""
    network = case("dense tanh").objective(ONE_BATCH)
    theta = network.theta
    draws = torch.randn(3, len(theta), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    # in the first direction drawn with seed 3: far out, and near
    first = random_pair(len(theta), 3)[0]
    steps = [theta + 5 * first + draws[0], theta + 0.1 * first + 0.1 * draws[1]]
    landmarks = Landmarks.of(network, steps, {"other": theta + 0.3 * draws[2]})
    study = Study(network, network, landmarks=landmarks)
    controls = make_controls(
        axes=("random", "random"),
        seed=3,
        domain=(-1, 1, -1, 1),
        resolution=5,
        examples=13,
        samples=7,
        compared_split="test",
    )
    *_, found = study.steps(controls, "surface")
    yield placed(found, controls)
    for along, test in (("solutions", network), ("random", None)):
        controls = replace(controls, lines=along, compared_split=None)
        *_, found = Study(network, test, landmarks=landmarks).steps(controls, "lines")
        yield along_lines(found, controls)


def along_lines(found: Findings, controls: Controls) -> Case:
    result = found.line_losses
    assert result is not None
    payload = lines(found, controls, REQUEST)
    to_solutions = controls.lines == "solutions"
    colours = ("#1f6fb2", "#c8620a", "#009e73", "#8c4fb5", "#e69f00")
    expected = {
        "request": REQUEST,
        "final": True,
        "along": controls.lines,
        "nExamples": controls.examples,
        "axis": "t: 0 is θ*, 1 the solution" if to_solutions else "t along random directions",
        "marks": [0, 1] if controls.lines == "solutions" else [0],
        "lines": [
            {
                "name": name,
                "colour": colour,
                "t": line.t.tolist(),
                "loss": numbers(line.loss),
                "test": None if line.test is None else numbers(line.test.loss),
            }
            for (name, line), colour in zip(result.lines.items(), colours, strict=False)
        ],
        "words": " ".join(
            [
                "Solid: training data, dashed: test data.",
                *(f"{name}: {words}." for name, words in result.barriers.items()),
            ]
        )
        if to_solutions
        else "",
    }
    return {"trait": "_line_losses", "name": controls.lines, "payload": payload, "expected": expected}


#: Axis, symbol and words of eigenvectors from either end.
LARGEST = [("hessian:max", "λ₁", "λmax"), ("hessian:max:2", "λ₂", "λmax (2)")]
SMALLEST = [("hessian:min", "λₙ", "λmin"), ("hessian:min:2", "λₙ₋₁", "λmin (2)")]


def eigenpairs(found: Findings, controls: Controls) -> Case:
    pairs = found.pairs
    assert pairs is not None
    n_smallest = len(pairs.values) - pairs.n_largest
    known = [*LARGEST[: pairs.n_largest], *reversed(SMALLEST[:n_smallest])]
    axes = [axis for axis, *_ in known]
    verdict = verdict_of(found, controls, THETA_NORM)

    def domain(one: str, other: str) -> list[float]:
        assert found.slopes is not None
        along = found.slopes.along
        widths = eigenvector_half_widths(
            (one, other), pairs, found.centre_loss, THETA_NORM, controls.equal_axes, along
        )
        a, b = widths[axes.index(one)], widths[axes.index(other)]
        return [-a, a, -b, b]

    expected = {
        "request": REQUEST,
        "axes": axes,
        "symbols": [symbol for _, symbol, _ in known],
        "words": [words for *_, words in known],
        "values": pairs.values.tolist(),
        "residuals": pairs.residuals.tolist(),
        "converged": pairs.converged.tolist(),
        "nHvp": pairs.n_hvp,
        "slopes": None if found.slopes is None else found.slopes.along.tolist(),
        "domains": None if found.slopes is None else [[domain(a, b) for b in axes] for a in axes],
        "centreLoss": found.centre_loss,
        "nExamples": controls.examples,
        "gradientNorm": found.gradient_norm,
        "verdict": verdict.kind if verdict else "undecided",
        "sentence": verdict.sentence if verdict else "",
        "sights": list(verdict.sights) if verdict and verdict.sights else None,
        "final": found.pairs_final,
    }
    payload = curvature.eigenpairs(found, controls, REQUEST, THETA_NORM)
    return {"trait": "_eigenpairs", "payload": payload, "expected": expected}


def projections(found: Findings, controls: Controls) -> Case:
    result, model = found.projections, found.quadratic
    assert result is not None
    payload = curvature.projections(found, controls, REQUEST)
    kappas = {"kappaMinus": result.kappa_minus, "kappaPlus": result.kappa_plus}
    fits = {name: {"mean": float(k.mean()), "std": float(k.std())} for name, k in kappas.items()}
    sources = {"kappaMinus": "kappa_minus", "kappaPlus": "kappa_plus", "trace": "kappa_mean"}
    means = {name: result.statistics[source] for name, source in sources.items()}
    blindness = {
        "measured": payload["blindness"]["measured"],  # words, held against numbers elsewhere
        "closedForm": payload["blindness"]["closed_form"],
        "spectral": payload["blindness"]["spectral"],
    }
    expected = {
        "request": REQUEST,
        **{name: kappa.astype(np.float32).tolist() for name, kappa in kappas.items()},
        "samples": len(result.kappa_plus),
        "total": controls.samples,
        "plane": None
        if model is None
        else {"kappaMinus": model.curvatures[0], "kappaPlus": model.curvatures[1]},
        "seeds": result.seed_of(0),
        "fits": {name: fit if fit["std"] > 0 else None for name, fit in fits.items()},
        "means": {
            name: {"value": mean.value, "stderr": mean.stderr if math.isfinite(mean.stderr) else 0}
            for name, mean in means.items()
        },
        "blindness": blindness,
        "final": len(result.kappa_plus) == controls.samples,
    }
    return {"trait": "_projections", "payload": payload, "expected": expected}


def spectrum(found: Findings) -> Case:
    density, pairs = found.density, found.pairs
    assert density is not None
    assert pairs is not None
    x, y = density.curve()
    payload = curvature.spectrum(found, REQUEST)
    expected = {
        "request": REQUEST,
        "x": x.tolist(),
        "density": y.tolist(),
        "ends": {"min": pairs.values[-1], "max": pairs.values[0]},
        "words": payload["words"],
        "probes": density.n_probes,
        "total": DENSITY_PROBES,
        "nHvp": density.n_hvp,
        "final": found.density_final,
    }
    return {"trait": "_spectrum", "payload": payload, "expected": expected}


def trace(found: Findings) -> Case:
    assert found.traces is not None
    labels = {"hutchinson": "Hutchinson", "curvature-fit": "curvature fit"}
    methods = []
    for name, label in labels.items():
        known = [e for e in found.traces.get(name, ()) if math.isfinite(e.stderr)]
        methods.append(
            {
                "name": name,
                "label": label,
                "n": [e.samples for e in known],
                "value": [e.value for e in known],
                "error": [e.error for e in known],
                "stderr": known[-1].stderr if known else None,
                "bias": known[-1].bias if known and known[-1].biased else 0,
                "halfWidth": known[-1].provenance.get("half_width") if known else None,
            }
        )
    known = [e for e in found.traces["exact"] if math.isfinite(e.error)]
    reference = [
        {"name": "exact", "label": "exact", "value": e.value, "error": e.error, "nHvp": e.n_hvp}
        for e in known
    ]
    expected = {
        "request": REQUEST,
        "reference": reference[-1] if reference else None,
        "methods": [method for method in methods if method["name"] in found.traces],
        "final": found.traces_final,
    }
    return {"trait": "_trace", "payload": curvature.trace(found, REQUEST), "expected": expected}


def cases_of(found: Findings, controls: Controls, names: tuple[str, str]) -> Iterator[Case]:
    """Every result that there is by now."""
    if found.surface is not None:
        yield surface(found, controls, names[0])
    if found.compared is not None:
        yield compared(found, controls, names[1])
    if found.pairs is not None:
        yield eigenpairs(found, controls)
    if found.projections is not None:
        yield projections(found, controls)
    if found.density is not None:
        yield spectrum(found)
    if found.traces is not None and "exact" in found.traces:
        yield trace(found)


def run(
    objective: Objective, controls: Controls, names: tuple[str, str] = ("", ""), test: Objective | None = None
) -> Iterator[Case]:
    """What is sent of each kind when it is first there, and at the end."""
    seen: set[str] = set()
    found = Findings()
    for found in Study(objective, test).steps(controls):
        for one in cases_of(found, controls, names):
            if one["trait"] not in seen:
                seen.add(one["trait"])
                yield one | {"name": f"at first, {controls.axes}"}
    for one in cases_of(found, controls, names):
        yield one | {"name": f"at last, {controls.axes}"}


def with_holes(theta: torch.Tensor) -> torch.Tensor:
    return torch.where(theta[0] > 1.5, torch.full_like(theta[0], torch.nan), saddle(theta))


def studies() -> Iterator[Case]:
    """Runs with all faces, two planes, holes, test data, and no finite loss."""
    common = make_controls(seed=3, domain=(-1, 1, -2, 2), resolution=5, examples=13, samples=7, face="trace")
    network = case("dense tanh").objective(ONE_BATCH)
    both = replace(common, axes=("hessian:max:2", "random"), compared_axes=("random", "random"))
    yield from run(network, both, ("λ₂ × random (seed 3)", "Random (seed 3)"))
    holes = Objective.from_function(with_holes, torch.ones(5, dtype=torch.float64))
    wide = replace(common, axes=("hessian:min", "hessian:max"), domain=(-9, 9, -1, 1), examples=1)
    yield from run(holes, wide, ("λₙ × λ₁", ""))
    gap = replace(common, axes=("random:filter", "random:filter"), split="difference")
    yield from run(network, gap, ("Filter-normalised (seed 3)", ""), network)


def explorer_states() -> Iterator[tuple[dict[str, Any], dict[str, Any], list[Case]]]:
    """All traits that the page reads, what its snapshot is to hold of them, and what is sent of points."""
    torch.manual_seed(0)
    data = torch.randn(12, 3), torch.arange(12) % 2
    explorer = LandscapeExplorer(
        nn.Linear(3, 2).double(),
        (data[0].double(), data[1]),
        nn.functional.cross_entropy,
        test_loader=(data[0][:5].double(), data[1][:5]),
        metrics={"share": lambda out, y: (out.argmax(1) == y).double().mean()},
        resolution=5,
        samples=7,
    )
    info = {"n_parameters": 8, "n_examples": 12, "n_test_examples": 5, "max_resolution": 501}

    def state() -> dict[str, Any]:
        return {name: getattr(explorer, name) for name in READ}

    def told() -> dict[str, Any]:
        controls = {name: getattr(explorer, name) for name in READ if name in CONTROLS}
        return controls | {"status": explorer.status, "error": "", "provisional": False}

    before = told() | {"progress": None, "surface": None, "landmarks": None, "trace": None, "sent": 0}
    nothing = received(explorer, "_pins") | {"marks": [[], []]}
    sent = {"trait": "_pins", "name": "none", "payload": received(explorer, "_pins"), "expected": nothing}
    yield state(), before, [sent]
    explorer.compute()
    pin = explorer.pin(0.25, -0.5)
    send(explorer, type="table")
    explorer.wait()
    pins = json.loads(json.dumps(received(explorer, "_pins")))
    alpha, beta = near(pins["pins"][0]["places"][0], [pin.alpha, pin.beta])
    marks = [[{"number": pin.number, "alpha": alpha, "beta": beta}], []]
    assert pins["pins"][0]["plane"] == "Hessian λmax × λmin"
    assert {row["plane"] for row in pins["table"]} == {"", "Hessian λmax × λmin"}
    pictures = [
        received(explorer, "_surface"),
        received(explorer, "_projections"),
        received(explorer, "_spectrum"),
    ]
    after = told() | {
        "progress": json.loads(json.dumps(explorer.progress)),
        "sent": max(picture["sent"] for picture in pictures if picture),
    }
    sent = {
        "trait": "_pins",
        "name": "one",
        "payload": received(explorer, "_pins"),
        "expected": pins | {"marks": marks},
    }
    yield state(), after, [sent]
    assert {name: received(explorer, "_info")[name] for name in info} == info
    explorer.close()


def write(folder: Path, content: dict[str, Any]) -> None:
    """Writes JSON, and buffers into a file beside it."""
    buffers = bytearray(b"\0" * 5)  # at an odd offset, as in a message

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            start = len(buffers)
            buffers.extend(value)
            return {"buffer": [start, len(value)]}
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"Expected what JSON or a buffer holds, got {type(value).__name__}.")

    text = json.dumps(content, default=plain, allow_nan=False)
    (folder / "payloads.json").write_text(text, "utf-8")
    (folder / "buffers.bin").write_bytes(buffers)


def test_what_both_must_agree_on_is_the_kernels() -> None:
    written = agreed.MODULE.read_text("utf-8")
    assert written == agreed.module(), "write it anew: python -m tests.project.agreed"


@pytest.mark.skipif(shutil.which("node") is None, reason="the page's decoders run in node")
def test_the_page_reads_what_the_kernel_sends(tmp_path: Path) -> None:
    states = list(explorer_states())
    payloads = [*studies(), *with_landmarks(), *(one for *_, sent in states for one in sent)]
    # bounds that are no nodes, spacings that a float cannot hold, and halves between two nodes
    axes = [(-1, 1, 5), (-0.3, 1.1, 21), (-0.07, 0.9, 51), (7, 8, 3)]
    axes += [(low, low + 4, 5) for low in (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)]
    grids = [
        {"low": low, "high": high, "count": n, "nodes": grid_axis(low, high, n).tolist()}
        for low, high, n in axes
    ]
    widths = [(w, snap(w)) for w in np.geomspace(1e-4, 1e3, 301).tolist()]
    content = {
        "payloads": payloads,
        "traits": [state for state, *_ in states],
        "snapshot": [told for _, told, _ in states],
        "grids": grids,
        "widths": widths,
    }
    write(tmp_path, content)
    environment = {**os.environ, "LANDSCAPE_PAYLOADS": str(tmp_path)}
    command = ["node", "--test", "--test-reporter=tap", "test/contract.js"]
    done = subprocess.run(
        command, cwd=ROOT / "js", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
