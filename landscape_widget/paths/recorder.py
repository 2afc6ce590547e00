"""Checkpoints of a training run, taken while it runs and without a trace in it."""

from __future__ import annotations

import math
import os
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from landscape_widget.numerics.checks import check_integer, few, real, told
from landscape_widget.objective.states import state_tensors
from landscape_widget.paths.copying import copies, serialized
from landscape_widget.paths.folder import RecorderFolder
from landscape_widget.paths.followed_optimizer import FollowedOptimizer
from landscape_widget.paths.index import Index, Kept, Recorded, thinned
from landscape_widget.paths.preconditioners import trained_sizes
from landscape_widget.paths.rates import unwrapped
from landscape_widget.paths.stored import Held
from landscape_widget.paths.trajectory import Trajectory
from landscape_widget.results.checkpoints import RECORD, span
from landscape_widget.results.files import given_path

#: Checkpoints that are kept unless told otherwise.
MOST = 300

_CLOSED = "Expected a recorder that is open, this one was closed."


class TrajectoryRecorder:
    """Keeps copies of a model's weights, buffers included, as training goes on.

    Training stays what it is without a recorder, to the last bit: weights are copied, no random number is
    drawn, and ``close``, or the end of a ``with`` block, removes what ``attach`` hooked.

    In a folder each checkpoint is a safetensors file and ``trajectory.json`` lists them. Either comes into
    being as a whole or not at all, so that a process that is killed, or a full disk, costs at most the
    checkpoint under way.
    """

    def __init__(
        self,
        model: nn.Module,
        path: str | os.PathLike[str] | None = None,
        every: int = 1,
        most: int | None = MOST,
        *,
        resume: bool | int = False,
        preconditioner: bool = False,
    ) -> None:
        """Makes the folder, where it is not there; records nothing yet.

        Args:
            model: The model that is trained.
            path: A folder; None keeps the checkpoints in memory.
            every: The first of so many calls of ``record``, or steps of an optimiser, is recorded.
            most: At most so many checkpoints are kept, 2 at least: beyond, every second one is dropped, but
                the first and the last; None for no limit.
            resume: Go on after the last checkpoint of a folder that holds some; or after so many steps, as
                where training is taken up from before a crash: checkpoints of later ones are deleted. In a
                folder without any, steps are counted from there.
            preconditioner: Keep what Adam divides its steps by, too, see ``adam_preconditioner``: as many
                numbers again, in float32, beside each checkpoint after its first step with all trainable
                parameters; a warning names those that it has not moved. ``evolution`` and the curves of an
                explorer hold it against Adam's edge of stability.

        Raises:
            FileExistsError: If the folder holds a trajectory and is not to be resumed.
            OSError: If the folder cannot be made.
            ValueError: For an ``every`` or ``most`` out of range, or a folder to resume that holds none up to
                the step to resume after, or that of a model with other tensors.
        """
        if not isinstance(model, nn.Module):
            raise TypeError(f"Expected model as a torch.nn.Module, got {type(model).__name__}.")
        self._model = model
        self._every = check_integer(every, "every", 1)
        self._most = None if most is None else check_integer(most, "most", 2)
        self._kept: Kept = []
        self._calls, self._stride = 0, 1
        self._last_step: int | None = None
        self._counts = self._follows = False
        """Whether steps count calls so far; whether they count the steps of an optimiser."""
        self._left_out: tuple[int, dict[str, float]] | None = None
        self._hooks = WeakKeyDictionary[torch.optim.Optimizer, Any]()
        self._resumed = False
        """Whether nothing was recorded since the folder was gone on with."""
        self._followed = FollowedOptimizer(model, preconditioner)
        self._closed = self._given_up = False
        self._folder: RecorderFolder | None = None
        if path is not None:
            self._open(given_path(path).absolute(), resume)

    def record(self, step: int | None = None, **scalars: float) -> None:
        """Copies the weights as they are, in one call of ``every``.

        Args:
            step: The step of training, larger than that of the call before; default one more. Where none was
                ever told, checkpoints are called "record 4", counted from 0. A run that is resumed may tell
                its last one again, of the same weights.
            **scalars: Numbers to keep beside them; "lr" and "epoch" are marked on figures.

        Raises:
            FileExistsError: If another recorder has begun to write into the folder since this one was made.
            FileNotFoundError: If what was in the folder is gone.
            OSError: If the checkpoint cannot be written; those before are as they were.
            RuntimeError: After ``close``.
            ValueError: For a step that is not larger, scalars that are no numbers, or a model with a tensor
                that cannot be kept, such as a sparse one.
        """
        if self._closed:
            raise RuntimeError(_CLOSED)
        if self._folder is not None and self._folder.is_interrupted:
            self._folder.settle()
        resumed, self._resumed = self._resumed, False
        least = None if self._last_step is None else self._last_step + 1
        if resumed and step is not None and step == self._last_step:
            if self._kept[-1][1].step < step:  # the budget, or ``every``, has left it out
                least = step
            elif self._is_last():
                return
        self._counts = step is None and not self._follows and (least is None or self._counts)
        step = (0 if least is None else least) if step is None else check_integer(step, "step", least)
        noted = {name: _number(name, value) for name, value in scalars.items()}
        if self._counts:
            noted[RECORD] = step
        self._left_out = None  # the weights are those of another step now
        if self._calls % self._every == 0:
            self._keep(step, noted, self._calls + 1)
        else:
            self._left_out = step, noted
            self._calls += 1
            self._last_step = step

    def try_record(self, step: int | None = None, **scalars: float) -> None:
        """Does as ``record``, but a checkpoint that cannot be written, as on a full disk, is no error.

        A warning says so then, and nothing more is recorded.
        """
        try:
            if not self._given_up:
                self.record(step, **scalars)
                return
        except OSError as error:
            self._given_up = True
            warnings.warn(
                f"Expected to record a checkpoint, got {type(error).__name__}: {str(error).rstrip('.')}. "
                f"Training goes on, nothing more of it is recorded; {len(self._kept)} checkpoints "
                "are complete.",
                RuntimeWarning,
                stacklevel=3,
            )
        # steps go on, should attach() be called anew
        following = 0 if self._last_step is None else self._last_step + 1
        self._calls, self._last_step = self._calls + 1, following if step is None else step

    def attach(self, optimizer: torch.optim.Optimizer) -> Self:
        """Records now, and after each of the optimiser's steps, with what ``rates`` tells of it.

        A checkpoint that cannot be written, on a full disk for example, does not end the training: a warning
        says so, and nothing more is recorded before ``attach`` is called again.

        Raises:
            RuntimeError: After ``close``.
            TypeError: If it is no optimiser of torch, or not Adam where its preconditioner is to be kept.
            ValueError: If it moves no parameter of the model.
        """
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"Expected a torch.optim.Optimizer, got {type(optimizer).__name__}.")
        if self._closed:
            raise RuntimeError(_CLOSED)
        if not self._followed.moves_model(optimizer):
            raise ValueError(
                "Expected an optimizer of the recorder's model, got one that holds none of its parameters, "
                "perhaps those of a model that was made before. Make the recorder of the model that is "
                "trained; where an optimizer moves copies of the weights, call record() after each step."
            )

        def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            self.try_record(None, **self.follow(optimizer))

        told_first = self.follow(optimizer)
        self._follows, self._given_up = True, False
        if not self._kept:
            self.record(None, **told_first)
        steps = unwrapped(optimizer)
        if steps not in self._hooks:  # where a cell is run again no step counts twice
            self._hooks[steps] = steps.register_step_post_hook(note)
        return self

    def follow(self, optimizer: torch.optim.Optimizer) -> dict[str, float]:
        """What ``rates`` tells of the optimiser, whose preconditioner is kept from now on if asked for.

        For a loop of one's own: ``recorder.record(step, **recorder.follow(optimizer))``. Where trainable
        parameters of the model are not the optimiser's, others may move them: no edge of stability is told.

        Raises:
            TypeError: If its preconditioner is to be kept, and it is not Adam.
        """
        return self._followed.rates(optimizer)

    @property
    def trajectory(self) -> Trajectory:
        """What was recorded so far.

        Raises:
            ValueError: If that is nothing.
        """
        if not self._kept:
            raise ValueError("Expected a checkpoint that record() took, there is none yet.")
        return Trajectory.of_recorded(recorded for _, recorded in self._kept)

    def close(self) -> None:
        """Removes the hooks; if ``every`` left out the latest call, the weights as they are now are kept.

        Raises:
            OSError: If they cannot be written.
        """
        self._detach()
        left_out, self._left_out = self._left_out, None
        if not self._closed and left_out is not None:
            self._keep(*left_out, self._calls)
        elif self._folder is not None:
            self._folder.settle()
        self._closed = True

    def __repr__(self) -> str:
        n, where = len(self._kept), "memory" if self._folder is None else repr(str(self._folder.path))
        which = f", {span([recorded.name for _, recorded in self._kept])}" if n else ""
        return f"TrajectoryRecorder({n} checkpoint{'s' if n != 1 else ''}{which}, in {where})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._left_out = None  # an error may have come in the midst of a step
        self.close()

    def _detach(self) -> None:
        while self._hooks:
            self._hooks.popitem()[1].remove()

    def _open(self, path: Path, resume: bool | int) -> None:
        after = None if isinstance(resume, bool) else check_integer(resume, "resume")
        self._folder = folder = RecorderFolder(path, self._take)
        if folder.is_new:
            if after is not None:  # the weights at hand are those after so many steps
                self._last_step = check_integer(resume, "resume", 0) - 1
            return
        if resume is False:
            raise FileExistsError(
                f"Expected a folder without a trajectory, got {str(folder.path)!r}. Choose another one, or "
                "pass resume=True to go on after its last checkpoint."
            )
        index = folder.open()
        if not index.kept:
            return
        last = self.trajectory
        self._counts = RECORD in last.recorded[-1].scalars
        there, mine = (
            last.weights(-1).shapes,
            {name: t.shape for name, t in state_tensors(self._model).items()},
        )
        if there != mine:
            differ = [name for name in {**there, **mine} if there.get(name) != mine.get(name)]
            raise ValueError(
                f"Expected a model with the tensors of the trajectory in {str(folder.path)!r}, got another "
                f"one, which differs in {few(differ)}."
            )
        self._resumed = True
        if after is not None:
            self._go_back(folder, index, after)

    def _go_back(self, folder: RecorderFolder, index: Index, after: int) -> None:
        """Deletes the checkpoints of steps after one, from which on steps are counted."""
        kept = [entry for entry in index.kept if entry[1].step <= after]
        if not kept:
            first = index.kept[0][1].name
            raise ValueError(
                f"Expected to resume after the first checkpoint, {first}, or later, got {after}."
            )
        if len(kept) < len(index.kept):
            # the next call is one of those that are recorded
            folder.keep(Index(kept, (kept[-1][0] + 1) * self._every, index.stride))
            folder.settle()
        self._last_step = after

    def _is_last(self) -> bool:
        """Whether the model is what the last checkpoint in the folder holds, to the bit."""
        return zlib.crc32(serialized(self._model)) == self._kept[-1][1].crc32

    def _keep(self, step: int, scalars: Mapping[str, float], calls: int) -> None:
        """Takes one more checkpoint, and drops what is over the budget then."""
        number = self._kept[-1][0] + 1 if self._kept else 0
        if self._folder is not None:
            self._folder.check()
        diagonal = self._followed.diagonal()
        trained = {} if diagonal is None else trained_sizes(self._model)
        if self._folder is None:
            held = Held(copies(self._model))
            recorded = Recorded(held, step, scalars, preconditioner=diagonal, trained=trained)
            self._take(self._with(number, recorded, calls))
            return
        try:
            path, crc32, beside = self._folder.write(number, serialized(self._model), diagonal)
            recorded = Recorded(path, step, scalars, crc32, preconditioner=beside, trained=trained)
            self._folder.keep(self._with(number, recorded, calls))
        finally:
            self._folder.settle()

    def _with(self, number: int, recorded: Recorded, calls: int) -> Index:
        """What is kept with one more checkpoint."""
        kept, stride = thinned([*self._kept, (number, recorded)], self._stride, self._most)
        return Index(kept, calls, stride)

    def _take(self, index: Index) -> None:
        last = index.kept[-1][1].step if index.kept else None
        # in one line, which no interrupt divides
        self._kept, self._calls, self._stride, self._last_step = index.kept, index.calls, index.stride, last


def _number(name: str, value: Any) -> float:
    number = real(value)
    given = value.item() if isinstance(value, Tensor | np.ndarray | np.generic) and not value.ndim else value
    if math.isnan(number) and not (isinstance(given, float) and math.isnan(given)):
        raise ValueError(f"Expected {name} as a number, got {told(value)}.")
    return number
