"""Losses along lines as the page receives them."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from landscape_widget.export.payloads import Payload, buffer
from landscape_widget.figures.between import COLOURS, axis_of
from landscape_widget.figures.paths import COLOURS as PATHS
from landscape_widget.results.lines import SOLUTIONS, LineLosses
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings

#: What batch-norm statistics are on the way, where the model has any.
_BATCH_NORM = {
    "interpolated": "Batch-norm statistics lie between those of both ends.",
    "frozen": "Batch-norm statistics are those of θ*.",
    "recomputed": "Batch-norm statistics are recomputed at every point.",
}


def lines(findings: Findings, controls: Controls, request: int) -> Payload:
    """The curves with their colours, and what is said of them."""
    found = findings.line_losses
    assert found is not None
    placed = findings.landmarks
    in_planes = {} if placed is None else dict(zip(placed.paths, cycle(PATHS), strict=False))
    to_solutions = found.along == SOLUTIONS
    return {
        "request": request,
        "final": found.final,
        "along": found.along,
        "n_examples": controls.examples,
        "axis": axis_of(found),
        "marks": [0, 1] if to_solutions else [0],
        "lines": [
            {
                "name": name,
                "colour": in_planes.get(name, colour) if to_solutions else colour,
                "t": buffer(line.t, np.float64),
                "loss": buffer(line.loss, np.float64),
                "test": None if line.test is None else buffer(line.test.loss, np.float64),
            }
            for (name, line), colour in zip(found.lines.items(), cycle(COLOURS), strict=False)
        ],
        "words": _words(found),
    }


def _words(found: LineLosses) -> str:
    if not found.total:
        return "Every solution is θ* itself: there is no line to draw."
    lines = found.lines.values()
    told = ["Solid: training data, dashed: test data."] if any(line.test for line in lines) else []
    told += [f"{name}: {words}." for name, words in found.barriers.items()]
    kinds = dict.fromkeys(line.provenance.get("batch_norm") for line in lines)
    told += [_BATCH_NORM[kind] for kind in kinds if kind]
    if not found.final:
        told.append(f"{found.done} of {found.total} lines are complete.")
    return " ".join(told)
