"""Where the path of training and other solutions lie on a plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from landscape_widget.results.base import Provenance, Table
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns
from landscape_widget.results.paths import Path
from landscape_widget.results.planes import Plane, Surface

#: What a run is called where nobody gave it a name.
PATH = "path"


@equal_by_content
@dataclass(frozen=True, repr=False)
class LandmarksOnPlane(Table):
    """The path of training and other solutions, projected to one plane, each point with its true loss."""

    path: Path | None = None
    """The checkpoints so far; None without a trajectory, or before the first."""
    solutions: Mapping[str, Path] = field(default_factory=dict)
    """Each solution by its name, as a path of one point."""
    total: int = 0
    """How many points there are to be in all."""
    plane: str = ""
    """Fingerprint of the plane."""
    losses: tuple[str, str] = ("", "")
    """What the losses are: split and batch-norm mode."""

    name: str = PATH
    """What the path of training is called."""
    others: Mapping[str, Path] = field(default_factory=dict)
    """Further runs by their names, as far as they are."""

    def belongs_to(self, plane: Plane | None, surface: Surface) -> bool:
        """Whether a surface on a plane is to be drawn with this: it is of that plane, and of such losses."""
        losses = tuple(surface.provenance.get(name) for name in ("split", "batch_norm"))
        return plane is not None and plane.fingerprint == self.plane and losses == self.losses

    @property
    def paths(self) -> dict[str, Path]:
        """All of them by their names, the path of training first."""
        return {**self.runs, **self.solutions}

    @property
    def runs(self) -> dict[str, Path]:
        """The paths of training by their names."""
        return {**({} if self.path is None else {self.name: self.path}), **self.others}

    @property
    def final(self) -> bool:
        """Whether every point is there."""
        return sum(len(path.loss) for path in self.paths.values()) >= self.total

    @property
    def summary(self) -> str:
        """The path, and the names of the solutions."""
        return "; ".join([*(path.summary for path in self.runs.values()), *self.solutions])

    @property
    def columns(self) -> Columns:
        """Columns name, step, alpha, beta, off_plane, distance and loss, with a row for each point."""
        paths = self.paths
        names = [name for name, path in paths.items() for _ in path.loss]
        own = ("step", "alpha", "beta", "off_plane", "distance", "loss")
        none = np.empty(0)
        return {
            "name": names,
            **{
                name: np.concatenate([none, *(getattr(path, name) for path in paths.values())])
                for name in own
            },
        }

    @property
    def provenance(self) -> Provenance:  # type: ignore[override]  # that of its parts
        """The provenance of the first of the paths."""
        return next((path.provenance for path in self.paths.values()), {})
