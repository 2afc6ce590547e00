"""The checkpoints of a training run, in memory or in files that are read only when they are needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar, overload

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from landscape_widget.numerics.checks import check_integer, told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.paths.diagonals import DiagonalFile
from landscape_widget.paths.index import Recorded, read_index, was_dropped
from landscape_widget.paths.solutions import Solution, opened, source_of
from landscape_widget.paths.stored import Held, Weights
from landscape_widget.results.checkpoints import GIVEN, Steps, span
from landscape_widget.results.files import given_path

_T = TypeVar("_T")


class Recording(Protocol):
    """What records a trajectory and tells it as it is by now: a ``TrajectoryRecorder``."""

    @property
    def trajectory(self) -> Trajectory:
        """What was recorded so far."""


class Trajectory(Sequence[dict[str, Tensor]]):
    """Checkpoints in their order; ``trajectory[i]`` is the state dict of one, read when it is asked for.

    Files are never read as a whole before that, so a trajectory may be larger than memory.
    """

    recorded: tuple[Recorded, ...]

    def __init__(
        self,
        checkpoints: Recording | str | os.PathLike[str] | Iterable[Solution],
        steps: Iterable[int] | None = None,
        scalars: Mapping[str, npt.ArrayLike] | None = None,
        *,
        preconditioners: Iterable[npt.ArrayLike | None] | None = None,
    ) -> None:
        """Reads the index of a folder; of files in a list it reads nothing yet.

        Weights that are in memory are copied, on the CPU: what becomes of a model in a list, or of its
        ``state_dict()``, is not seen. Where that is too much, save them and give their files.

        Args:
            checkpoints: A ``TrajectoryRecorder`` or its folder, as far as it is by now, or a list of state
                dicts, models, vectors θ of shape (N,), and paths of files that safetensors or ``torch.save``
                wrote.
            steps: The steps of the checkpoints of a list, ascending. Without them they are counted from 0,
                and called "as given 4".
            scalars: What else is known of each of them, such as {"lr": …, "epoch": …, "loss": …}, which
                figures mark.
            preconditioners: The diagonals of the optimiser's P at each checkpoint of a list, each of shape
                (N,), as ``adam_preconditioner`` makes them; None for one that is not known.

        Raises:
            FileNotFoundError: If a folder has no index.
            TypeError: If it is something else, or a list holds something else.
            ValueError: If the index is damaged, or a list is empty.
        """
        own = getattr(checkpoints, "trajectory", None)
        whole = isinstance(own, Trajectory) or isinstance(checkpoints, str | os.PathLike)
        if whole and not (steps is None and scalars is None and preconditioners is None):
            raise ValueError(
                "Expected steps, scalars and preconditioners with a list; a recorder or a folder has its own."
            )
        if isinstance(own, Trajectory):
            self.recorded = own.recorded
        elif isinstance(checkpoints, str | os.PathLike):
            self.recorded = tuple(
                recorded for _, recorded in read_index(given_path(checkpoints).absolute()).kept
            )
        elif isinstance(checkpoints, Mapping | nn.Module | Tensor):  # all of them iterable
            raise ValueError(
                f"Expected a list of checkpoints, got a single one ({type(checkpoints).__name__}). Put it "
                "into a list."
            )
        elif not isinstance(checkpoints, Iterable):
            raise TypeError(
                "Expected a TrajectoryRecorder or its folder, a Trajectory, or a list of checkpoints, got "
                f"{type(checkpoints).__name__}."
            )
        else:
            if scalars is not None and not isinstance(scalars, Mapping):
                raise TypeError(
                    'Expected scalars as a mapping of names to numbers, such as {"loss": losses}, got '
                    f"{type(scalars).__name__}."
                )
            if steps is not None and not isinstance(steps, Iterable):
                raise TypeError(f"Expected steps as a list of integers, got {type(steps).__name__}.")
            sources = [_as_it_is(source_of(checkpoint, "a checkpoint")) for checkpoint in checkpoints]
            counted = {GIVEN: np.arange(len(sources))} if steps is None else {}  # nobody told a step
            columns = {
                name: np.asarray(values, float) for name, values in {**(scalars or {}), **counted}.items()
            }
            chosen = range(len(sources)) if steps is None else [check_integer(s, "a step") for s in steps]
            diagonals = _diagonals(preconditioners, len(sources))
            for name, values in {"steps": chosen, **columns}.items():
                if np.shape(values) != (len(sources),):
                    raise ValueError(
                        f"Expected {name} as {len(sources)} numbers, one for each checkpoint, got shape "
                        f"{np.shape(values)}."
                    )
            self.recorded = tuple(
                Recorded(
                    source,
                    step,
                    {name: float(values[i]) for name, values in columns.items()},
                    preconditioner=diagonals[i],
                )
                for i, (source, step) in enumerate(zip(sources, chosen, strict=True))
            )
        if not self.recorded:
            raise ValueError("Expected at least one checkpoint, got none.")
        if any(a.step >= b.step for a, b in zip(self.recorded, self.recorded[1:], strict=False)):
            raise ValueError(f"Expected ascending steps, got {told(self.steps.tolist())}.")

    @classmethod
    def of(cls, given: Trajectory | Recording | str | os.PathLike[str] | Iterable[Solution]) -> Trajectory:
        """A trajectory itself, or that of what its constructor takes."""
        return given if isinstance(given, Trajectory) else cls(given)

    @classmethod
    def of_recorded(cls, recorded: Iterable[Recorded]) -> Trajectory:
        """The trajectory of checkpoints as a recorder keeps them."""
        made = cls.__new__(cls)
        made.recorded = tuple(recorded)
        return made

    def __len__(self) -> int:
        return len(self.recorded)

    @overload
    def __getitem__(self, i: int) -> dict[str, Tensor]: ...
    @overload
    def __getitem__(self, i: slice) -> Trajectory: ...
    def __getitem__(self, i: int | slice) -> dict[str, Tensor] | Trajectory:
        if isinstance(i, slice):
            return self.of_recorded(self.recorded[i])
        weights = self.weights(i)
        with self.named(i):
            return weights.state()

    def __repr__(self) -> str:
        return f"Trajectory({len(self)} checkpoints, {span(self.names)})"

    @property
    def steps(self) -> Steps:
        """The step of each checkpoint, or its number where only these count, shape (n,).

        NaN for weights that an explorer took from its model.
        """
        return np.array([recorded.step if recorded.told else np.nan for recorded in self.recorded])

    @property
    def names(self) -> tuple[str, ...]:
        """What each checkpoint is called: its step, if that was told, and the epoch where it was noted."""
        return tuple(recorded.name for recorded in self.recorded)

    @property
    def scalars(self) -> dict[str, FloatArray]:
        """What was noted beside the checkpoints by name, each of shape (n,); NaN where it was not."""
        names = dict.fromkeys(name for recorded in self.recorded for name in recorded.scalars)
        return {
            name: np.array([recorded.scalars.get(name, np.nan) for recorded in self.recorded], float)
            for name in names
        }

    def weights(self, i: int) -> Weights:
        """The weights of checkpoint ``i``, of which pieces can be read; a file is verified first.

        Raises:
            FileNotFoundError: If its file is missing.
            ValueError: If its file is damaged.
        """
        recorded = self.recorded[i]
        with self.named(i):
            return opened(recorded.source, recorded.crc32)

    @property
    def has_preconditioners(self) -> bool:
        """Whether an optimiser's P was kept beside some of the checkpoints."""
        return any(recorded.preconditioner is not None for recorded in self.recorded)

    def preconditioner(self, i: int) -> FloatArray | None:
        """The diagonal of the optimiser's P at checkpoint ``i``, shape (N,); None where nobody keeps it.

        Raises:
            FileNotFoundError: If its file is missing.
            ValueError: If its file is damaged.
        """
        kept = self.recorded[i].preconditioner
        if not isinstance(kept, DiagonalFile):
            return kept if kept is None else np.array(kept, float)

        def read() -> FloatArray:
            with self.named(i, kept):
                return kept.read()

        return self._unless_dropped(i, read)

    def if_kept(self, i: int) -> dict[str, Tensor] | None:
        """What checkpoint ``i`` holds; None where a recorder has dropped it since.

        Raises:
            FileNotFoundError: If the file of another one is missing.
            ValueError: If its file is damaged.
        """
        return self._unless_dropped(i, lambda: self[i])

    def _unless_dropped(self, i: int, read: Callable[[], _T]) -> _T | None:
        """What is read of checkpoint ``i``; None where a recorder has dropped it since."""
        try:
            return read()
        except FileNotFoundError:
            if not was_dropped(self.recorded[i]):
                raise
            return None

    @contextmanager
    def named(self, i: int, beside: DiagonalFile | None = None) -> Iterator[None]:
        """Names checkpoint ``i`` in errors about it, or the preconditioner that is ``beside`` it.

        Raises:
            FileNotFoundError: For one that is missing.
            ValueError: For another error of its file or of its content.
        """
        what, path = ("file", self.recorded[i].source) if beside is None else ("preconditioner", beside.path)

        def where() -> str:
            file = f", {str(path)!r}" if isinstance(path, Path) else ""
            return f"checkpoint {i % len(self)} of {len(self)} ({self.recorded[i].name}{file})"

        try:
            yield
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"Expected the {what} of {where()}, found none. Leave it out: Trajectory([…]) takes a list "
                "of files."
            ) from error
        except (OSError, ValueError) as error:
            raise ValueError(f"Expected {where()} to be complete and of this model, but {error}") from error


def still_kept(trajectory: Trajectory) -> Trajectory:
    """The same without what a recorder has dropped since."""
    left = [recorded for recorded in trajectory.recorded if not was_dropped(recorded)]
    return Trajectory.of_recorded(left) if left else trajectory


def of_what_is_kept(trajectory: Trajectory, compute: Callable[[Trajectory], _T]) -> _T:
    """What is computed of a trajectory, without the checkpoints that a recorder drops meanwhile.

    Raises:
        FileNotFoundError: If the file of another one is missing.
    """
    while True:
        try:
            return compute(trajectory)
        except FileNotFoundError:
            left = still_kept(trajectory)
            if len(left) == len(trajectory):
                raise
            trajectory = left


def _diagonals(given: Iterable[npt.ArrayLike | None] | None, n: int) -> list[FloatArray | None]:
    """The diagonals of preconditioners at n checkpoints."""
    if given is None:
        return [None] * n
    if not isinstance(given, Iterable):
        raise TypeError(f"Expected preconditioners as a list of diagonals, got {type(given).__name__}.")
    found = [None if diagonal is None else np.array(diagonal, float) for diagonal in given]
    if len(found) != n:
        raise ValueError(
            f"Expected preconditioners as {n} diagonals, one for each checkpoint, got {len(found)}."
        )
    for one in found:
        if one is not None and not (one.ndim == 1 and bool(((one > 0) & (one < np.inf)).all())):
            raise ValueError(
                "Expected preconditioners as diagonals of positive finite numbers, shape (N,), got "
                f"{told(one)}."
            )
    return found


def _as_it_is(source: Path | Held) -> Path | Held:
    """The same with copies of what is in memory."""
    return source.on_cpu() if isinstance(source, Held) else source
