"""Executors of submitit: jobs of their own for tasks that are sent together, and what becomes of them."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, main_thread
from threading import enumerate as threads
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
import submitit
import torch
from submitit.core.core import Executor, Job
from submitit.core.utils import DelayedSubmission, FailedJobError, UncompletedJobError
from torch import Tensor, nn

from landscape_widget import LandscapeExplorer, Objective, evaluate_plane, random_plane
from landscape_widget.engine.wanted import UnwantedError, wanted_unless
from landscape_widget.objective import submitted_jobs
from landscape_widget.objective.executors import WorkersLostError
from landscape_widget.objective.submitted_jobs import SubmittedJobs

from ..support.executors import InPlace
from ..support.gates import HUNG, saddle
from .forked_jobs import Local


def of_saddle(f: Callable[[Tensor], Tensor] = saddle) -> Objective:
    return Objective.from_function(f, torch.ones(5, dtype=torch.float64))


def picture(objective: Objective, executor: Any) -> Any:
    *_, surface = evaluate_plane(
        objective, random_plane(objective), resolution=3, accuracy=0, executor=executor
    )
    return surface


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(submitted_jobs, "_LOOK", 0.01)
    return


def test_the_bits_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitted_jobs, "cores", lambda: 1)  # as starting each job takes seconds
    torch.manual_seed(0)
    data = [(torch.randn(10, 3), torch.randn(10, 1)) for _ in range(3)]
    objective = Objective(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), data, nn.MSELoss())
    executor = submitit.AutoExecutor(tmp_path / "%j", cluster="local")
    np.testing.assert_array_equal(picture(objective, executor).loss, picture(objective, InPlace()).loss)
    v = torch.randn(objective.n_parameters, 2)
    shared = objective.by_workers(Local(tmp_path / "%j"))
    assert torch.equal(shared.hvp(v), objective.by_workers(InPlace()).hvp(v))
    assert Path(shared.workers._snapshot.by_file.source).parent.parent == tmp_path, "where all jobs see it"


def test_a_job_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitit.LocalJob, "_results_timeout_s", 1)  # files of this machine are there at once
    switch, here = tmp_path / "switch", os.getpid()

    def f(theta: Tensor) -> Tensor:
        if os.getpid() != here and switch.exists():
            with suppress(FileNotFoundError):
                switch.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        return saddle(theta)

    objective, executor, v = of_saddle(f), Local(tmp_path), torch.randn(5)
    whole = objective.by_workers(InPlace()).hvp(v)
    switch.touch()
    assert torch.equal(objective.by_workers(executor).hvp(v), whole)
    assert not switch.exists()


def watched_to_their_end(executor: Local) -> None:
    for thread in threads():
        if thread.name == "landscape_jobs":
            thread.join(HUNG)
    assert executor.jobs
    until = monotonic() + HUNG
    while not all(job.done() for job in executor.jobs):
        assert monotonic() < until
        sleep(0.05)


def test_cancel_ends_the_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitted_jobs, "_GRACE", 1.0)
    here, mark = os.getpid(), tmp_path / "begun"

    def f(theta: Tensor) -> Tensor:
        if os.getpid() != here:
            mark.touch()
            Event().wait()
        return saddle(theta)

    executor = Local(tmp_path)  # whose jobs would never end
    with wanted_unless(mark.exists), pytest.raises(UnwantedError):
        of_saddle(f).by_workers(executor).hvp(torch.ones(5))
    watched_to_their_end(executor)


@pytest.mark.usefixtures("quick")  # so that it could be cancelled before it ends
def test_a_job_that_sees_it_by_itself_leaves_the_terminal_alone(tmp_path: Path) -> None:
    here, mark = os.getpid(), tmp_path / "begun"

    def f(theta: Tensor) -> Tensor:
        if os.getpid() != here:
            mark.touch()
            sleep(0.5)
        return saddle(theta)

    objective, executor = of_saddle(f), Local(tmp_path)
    plane = random_plane(objective)
    with wanted_unless(mark.exists), pytest.raises(UnwantedError):
        deque(evaluate_plane(objective, plane, resolution=41, accuracy=0, executor=executor))
    watched_to_their_end(executor)
    assert (tmp_path / "terminal").read_text() == ""


class At(Job[Any]):
    """A job that is over at once."""

    def __init__(self, outcome: Callable[[], Any]) -> None:
        self._outcome, self._cancel_at_deletion = outcome, False

    def done(self, force_check: bool = False) -> bool:  # noqa: ARG002
        return True

    def results(self) -> list[Any]:
        return [self._outcome()]


class InThisProcess(Executor):
    """Carries jobs out here, or has them fail."""

    def __init__(self, *faults: Exception, **parameters: Any) -> None:
        super().__init__(Path(), parameters)
        self.sent: list[int] = []
        self._faults = list(faults)

    def _internal_process_submissions(self, delayed_submissions: list[DelayedSubmission]) -> list[Job[Any]]:
        self.sent.append(len(delayed_submissions))
        return [At(self._fault() if self._faults else sent.result) for sent in delayed_submissions]

    def _fault(self) -> Callable[[], Any]:
        fault = self._faults.pop(0)

        def fails() -> Any:
            raise fault

        return fails


@pytest.mark.parametrize(("parameters", "jobs"), [({}, 9), ({"array_parallelism": 2}, 2)])
def test_what_is_sent_together_shares_jobs(
    parameters: dict[str, int], jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitted_jobs, "_LOOK", 0.2)  # so that all nine are there
    executor = InThisProcess(**parameters)
    np.testing.assert_array_equal(picture(of_saddle(), executor).loss, picture(of_saddle(), InPlace()).loss)
    assert executor.sent == [jobs]


@pytest.mark.usefixtures("quick")
def test_a_task_that_raises_tells_where() -> None:
    def f(theta: Tensor) -> Tensor:
        raise ArithmeticError("too far")

    with pytest.raises(ArithmeticError, match="too far") as error:
        SubmittedJobs(InThisProcess()).submit(f, torch.ones(1)).result(HUNG)
    assert "in f\n" in str(error.value.__cause__)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "fault",
    [
        UncompletedJobError("has not produced any output"),
        FailedJobError("UncompletedJobError: Job not requeued because: timed-out and not checkpointable."),
    ],
    ids=["killed", "out of time"],
)
def test_jobs_that_are_lost_are_sent_again(fault: Exception) -> None:
    found = picture(of_saddle(), InThisProcess(fault, fault, fault))
    np.testing.assert_array_equal(found.loss, picture(of_saddle(), InPlace()).loss)
    with pytest.raises(WorkersLostError, match="carried nothing out") as error:
        picture(of_saddle(), InThisProcess(*[fault] * 99))
    assert error.value.__cause__.__cause__ is fault


@pytest.mark.usefixtures("quick")
def test_a_job_that_fails_by_itself_is_not_sent_again() -> None:
    fault = FailedJobError("ModuleNotFoundError: No module named 'landscape_widget'")
    executor = InThisProcess(*[fault] * 99)
    with pytest.raises(FailedJobError, match="No module named"):
        picture(of_saddle(), executor)
    assert len(executor.sent) == 1


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_sent_is_said() -> None:
    class Refuses(InThisProcess):
        def _internal_process_submissions(self, _: Any) -> list[Job[Any]]:
            raise OSError("sbatch: invalid partition")

    with pytest.raises(OSError, match="invalid partition"):
        picture(of_saddle(), Refuses())


@pytest.mark.usefixtures("quick")
def test_an_explorer_takes_it_too(make_explorer: Callable[..., LandscapeExplorer]) -> None:
    executor = InThisProcess()
    explorer = make_explorer(of_saddle(), executor=executor, axes=("random", "random"), accuracy=0)
    explorer.compute("surface")
    assert executor.sent


def test_a_task_does_not_see_that_the_time_is_over() -> None:
    """Submitit raises that in the main thread, where a model that raises would be a hole in a plane."""
    raised, go = [], Event()

    def over(*_: Any) -> None:
        raise UncompletedJobError("timed-out")

    def task() -> None:
        signal.pthread_kill(main_thread().ident, signal.SIGUSR1)  # who is told of a process's signals
        try:
            go.wait(HUNG)
        except UncompletedJobError as error:
            raised.append(error)

    before = signal.signal(signal.SIGUSR1, over)
    try:
        with pytest.raises(UncompletedJobError):
            submitted_jobs._carried_out([task])
    finally:
        signal.signal(signal.SIGUSR1, before)
        go.set()
    assert not raised
