"""All that was computed around one θ*, by what it depends on: used again, saved and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

import numpy as np

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.grid import Cache
from landscape_widget.results.blindness import SaddleBlindness
from landscape_widget.results.curvature import EigenPairs, ProjectedCurvatures, Slopes
from landscape_widget.results.landmarks import LandmarksOnPlane
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.results.spectrum import SpectralDensity, TraceEstimate

#: Nodes whose losses are remembered, some 100 MB; planes used longest ago are forgotten first.
MOST_NODES = 500_000

#: What losses on a plane depend on: the number of examples, and the plane's fingerprint (with "test",
#: the batch-norm mode or "alone" after it, where that is so).
PlaneKey = tuple[int, str]


@dataclass(eq=False)
class Known:
    """Results by their keys; the first or only number of every key is the number of examples.

    Results of runs that have not ended stand here only where a run can go on from them. The worker adds
    entries while other threads read, and never changes one.
    """

    losses_at_theta: dict[int, float] = field(default_factory=dict)
    """L(θ*)."""
    gradients: dict[int, FloatArray] = field(default_factory=dict)
    """∇L(θ*), shape (N,)."""
    slopes: dict[tuple[int, int], Slopes] = field(default_factory=dict, metadata={"optional": True})
    """The gradient by eigenvectors, by the number of pairs; files of version 0.1 have none."""
    losses: dict[PlaneKey, Cache] = field(default_factory=dict)
    """Losses on planes by (α, β); the plane used last comes last."""
    models: dict[PlaneKey, QuadraticModel] = field(default_factory=dict)
    """Quadratic models in planes."""
    pairs: dict[tuple[int, int], EigenPairs] = field(default_factory=dict)
    """Certified eigenpairs, by how many were asked for at each end."""
    preconditioned: dict[int, EigenPairs] = field(default_factory=dict, metadata={"optional": True})
    """The largest eigenpair of P^(−½) H P^(−½), with the optimiser's P at θ*."""
    projections: dict[tuple[int, int], ProjectedCurvatures] = field(default_factory=dict)
    """Curvatures of random projections, by how many were asked for: so many of them, or the first ones."""
    densities: dict[tuple[int, int], SpectralDensity] = field(default_factory=dict)
    """Spectral densities, by the number of pairs at the large end that they rest on."""
    traces: dict[tuple[int, str], list[TraceEstimate]] = field(default_factory=dict)
    """Running estimates of tr(H) by method, up to the last one."""
    blindness: dict[tuple[int, ...], SaddleBlindness] = field(default_factory=dict)
    """How often random planes hide a saddle, by the sizes of the results that this rests on."""
    directions: dict[tuple[int, str], FloatArray] = field(default_factory=dict, metadata={"optional": True})
    """Directions of axes that a trajectory or a solution has made, shape (N,), by all examples and name."""
    landmarks: dict[PlaneKey, LandmarksOnPlane] = field(default_factory=dict, metadata={"optional": True})
    """Where a trajectory and solutions lie on planes, as far as that was found."""
    landmark_losses: dict[tuple[int, str], float] = field(default_factory=dict, metadata={"optional": True})
    """True losses of checkpoints and solutions, by a digest of their weights, split and batch-norm mode."""

    def losses_on(self, plane: PlaneKey) -> Cache:
        """Returns losses of a plane, to read and to add to; forgets others where there are too many."""
        cache = self.losses.pop(plane, {})
        while self.losses and sum(map(len, self.losses.values())) > MOST_NODES:
            del self.losses[next(iter(self.losses))]
        self.losses[plane] = cache
        return cache

    @property
    def n_bytes(self) -> int:
        """Bytes of the vectors among it, which are most of it, about."""
        vectors = [*self.gradients.copy().values(), *self.directions.copy().values()]
        pairs = [*self.pairs.copy().values(), *self.preconditioned.copy().values()]
        vectors += [each.vectors for each in pairs]
        return sum(vector.nbytes for vector in vectors)

    @property
    def size(self) -> int:
        """How many results it has that losses were evaluated for, losses themselves among them."""
        found = [*vars(self).copy().values()]
        apart = self.losses, self.directions, self.landmarks  # these two rest on losses that stand elsewhere
        counts = [len(results) for results in found if not any(results is one for one in apart)]
        drawn = sum(known.samples for known in self.projections.copy().values())  # which stay where they were
        return sum(counts) + drawn + sum(map(len, self.losses.copy().values()))

    def copied(self) -> dict[str, Any]:
        """Returns what there is, to be ``put_back``."""
        content = {f.name: dict(getattr(self, f.name)) for f in fields(self)}
        content["losses"] = {key: dict(cache) for key, cache in self.losses.items()}
        content["traces"] = {key: [*history] for key, history in self.traces.items()}
        return content

    def put_back(self, content: Mapping[str, Any]) -> None:
        """Forgets what was added since ``copied`` returned this."""
        vars(self).update(content)

    def saved(self) -> dict[str, Any]:
        """Returns what a file holds, of the types in ``SAVED``; it may be asked for while steps run."""
        # dict() copies at once, whatever the worker's thread adds meanwhile
        content = {f.name: dict(getattr(self, f.name)) for f in fields(self)}
        return content | {"losses": {key: _table(dict(cache)) for key, cache in content["losses"].items()}}

    @classmethod
    def resumed(cls, content: Mapping[str, Any]) -> Known:
        """Makes this of what ``saved`` returned, perhaps in an earlier version."""
        known = cls(**{name: dict(results) for name, results in content.items()})
        tables: Mapping[PlaneKey, FloatArray] = content["losses"]
        known.losses = {key: {(a, b): loss for a, b, loss in table.tolist()} for key, table in tables.items()}
        known.traces = {
            key: history
            for key, history in known.traces.items()
            # without a half-width they are of the time when every network had the paper's interval
            if key[1] != "curvature-fit" or "half_width" in history[-1].provenance
        }
        return known


#: What a file holds, by the names of fields: the same, but losses on planes as tables of rows (α, β, loss).
SAVED: dict[str, Any] = get_type_hints(Known) | {"losses": dict[PlaneKey, FloatArray]}


def is_of_test_data(kind: str, key: Any) -> bool:
    """Whether the number of examples in a key is one of test data."""
    return kind == "landmark_losses" and "test" in key[1].split()


def examples_of(content: Mapping[str, Any]) -> set[int]:
    """The numbers of training examples that what ``saved`` returned rests on."""
    return {
        key[0] if isinstance(key, tuple) else key
        for kind, results in content.items()
        for key in results
        if not is_of_test_data(kind, key)
    }


def without_test_data(content: Mapping[str, Any]) -> dict[str, Any]:
    """What ``saved`` returned without all that rests on test data."""
    splits = {"losses": ["test"], "landmark_losses": ["test"], "landmarks": ["test", "difference"]}
    kept = dict(content)
    for kind in splits.keys() & kept.keys():
        kept[kind] = {
            key: value
            for key, value in content[kind].items()
            if not {*key[1].split()[1:2]} & {*splits[kind]}  # the split comes second
        }
    return kept


#: Names that files of earlier versions lack.
OPTIONAL = frozenset(f.name for f in fields(Known) if f.metadata.get("optional"))


def _table(losses: Mapping[tuple[float, float], float]) -> FloatArray:
    """Returns rows (α, β, loss), shape (K, 3)."""
    return np.array([(a, b, loss) for (a, b), loss in losses.items()]).reshape(-1, 3)
