"""What a person wants to see around θ*: the path of training, and other solutions by their names."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from torch import Tensor

from landscape_widget.numerics.checks import told
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import keys_of
from landscape_widget.paths.index import Recorded
from landscape_widget.paths.recorder import TrajectoryRecorder
from landscape_widget.paths.solutions import Solution, solution_state
from landscape_widget.paths.stored import Held
from landscape_widget.paths.trajectory import Trajectory, of_what_is_kept, still_kept
from landscape_widget.results.checkpoints import UPDATE
from landscape_widget.results.files import given_path
from landscape_widget.results.landmarks import PATH

#: What a trajectory may be given as, a recorder that is still at work among it.
_Run = Trajectory | TrajectoryRecorder | str | os.PathLike[str] | Iterable[Solution]

#: One of these, or several by name.
GivenTrajectory = _Run | Mapping[str, _Run]

#: Errors of a run that say which of several it is.
_TOLD = FileNotFoundError, TypeError, ValueError

#: Letters of a name at most: it stands on axes and beside marks.
_LONGEST = 40


@dataclass(frozen=True)
class Landmarks:
    """A trajectory and solutions, held against the model that they are of."""

    trajectory: Trajectory | None = None
    """The checkpoints there are by now."""
    solutions: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    """The state of each solution by its name."""
    source: _Run | None = None
    """What the trajectory is read from."""
    name: str = PATH
    """What the trajectory is called."""
    others: Mapping[str, Trajectory] = field(default_factory=dict)
    """Further runs by their names, which are drawn and nothing else."""
    other_sources: Mapping[str, _Run] = field(default_factory=dict)
    """What they are read from."""
    first: Recorded | None = None
    """The weights that were given first, where they are not the last checkpoint of the trajectory."""
    taken: tuple[Recorded, ...] = ()
    """Weights that were taken later on."""
    aside: Recorded | None = None
    """The present weights, where the run has gone on since they were taken: its path does not show them."""

    @classmethod
    def of(
        cls,
        objective: Objective,
        trajectory: GivenTrajectory | None = None,
        solutions: Mapping[str, Solution] | None = None,
    ) -> Landmarks:
        """Reads what a person gives; of a trajectory only what its first and last checkpoint hold.

        Raises:
            TypeError: If ``solutions`` is no mapping, or ``trajectory`` a state dict.
            FileNotFoundError: If a file is missing.
            ValueError: If a checkpoint or a solution is damaged or of another model, naming the tensors, or
                a name cannot stand on an axis.
        """
        if solutions is not None and not isinstance(solutions, Mapping):
            raise TypeError(
                "Expected solutions as a mapping such as {'small batch': state}, got "
                f"{type(solutions).__name__}."
            )
        states = {}
        for name, solution in (solutions or {}).items():
            states[_checked(name)] = solution_state(objective, solution, f"solutions[{name!r}]")
        runs = _named(trajectory, states)
        name, *further = runs or [PATH]
        sources = {}
        for run, given in runs.items():
            with _told_of(run):
                sources[run] = _source(given)
        made = cls(
            None, states, sources.get(name), name=name, other_sources={run: sources[run] for run in further}
        ).now()
        read = {} if made.trajectory is None else {name: made.trajectory, **made.others}
        for run, steps in read.items():
            with _told_of(run):
                of_what_is_kept(steps, lambda kept: _check_ends(kept, objective))
        return made

    def now(self) -> Landmarks:
        """The same with all checkpoints that a recorder or a folder has by now, and those beside them."""
        if self.source is None:
            return self
        recorded = _read(self.name, self.source).recorded
        # where a recorder went on meanwhile, nobody knows whether what was given lies on its way
        ends = self.first is None or self.taken or self.first.step > recorded[-1].step
        recorded = (*recorded, *(self._own if ends else ()))
        others = {name: _read(name, run) for name, run in self.other_sources.items()}
        own = Trajectory.of_recorded(sorted(recorded, key=_step))
        return replace(self, trajectory=own, others=others)

    @property
    def n_placed(self) -> int:
        """How many points a plane shows of all of it."""
        runs = sum(map(len, self.others.values())) + len(self.trajectory or ())
        return runs + len(self.solutions)

    def with_first(self, weights: Held) -> Landmarks:
        """The same with the weights that were given as its last checkpoint, which the path reaches."""
        return replace(self, first=Recorded(weights, self._next, told=False)).now()

    def with_taken(self, weights: Held) -> Landmarks:
        """The same as it is by now, with further weights as its last checkpoint.

        Nobody told their step.
        """
        now = self.now()
        return replace(now, taken=(*now.taken, now._as_taken(weights))).now()

    def with_aside(self, weights: Held) -> Landmarks:
        """The same with the present weights beside the path, since the run has gone on meanwhile."""
        return replace(self, aside=self._as_taken(weights))

    def _as_taken(self, weights: Held) -> Recorded:
        return Recorded(weights, self._next, {UPDATE: len(self.taken) + 1}, told=False)

    @property
    def checkpoints(self) -> tuple[Recorded, ...]:
        """All that there are, drawn or not, the present weights last."""
        drawn = self.trajectory.recorded if self.trajectory is not None else ()
        others = [
            one for one in (self.first, *self.taken, self.aside) if one is not None and one not in drawn
        ]
        return (*drawn, *others)

    def elsewhere(self, number: int) -> int | None:
        """The number of a checkpoint in another explorer of the same run; None for weights taken here."""
        own = {id(recorded) for recorded in (*self._own, self.aside)}
        given = [recorded for recorded in self.checkpoints if id(recorded) not in own]
        return next((i for i, one in enumerate(given) if one is self.checkpoints[number]), None)

    @property
    def _own(self) -> tuple[Recorded, ...]:
        """What was taken beside the trajectory and belongs to its path."""
        return self.taken if self.first is None else (self.first, *self.taken)

    @property
    def _next(self) -> int:
        """A step that puts weights after all checkpoints there are."""
        return max((recorded.step for recorded in self.checkpoints), default=-1) + 1


def _named(trajectory: GivenTrajectory | None, solutions: Collection[str]) -> dict[str, _Run]:
    """Runs by their names, the one first whose checkpoints can be gone to."""
    if trajectory is None:
        return {}
    if not isinstance(trajectory, Mapping):
        return {PATH: trajectory}
    if any(isinstance(run, Tensor) for run in trajectory.values()):
        raise TypeError(
            "Expected trajectory as one run, or several by name such as {'SGD': folder}, got a state dict. A "
            "run is a list of such; a single one is a solution: LandscapeExplorer(…, solutions={…})."
        )
    named = {_checked(name, "runs"): run for name, run in trajectory.items()}
    if not named:
        raise ValueError("Expected trajectory as one run, or several by name, got an empty mapping.")
    if both := {*named} & {*solutions}:
        raise ValueError(
            f"Expected runs by names that no solution has, got {', '.join(map(repr, both))} for both."
        )
    return named


def _source(trajectory: _Run) -> _Run:
    """What a run can be read from again."""
    if isinstance(trajectory, str | os.PathLike):
        return given_path(trajectory).absolute()
    return trajectory if isinstance(trajectory, TrajectoryRecorder) else Trajectory.of(trajectory)


def _read(name: str, source: _Run) -> Trajectory:
    """What there is of a run by now."""
    with _told_of(name):
        return still_kept(Trajectory.of(source))


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Says of an error which of several runs it is about."""
    try:
        yield
    except _TOLD as error:
        if name == PATH:
            raise
        kind = next(kind for kind in _TOLD if isinstance(error, kind))
        raise kind(f"Of trajectory[{name!r}]: {error}") from error


def _check_ends(trajectory: Trajectory, objective: Objective) -> None:
    """Sees that the first and the last checkpoint are of the objective's model."""
    for i in (0, -1):
        weights = trajectory.weights(i)
        with trajectory.named(i):
            keys_of(objective, weights.shapes)


def _step(recorded: Recorded) -> int:
    return recorded.step


def _checked(name: object, of: str = "solutions") -> str:
    if not isinstance(name, str) or not name.strip() or name != name.strip() or not name.isprintable():
        raise ValueError(f"Expected names of {of} as words, such as 'small batch', got {told(name)}.")
    if len(name) > _LONGEST:
        raise ValueError(f"Expected names of {of} of up to {_LONGEST} letters, got {told(name)}.")
    return name
