"""What a person wants to see around θ*: the path of training, and other solutions by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from landscape_widget.numerics.checks import told
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import keys_of
from landscape_widget.paths.recorder import TrajectoryRecorder
from landscape_widget.paths.solutions import solution_state
from landscape_widget.paths.trajectory import Solution, Trajectory

#: What a trajectory may be given as, a recorder that is still at work among it.
GivenTrajectory = Trajectory | TrajectoryRecorder | str | os.PathLike[str] | Iterable[Solution]

#: Letters of a name at most: it stands on axes and beside marks.
_LONGEST = 40


@dataclass(frozen=True)
class Landmarks:
    """A trajectory and solutions, held against the model that they are of."""

    trajectory: Trajectory | None = None
    """The checkpoints there are by now."""
    solutions: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    """The state of each solution by its name."""
    source: GivenTrajectory | None = None
    """What the trajectory is read from."""

    @classmethod
    def of(
        cls,
        objective: Objective,
        trajectory: GivenTrajectory | None = None,
        solutions: Mapping[str, Solution] | None = None,
    ) -> Landmarks:
        """Reads what a person gives; of a trajectory only what its first and last checkpoint hold.

        Raises:
            TypeError: If ``solutions`` is no mapping.
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
            state = solution_state(objective, solution, f"solutions[{name!r}]")
            states[_checked(name)] = {key: tensor.detach().clone() for key, tensor in state.items()}
        source = trajectory
        if trajectory is not None and not isinstance(trajectory, TrajectoryRecorder | str | os.PathLike):
            source = Trajectory.of(trajectory)  # an iterator is read once
        made = cls(None, states, source).now()
        steps = made.trajectory
        if steps is not None:
            for i in (0, -1):
                weights = steps.weights(i)
                with steps.named(i):
                    keys_of(objective, weights.shapes)
        return made

    def now(self) -> Landmarks:
        """The same with all checkpoints that a recorder or a folder has by now."""
        source = self.source
        if source is None:
            return self
        return replace(self, trajectory=Trajectory.of(source))


def _checked(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or name != name.strip() or not name.isprintable():
        raise ValueError(f"Expected names of solutions as words, such as 'small batch', got {told(name)}.")
    if len(name) > _LONGEST:
        raise ValueError(f"Expected names of solutions of up to {_LONGEST} letters, got {told(name)}.")
    return name
