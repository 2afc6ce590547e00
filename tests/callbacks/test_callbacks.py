"""Callbacks of Lightning and Hugging Face's Trainer: what they record, and that training stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from landscape_widget import Objective, Trajectory, TrajectoryRecorder, path_components

X = torch.randn(24, 3, generator=torch.Generator().manual_seed(1))
Y = X.sum(dim=1, keepdim=True)

#: Trains a network, with callbacks for a recorder, and returns its weights.
Train = Callable[[nn.Module, "TrajectoryRecorder | None", Path], None]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))


def by_lightning(model: nn.Module, recorder: TrajectoryRecorder | None, folder: Path) -> None:
    """Two epochs of six batches, a step for every two of them, with a rate that falls after each."""
    pl = import_module("lightning.pytorch")

    class Module(pl.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
            return nn.functional.mse_loss(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
            schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
            return [optimizer], [{"scheduler": schedule, "interval": "epoch"}]

    from landscape_widget.paths.lightning import TrajectoryCallback

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), 4, shuffle=True)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        accumulate_grad_batches=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[TrajectoryCallback(recorder)] if recorder is not None else [],
    )
    trainer.fit(Module(), loader)


def by_transformers(model: nn.Module, recorder: TrajectoryRecorder | None, folder: Path) -> None:
    """The same by the Trainer."""
    transformers = import_module("transformers")
    import_module("accelerate")

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
            return {"loss": nn.functional.mse_loss(self.model(x), labels)}

    from landscape_widget.paths.transformers import TrajectoryCallback

    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "trainer"),
        num_train_epochs=2,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        learning_rate=0.1,
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        report_to=[],
    )
    rows = [{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)]
    callbacks = [TrajectoryCallback(recorder)] if recorder is not None else []
    transformers.Trainer(Module(), arguments, train_dataset=rows, callbacks=callbacks).train()


@pytest.mark.parametrize("train", [by_lightning, by_transformers])
def test_a_run_is_recorded_and_stays_as_it_is(train: Train, tmp_path: Path) -> None:
    model, alone = network(), network()
    torch.manual_seed(3)
    train(alone, None, tmp_path)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    train(model, TrajectoryRecorder(model, tmp_path / "run"), tmp_path)
    assert torch.rand(1) == drawn
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name
    found = Trajectory(tmp_path / "run")
    assert found.steps.tolist() == [*range(7)]  # three steps an epoch
    first, last = found[0], found[-1]
    for name, tensor in network().state_dict().items():
        assert torch.equal(first[name], tensor), name
        assert torch.equal(last[name], model.state_dict()[name]), name
    rates, epochs = found.scalars["lr"], found.scalars["epoch"]
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] < rates[0]
    assert (rates[1:] <= rates[:-1]).all()
    assert epochs[0] == 0
    assert epochs[-1] >= 1
    assert set(epochs % 1) == {0}
    objective = Objective(model, (X, Y), nn.MSELoss())
    assert path_components(objective, found).shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("train", [by_lightning, by_transformers])
def test_a_disk_that_is_full_does_not_end_training(train: Train, tmp_path: Path) -> None:
    class Full(TrajectoryRecorder):
        def record(self, step: int | None = None, **scalars: float) -> None:
            if step == 2:
                raise OSError(28, "No space left on device")
            assert step is not None
            assert step < 2, "nothing more is recorded"
            super().record(step, **scalars)

    model, alone = network(), network()
    recorder = Full(model)
    torch.manual_seed(3)
    train(alone, None, tmp_path)
    torch.manual_seed(3)
    with pytest.warns(RuntimeWarning, match="No space left on device.*2 checkpoints are complete"):
        train(model, recorder, tmp_path)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name
    assert recorder.trajectory.steps.tolist() == [0, 1]


@pytest.mark.parametrize("train", [by_lightning, by_transformers])
def test_the_last_weights_are_kept_where_some_are_left_out(train: Train, tmp_path: Path) -> None:
    model = network()
    recorder = TrajectoryRecorder(model, every=4)
    train(model, recorder, tmp_path)
    assert recorder.trajectory.steps.tolist() == [0, 4, 6]
    with pytest.raises(RuntimeError, match="this one was closed"):
        recorder.record(7)
