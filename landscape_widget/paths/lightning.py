"""A callback for Lightning that records a training run; it needs ``lightning`` or ``pytorch-lightning``."""

from __future__ import annotations

from typing import Any

from landscape_widget.paths.recorder import TrajectoryRecorder

try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback


class TrajectoryCallback(Callback):
    """Records before the first step of training and after each step of the optimiser, and then closes.

    ``Trainer(callbacks=[TrajectoryCallback(TrajectoryRecorder(module.model, "run", every=10))])``

    Of several processes the first one records. What is noted as "lr" is the rate of the step that comes next.
    """

    def __init__(self, recorder: TrajectoryRecorder) -> None:
        super().__init__()
        self.recorder = recorder
        self._latest: int | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - Lightning's interface
        """Records the weights that training begins with."""
        self._note(trainer)

    def on_train_batch_end(self, trainer: Any, *_: Any, **__: Any) -> None:
        """Records, unless gradients are still gathered for the next step."""
        if trainer.global_step != self._latest:
            self._note(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Closes the recorder, which keeps the last weights."""
        if trainer.is_global_zero:
            self.recorder.close()

    def _note(self, trainer: Any) -> None:
        self._latest = trainer.global_step
        if trainer.is_global_zero:
            told = self.recorder.follow(trainer.optimizers[0]) if trainer.optimizers else {}
            self.recorder.try_record(trainer.global_step, epoch=trainer.current_epoch, **told)
