"""What an axis of a plane can be: the registry of kinds, and names such as "hessian:max:2" read into values.

A new kind is one more entry of ``KINDS``. No other module looks into the names of axes: what figures and the
page call an axis, whether it needs eigenvectors or changes with the seed, and how its direction is made all
stand in that entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from landscape_widget.numerics.checks import near, told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.filters import check_filters, filter_normalise
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.paths import PathComponents

#: What numbered directions are taken from.
Source = EigenPairs | PathComponents | None

_RANK = re.compile(r"(.*):([1-9][0-9]{0,17})")


@dataclass(frozen=True)
class Kind:
    """All that the package and the page need to know of one kind of axis."""

    name: str
    """Name of the axis, such as "random:filter"; ":2", ":3" … may follow where there is an ``end``."""
    words: str
    """What figures call it."""
    symbol: Callable[[int], str]
    """What the page calls the axis of a rank, in a few characters."""
    choice: str
    """What the page's list of choices calls the first one; others go by their symbol."""
    group: str
    """Heading of that list under which it stands."""
    direction: Callable[[Axis, Objective, FloatArray, Source], FloatArray]
    """Makes the direction, shape (N,), of the axis, the objective, a draw from N(0, 1) of shape (N,), empty
    where neither axis is ``seeded``, and eigenpairs, or the components of a path where it is ``of_path``."""
    end: str = ""
    """End of the spectrum whose eigenvectors it stands for, "max" or "min"; "" where it needs none."""
    of_path: bool = False
    """Whether it is a principal component of a trajectory, numbered from 1."""
    named: bool = False
    """Whether it leads to something by its name, which follows after a colon: "toward:NAME"."""
    seeded: bool = False
    """Whether its direction changes with the seed."""
    scaled: bool = False
    """Whether its direction is in proportion to θ* already, so that 1 is as far as one wants to look."""
    check: Callable[[Objective], None] = lambda _: None
    """Raises a ValueError for an objective that has no such direction."""

    @property
    def ranked(self) -> bool:
        """Whether there are several, told apart by a number."""
        return bool(self.end) or self.of_path


@dataclass(frozen=True)
class Axis:
    """What the direction of an axis is."""

    kind: Kind
    """The entry of the axis in the registry."""
    rank: int = 0
    """Number of the eigenvector counted from its end, or of the component, from 1 on; 0 where there is one
    such direction only."""
    label: str = ""
    """Name of what it leads to, for a kind that is ``named``."""

    @property
    def name(self) -> str:
        """The public name of the axis; the first eigenvector goes without a number."""
        if self.kind.named:
            return f"{self.kind.name}:{self.label}"
        return self.kind.name + (f":{self.rank}" if self.rank > 1 or self.kind.of_path else "")

    @property
    def end(self) -> tuple[str, int]:
        """End and rank of its eigenvector, as ``EigenPairs.at`` takes them; ("", 0) where it is none."""
        return self.kind.end, self.rank if self.kind.end else 0

    @property
    def symbol(self) -> str:
        """What the page calls it: λ₁, λₙ₋₁, random."""
        return self.kind.symbol(self.rank) + self.label

    @property
    def words(self) -> str:
        """What figures call it: λmax, or λmax, rank 2."""
        if self.kind.of_path:
            return f"{self.kind.words} {self.symbol}"
        if self.kind.named:
            return f"{self.kind.words} {self.label}"
        return self.kind.words + (f", rank {self.rank}" if self.rank > 1 else "")

    @property
    def eigenvalue(self) -> str:
        """What sentences call the eigenvalue along it: λmax, or λmax (2)."""
        return self.kind.words + (f" ({self.rank})" if self.rank > 1 else "")

    def direction(self, objective: Objective, draw: FloatArray, source: Source) -> FloatArray:
        """Makes its direction, shape (N,).

        Args:
            objective: The loss, whose θ* is the origin.
            draw: Entries from N(0, 1), shape (N,), for kinds that depend on the seed; others leave it.
            source: Eigenpairs or components of a path, for kinds that have a rank.

        Raises:
            ValueError: If there are none, or those of another number of parameters.
            IndexError: If they lack the one that is asked for.
        """
        return self.kind.direction(self, objective, draw, source)


def _component(axis: Axis, objective: Objective, _: FloatArray, components: Source) -> FloatArray:
    if not isinstance(components, PathComponents):
        raise ValueError(f"Expected a trajectory for the axis {axis.name!r}, got none. Use trajectory_plane.")
    if len(components.directions) != objective.n_parameters:
        raise ValueError(
            f"Expected components of {objective.n_parameters} parameters, got {len(components.directions)}."
        )
    return components.direction(axis.rank)


def _toward(axis: Axis, _: Objective, __: FloatArray, ___: Source) -> FloatArray:
    raise ValueError(
        f"Expected a solution named {axis.label!r} for the axis {axis.name!r}, got none. Give it to "
        "LandscapeExplorer(…, solutions={…}), or make the plane with interpolation_plane."
    )


def _eigenvector(axis: Axis, objective: Objective, _: FloatArray, pairs: Source) -> FloatArray:
    if not isinstance(pairs, EigenPairs):
        raise ValueError("Expected eigenpairs for a Hessian axis, got none.")
    if len(pairs.vectors) != objective.n_parameters:
        raise ValueError(f"Expected pairs of {objective.n_parameters} parameters, got {len(pairs.vectors)}.")
    operator, scaled = pairs.provenance.get("operator", "hessian"), "preconditioner" in pairs.provenance
    if operator != "hessian" or scaled:
        kind = "a preconditioned matrix" if scaled else f"operator={operator!r}"
        raise ValueError(f"Expected pairs of the Hessian for the axis {axis.name!r}, got those of {kind}.")
    return pairs.vectors[:, pairs.at(*axis.end)]


def _subscript(number: int) -> str:
    return "".join(chr(0x2080 + int(digit)) for digit in str(number))


_EIGENVECTORS = "Hessian eigenvectors"
_DRAWS = "Random directions"
_COMPONENTS = "Components of the trajectory"
_SOLUTIONS = "Toward a solution"

#: The registry of kinds by their names, in the order in which the page offers them.
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "hessian:max",
            words="λmax",
            symbol=lambda rank: f"λ{_subscript(rank)}",
            choice="λ₁ largest",
            group=_EIGENVECTORS,
            direction=_eigenvector,
            end="max",
        ),
        Kind(
            "hessian:min",
            words="λmin",
            symbol=lambda rank: "λₙ" if rank == 1 else f"λₙ₋{_subscript(rank - 1)}",
            choice="λₙ smallest",
            group=_EIGENVECTORS,
            direction=_eigenvector,
            end="min",
        ),
        Kind(
            "trajectory",
            words="trajectory",
            symbol=lambda rank: f"PC{_subscript(rank)}",
            choice="",  # all go by their symbols
            group=_COMPONENTS,
            direction=_component,
            of_path=True,
        ),
        Kind(
            "toward",
            words="toward",
            symbol=lambda _: "→ ",
            choice="",  # each goes by its symbol
            group=_SOLUTIONS,
            direction=_toward,
            named=True,
            scaled=True,
        ),
        Kind(
            "random",
            words="random",
            symbol=lambda _: "random",
            choice="Random",
            group=_DRAWS,
            direction=lambda _axis, _objective, draw, _pairs: draw,
            seeded=True,
        ),
        Kind(
            "random:filter",
            words="random, filter-normalised",
            symbol=lambda _: "filter-normalised",
            choice="Filter-normalised",
            group=_DRAWS,
            direction=lambda _axis, objective, draw, _pairs: filter_normalise(objective, draw),
            seeded=True,
            scaled=True,
            check=check_filters,
        ),
    )
}


def parse_axis(name: object, of_path: bool = True) -> Axis:
    """The axis of a public name.

    Args:
        name: The name.
        of_path: Whether components of a trajectory are among those that are told where it is none.

    Raises:
        ValueError: If the name is none of "hessian:max", "hessian:max:2" …, "hessian:min", …,
            "random", "random:filter", or what else ``KINDS`` holds.
    """
    axis = find_axis(name)
    if axis is not None:
        return axis
    kinds = [kind for kind in KINDS.values() if of_path or not kind.of_path]
    names = [Axis(kind, 1 if kind.of_path else 0, "NAME").name for kind in kinds]
    words = [
        f'"{name}"' + (f', "{kind.name}:2" …' if kind.ranked else "")
        for name, kind in zip(names, kinds, strict=True)
    ]
    hint = near(name, names) if isinstance(name, str) else ""
    raise ValueError(
        f"Expected an axis named {', '.join(words[:-1])} or {words[-1]}, got {told(name)}.{hint}"
    )


def find_axis(name: object) -> Axis | None:
    """The axis of a public name; None for others, as planes from elsewhere may have them."""
    if not isinstance(name, str):
        return None
    first, _, label = name.partition(":")
    if label and first in KINDS and KINDS[first].named:
        return Axis(KINDS[first], label=label)
    ranked = _RANK.fullmatch(name)
    kind = KINDS.get(ranked[1] if ranked else name)
    if kind is None or kind.named or (ranked and not kind.ranked) or (kind.of_path and not ranked):
        return None
    return Axis(kind, int(ranked[2]) if ranked else int(bool(kind.end)))


def depends_on_seed(axes: Iterable[str]) -> bool:
    """Whether a plane of these axes changes with the seed."""
    return any(axis is not None and axis.kind.seeded for axis in map(find_axis, axes))


def eigen_axis(end: str, rank: int) -> Axis:
    """The axis along an eigenvector, as ``EigenPairs.ends`` counts them."""
    return Axis(next(kind for kind in KINDS.values() if kind.end == end), rank)


def symbol_of(name: str) -> str:
    """What the page calls an axis; one that is not in the registry goes by its name."""
    axis = find_axis(name)
    return name if axis is None else axis.symbol


def words_of(name: str) -> str:
    """What figures call an axis; one that is not in the registry goes by its name."""
    axis = find_axis(name)
    return name if axis is None else axis.words
