"""The path of training and other solutions as the page receives them."""

from __future__ import annotations

import numpy as np

from landscape_widget.export.payloads import Payload, buffer
from landscape_widget.figures.paths import Drawn, drawn
from landscape_widget.results.landmarks import LandmarksOnPlane
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings


def landmarks(found: Findings, controls: Controls, request: int) -> Payload:
    """What lies on the first plane, and on the second one where there is one.

    Words, colours and sizes are those of figures.
    """
    second = found.compared
    pictures = [
        (found.landmarks, found.plane, found.surface),
        (found.compared_landmarks, second.plane if second else None, second.surface if second else None),
    ]
    shown = [_on_plane(*picture, controls.examples) for picture in pictures]
    every = [placed for placed in (found.landmarks, found.compared_landmarks) if placed is not None]
    return {"request": request, "planes": shown, "final": all(placed.final for placed in every)}


def _named(name: str, placed: LandmarksOnPlane, run: Drawn) -> list[tuple[int, str]]:
    """Where the name of one of several runs stands, all of which may begin at one point.

    The first one ends at θ*, so that it stands amid its points; of others at the end.
    """
    at = np.flatnonzero(run.inside)
    if len(placed.runs) < 2 or name in placed.solutions or not len(at):
        return []
    return [(int(at[len(at) // 2] if name == placed.name else at[-1]), name)]


def _on_plane(
    placed: LandmarksOnPlane | None, plane: Plane | None, surface: Surface | None, n_examples: int
) -> Payload | None:
    if placed is None or plane is None or surface is None or not placed.belongs_to(plane, surface):
        return None
    return {
        "plane": placed.plane,
        "of": [*placed.losses, n_examples],
        "paths": [
            {
                "name": name,
                "solution": name in placed.solutions,
                "caption": each.caption,
                "remark": each.remark,
                "colour": each.colour,
                "alpha": buffer(each.path.alpha, np.float64),
                "beta": buffer(each.path.beta, np.float64),
                "off_plane": buffer(each.path.off_plane, np.float64),
                "loss": buffer(each.path.loss, np.float64),
                "steps": each.called if name in placed.solutions else list(each.path.names),
                "sizes": buffer(each.sizes, np.float64),
                "marks": [[i, words] for i, words in [*_named(name, placed, each), *each.marks]],
            }
            for name, each in zip(placed.paths, drawn(surface, placed.paths), strict=True)
        ],
    }
