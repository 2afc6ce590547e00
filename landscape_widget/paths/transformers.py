"""A callback for Hugging Face's Trainer that records a training run; it needs ``transformers``."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from landscape_widget.paths.recorder import TrajectoryRecorder


class TrajectoryCallback(TrainerCallback):
    """Records before the first step of training and after each step of the optimiser, and then closes.

    ``Trainer(model, callbacks=[TrajectoryCallback(TrajectoryRecorder(model, "run", every=10))])``

    Of several processes the first one records. What is noted as "lr" is the rate of the step that comes next.
    """

    def __init__(self, recorder: TrajectoryRecorder) -> None:
        super().__init__()
        self.recorder = recorder

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Records the weights that training begins with."""
        self._note(state, **kwargs)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Records after a step of the optimiser."""
        self._note(state, **kwargs)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Closes the recorder, which keeps the last weights."""
        if state.is_world_process_zero:
            self.recorder.close()

    def _note(self, state: Any, optimizer: Any = None, **_: Any) -> None:
        if state.is_world_process_zero:
            told = self.recorder.follow(optimizer) if optimizer is not None else {}
            self.recorder.try_record(state.global_step, epoch=int(state.epoch or 0), **told)
