"""What a person chooses in an explorer, each control declared once: its default, its check, its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from landscape_widget.loss.batch_norm import MODES
from landscape_widget.numerics.checks import check_flag, check_integer, check_seed
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.planes.axes import KINDS
from landscape_widget.planes.certified import ACCURACY, check_accuracy
from landscape_widget.planes.directions import hessian_rank
from landscape_widget.planes.grid import Domain, check_domain, check_resolution
from landscape_widget.planes.splits import SPLITS, check_split
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.lines import SOLUTIONS

#: The page holds integers up to this.
_LARGEST_SEED = 2**53 - 1

#: Random projections of one histogram.
_MOST_SAMPLES = 1_000_000

#: What lines may follow.
LINES = (SOLUTIONS, *(name for name, kind in KINDS.items() if kind.seeded))

#: Faces of the curvature panel.
FACES = ("projections", "spectrum", "trace")


class _Axes(Protocol):
    def check_axes(self, axes: object) -> tuple[str, str]:
        """Two names that make a plane."""


class _Surroundings(_Axes, Protocol):
    landmarks: Landmarks
    """What lies there."""


class Place(Protocol):
    """What controls are held against: a ``Centre``."""

    objective: Objective
    """The loss L."""
    test: Objective | None
    """The same on test data."""

    @property
    def around(self) -> _Surroundings:
        """What knows all axes and checkpoints."""


#: Makes of a value, other than None, what a control becomes around a centre; raises a ValueError for one that
#: cannot be had there.
Check = Callable[[Any, Place], Any]


def _declared(check: Check, *, values: tuple[str, ...] = (), synced: bool = True) -> dict[str, Any]:
    """What the explorer makes a trait of; one whose default is None may be set to None again.

    Args:
        check: The check of its values.
        values: All that it takes, where those are a few names.
        synced: Whether the page may set it.
    """
    return {"check": check, "values": values, "synced": synced}


def _axes(value: Any, centre: Place) -> tuple[str, str]:
    return centre.around.check_axes(value)


def _domain(value: Any, _: Place) -> Domain:
    return check_domain(value)


def _examples(value: Any, centre: Place) -> int:
    return centre.objective.check_examples(check_integer(value, "examples"))


def _batch_norm(value: Any, centre: Place) -> str:
    return centre.objective.check_batch_norm(value)


def _split(value: Any, centre: Place) -> str:
    return check_split(value, centre.test)


def _checkpoint(value: Any, centre: Place) -> int:
    most = max(1, len(centre.around.landmarks.checkpoints)) - 1
    try:
        return check_integer(value, "checkpoint", 0, most)
    except ValueError as error:
        if most:
            raise
        raise ValueError(
            f"Expected checkpoint as None or 0, for there is one alone, the model's weights, got {value!r}. "
            "For those of a run make the explorer with it: LandscapeExplorer(…, trajectory=…)."
        ) from error


def _compared_checkpoint(value: Any, centre: Place) -> int | str:
    if not isinstance(value, str):
        return _checkpoint(value, centre)
    names = [*centre.around.landmarks.solutions]
    if value not in names:
        raise ValueError(
            f"Expected compared_checkpoint as the number of a checkpoint or the name of a solution "
            f"({', '.join(map(repr, names)) or 'there are none'}), got {value!r}."
        )
    return value


def _lines(value: Any, centre: Place) -> str:
    if value == SOLUTIONS and not centre.around.landmarks.solutions:
        raise ValueError(
            f"Expected lines along random directions or None, got {SOLUTIONS!r}, and there are none. Give "
            "them to LandscapeExplorer(…, solutions={…})."
        )
    if value != SOLUTIONS:
        KINDS[value].check(centre.objective)
    return str(value)


@equal_by_content
@dataclass(frozen=True)
class Controls:
    """What a person chose; each field is a trait of the explorer, too."""

    axes: tuple[str, str] = field(default=("hessian:max", "hessian:min"), metadata=_declared(_axes))
    """Names of the directions of α and β, as ``planes.axes.KINDS`` lists them."""
    seed: int = field(
        default=0,
        metadata=_declared(lambda value, *_: check_seed(value, most=_LARGEST_SEED)),
    )
    """Seed of random directions."""
    domain: Domain | None = field(default=None, metadata=_declared(_domain))
    """(α min, α max, β min, β max) in units of the directions; None for one that the study chooses."""
    resolution: int = field(default=51, metadata=_declared(lambda value, *_: check_resolution(value)))
    """Nodes for each axis, odd."""
    examples: int = field(default=1, metadata=_declared(_examples))
    """Examples that the loss is averaged over; an explorer begins with all of them."""
    samples: int = field(
        default=100,
        metadata=_declared(lambda value, *_: check_integer(value, "samples", 1, _MOST_SAMPLES), synced=False),
    )
    """Random projections of the histogram; the page has no control for it."""
    face: str = field(default="projections", metadata=_declared(lambda value, *_: value, values=FACES))
    """Face of the curvature panel on show, which is computed first, and the trace only if it is this."""
    batch_norm: str = field(default="frozen", metadata=_declared(_batch_norm, values=MODES))
    """Statistics of batch-norm layers in the pictures: "frozen", "recomputed" at every point, or the
    "difference"; curvature always rests on frozen ones."""
    split: str = field(default="train", metadata=_declared(_split, values=SPLITS))
    """What the loss in the picture is on: "train", "test", or "difference" for test − training."""
    compared_axes: tuple[str, str] | None = field(default=None, metadata=_declared(_axes))
    """Axes of a second picture beside the first; None for those of the first."""
    compared_domain: Domain | None = field(default=None, metadata=_declared(_domain))
    """Domain of the second picture where it has axes of its own; None for one that the study chooses."""
    compared_split: str | None = field(default=None, metadata=_declared(_split, values=SPLITS))
    """Data of the second picture; None for those of the first. There is no second one if its axes and its
    checkpoint are None, too."""
    compared_checkpoint: int | str | None = field(default=None, metadata=_declared(_compared_checkpoint))
    """The checkpoint that the second picture is around, or the name of a solution; None for the first's."""
    accuracy: float = field(
        default=ACCURACY, metadata=_declared(lambda value, *_: check_accuracy(value), synced=False)
    )
    """How far interpolated losses may be off, as a share of their range; 0 evaluates every node."""
    equal_axes: bool = field(
        default=False, metadata=_declared(lambda value, *_: check_flag(value, "equal_axes"))
    )
    """Whether an automatic domain reaches equally far along two eigenvectors; else by their curvatures."""
    lines: str | None = field(default=None, metadata=_declared(_lines, values=LINES))
    """What the losses along several lines from θ* follow: "solutions", or the kind of random directions of
    several seeds; None for no lines."""
    checkpoint: int | None = field(default=None, metadata=_declared(_checkpoint))
    """Which checkpoint of the trajectory θ* is, counted from 0; None for the last, the model's weights."""

    @property
    def rank(self) -> int:
        """The number of eigenpairs at each end that both planes need."""
        return max(hessian_rank(axes) for axes in (self.axes, self.compared_axes) if axes)

    def compared(self) -> Controls | None:
        """The controls of the second picture, None without one."""
        elsewhere = self.compared_checkpoint is not None
        if self.compared_axes is None and self.compared_split is None and not elsewhere:
            return None
        second = replace(self, split=self.compared_split or self.split)
        if self.compared_axes is None and not elsewhere:
            return second
        return replace(second, axes=self.compared_axes or self.axes, domain=self.compared_domain)
