"""The worker: newest request wins, cancel, close, errors. Jobs wait for events, never for time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from threading import Event, Thread, current_thread
from weakref import ref

import pytest

from landscape_widget.engine.wanted import check_wanted
from landscape_widget.explorer.mailbox import Request
from landscape_widget.explorer.worker import Worker, observed_lock, others_wait

from ..support.logs import Log

#: Seconds after which a test that should not wait at all is taken for hung.
HUNG = 30.0


class Held:
    """A job that takes one step, then waits to be let go, then takes ``more`` steps."""

    def __init__(self, more: int = 3) -> None:
        self.reached, self.go = Event(), Event()
        self.steps = 0
        self.closed = False
        self._more = more

    def __call__(self) -> Iterator[None]:
        try:
            self.reached.set()
            assert self.go.wait(HUNG)
            yield
            for _ in range(self._more):
                self.steps += 1
                yield
        finally:
            self.closed = True


def quick() -> Iterator[None]:
    yield


def failing() -> Iterator[None]:
    yield
    raise ArithmeticError("not finite")


@pytest.fixture
def ended() -> list[Request]:
    """Requests in the order in which their end was reported."""
    return []


@pytest.fixture
def worker(ended: list[Request]) -> Iterator[Worker]:
    worker = Worker("test", ended.append)
    yield worker
    worker.close(timeout=HUNG)


def finish(*requests: Request) -> None:
    for request in requests:
        assert request.done.wait(HUNG)


def test_jobs_run_on_a_thread_of_the_given_name(worker: Worker) -> None:
    names = []

    def job() -> Iterator[None]:
        names.append(current_thread().name)
        yield

    finish(worker.submit(job))
    assert names == ["test"]


def test_a_job_runs_to_its_end(worker: Worker, ended: list[Request]) -> None:
    held = Held()
    held.go.set()
    request = worker.submit(held)
    finish(request)
    assert held.steps == 3
    assert (request.cancelled, request.error) == (False, None)
    assert ended == [request]


def test_the_end_is_reported_before_it_is_seen() -> None:
    """Who waits for ``done`` finds everything that ``on_end`` wrote."""
    seen = []
    worker = Worker("test", lambda request: seen.append(request.done.is_set()))
    for job in (quick, failing):
        finish(worker.submit(job))
    worker.close(timeout=HUNG)
    assert seen == [False, False]


def test_the_newest_request_wins(worker: Worker, ended: list[Request]) -> None:
    running, skipped, newest = Held(), Held(), Held()
    first = worker.submit(running)
    assert running.reached.wait(HUNG)
    second = worker.submit(skipped)
    third = worker.submit(newest)
    newest.go.set()
    assert second.done.is_set()  # replaced in the mailbox: over at once
    assert second.cancelled
    running.go.set()
    finish(first, third)
    assert first.cancelled
    assert running.steps == 0
    assert running.closed
    assert not skipped.reached.is_set()
    assert newest.steps == 3
    assert ended == [first, third]


def test_cancel_ends_the_running_job_after_its_step(worker: Worker, ended: list[Request]) -> None:
    held = Held()
    request = worker.submit(held)
    assert held.reached.wait(HUNG)
    worker.cancel()
    assert not request.done.is_set()
    held.go.set()
    finish(request)
    assert request.cancelled
    assert held.steps == 0
    assert held.closed
    assert ended == [request]


def test_cancel_empties_the_mailbox(worker: Worker, ended: list[Request]) -> None:
    running, waiting = Held(), Held()
    first = worker.submit(running)
    assert running.reached.wait(HUNG)
    second = worker.submit(waiting)
    worker.cancel()
    assert second.done.is_set()
    assert ended == [second]
    running.go.set()
    finish(first)
    assert not waiting.reached.is_set()
    assert ended == [second, first]


def test_cancel_without_a_job_does_nothing(worker: Worker, ended: list[Request]) -> None:
    worker.cancel()
    finish(worker.submit(quick))
    worker.cancel()
    assert len(ended) == 1
    assert not ended[0].cancelled


def test_an_error_is_kept_and_the_worker_goes_on(worker: Worker) -> None:
    failed = worker.submit(failing)
    finish(failed)
    assert isinstance(failed.error, ArithmeticError)
    assert not failed.cancelled
    after = worker.submit(quick)
    finish(after)
    assert after.error is None


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError])
def test_nothing_that_a_job_raises_ends_the_worker(worker: Worker, error: type[BaseException]) -> None:
    def job() -> Iterator[None]:
        raise error
        yield

    failed = worker.submit(job)
    finish(failed)
    assert isinstance(failed.error, error)
    finish(worker.submit(quick))


def test_a_failing_report_is_logged_and_does_not_end_the_worker(caplog: Log) -> None:
    """The report writes traits, and their observers may be anybody's."""
    reports = []

    def on_end(request: Request) -> None:
        reports.append(request)
        raise RuntimeError("an observer failed")

    worker = Worker("test", on_end)
    first = worker.submit(quick)
    finish(first)
    second = worker.submit(quick)
    finish(second)
    worker.close(timeout=HUNG)
    assert reports == [first, second]
    assert "an observer failed" in caplog.text


def test_preparation_comes_first_and_once() -> None:
    order = []
    worker = Worker("test", lambda _: None, lambda: order.append(current_thread().name))

    def job() -> Iterator[None]:
        order.append("job")
        yield

    finish(worker.submit(job))
    finish(worker.submit(job))
    worker.close(timeout=HUNG)
    assert order == ["test", "job", "job"]


def test_no_thread_before_the_first_request() -> None:
    worker = Worker("test", lambda _: None)
    assert worker._thread is None
    worker.close()


def thread_of(worker: Worker) -> Callable[[], bool]:
    thread = worker._thread
    assert thread is not None
    return thread.is_alive


def test_close_ends_the_thread_and_what_runs(ended: list[Request]) -> None:
    worker, held, waiting = Worker("test", ended.append), Held(), Held()
    running = worker.submit(held)
    assert held.reached.wait(HUNG)
    in_mailbox = worker.submit(waiting)
    alive = thread_of(worker)
    worker.close(timeout=0.0)
    assert in_mailbox.done.is_set()
    held.go.set()
    worker.close(timeout=HUNG)
    assert not alive()
    assert running.cancelled
    assert in_mailbox.cancelled
    assert running.done.is_set()
    assert not waiting.reached.is_set()


def test_a_closed_worker_takes_no_request() -> None:
    worker = Worker("test", lambda _: None)
    worker.close()
    with pytest.raises(RuntimeError, match="closed"):
        worker.submit(quick)
    worker.close()


def test_many_requests_at_once_end_with_the_last(worker: Worker, ended: list[Request]) -> None:
    """As when a slider is dragged."""
    held = Held()
    first = worker.submit(held)
    assert held.reached.wait(HUNG)
    requests = [worker.submit(quick) for _ in range(50)]
    held.go.set()
    finish(first, *requests)
    assert [request.cancelled for request in requests] == [True] * 49 + [False]
    assert ended == [first, requests[-1]]


def note(order: list[str], name: str, steps: int = 2) -> Callable[[], Iterator[None]]:
    """A job that tells of its steps."""

    def job() -> Iterator[None]:
        for _ in range(steps):
            order.append(name)
            yield

    return job


def test_an_errand_is_served_between_two_steps_of_what_runs(worker: Worker, ended: list[Request]) -> None:
    order: list[str] = []
    held = Held(more=0)

    def job() -> Iterator[None]:
        yield from held()
        yield from note(order, "job", 3)()

    request = worker.submit(job)
    assert held.reached.wait(HUNG)
    errands = [worker.errand(note(order, name)) for name in ("first", "second")]
    held.go.set()
    finish(request, *errands)
    assert order == ["first", "first", "second", "second", "job", "job", "job"]
    assert not request.cancelled
    assert ended == [request]


def test_an_errand_runs_where_nothing_else_does(worker: Worker, ended: list[Request]) -> None:
    order: list[str] = []
    finish(worker.errand(note(order, "errand")))
    assert order == ["errand", "errand"]
    assert ended == []
    finish(worker.submit(quick))


def test_neither_a_new_request_nor_a_cancel_takes_an_errand_away(worker: Worker) -> None:
    order: list[str] = []
    held = Held()
    worker.submit(held)
    assert held.reached.wait(HUNG)
    errand = worker.errand(note(order, "errand"))
    newest = worker.submit(note(order, "newest", 1))
    worker.cancel()
    held.go.set()
    finish(errand)
    assert newest.cancelled
    assert order == ["errand", "errand"]


def test_a_failing_errand_ends_neither_job_nor_worker(worker: Worker) -> None:
    held = Held()
    request = worker.submit(held)
    assert held.reached.wait(HUNG)
    errand = worker.errand(failing)
    held.go.set()
    finish(request, errand)
    assert isinstance(errand.error, ArithmeticError)
    assert request.error is None
    assert held.steps == 3


def test_a_cancelled_errand_ends_after_its_step(worker: Worker) -> None:
    held = Held()
    errand = worker.errand(held)
    assert held.reached.wait(HUNG)
    errand.cancelled = True
    held.go.set()
    finish(errand)
    assert held.steps == 0
    assert held.closed


def test_close_ends_errands_too() -> None:
    worker = Worker("test", lambda _: None)
    held, waiting = Held(), Held()
    running, queued = worker.errand(held), worker.errand(waiting)
    assert held.reached.wait(HUNG)
    worker.close(timeout=0.0)
    assert queued.done.is_set()
    held.go.set()
    worker.close(timeout=HUNG)
    finish(running)
    assert held.steps == 0
    assert not waiting.reached.is_set()
    with pytest.raises(RuntimeError, match="closed"):
        worker.errand(quick)


def test_a_dropped_workers_thread_ends() -> None:
    worker = Worker("test", lambda _: None)
    finish(worker.submit(quick))
    alive, kept = thread_of(worker), ref(worker)
    thread = worker._thread
    assert thread is not None
    del worker
    gc.collect()
    assert kept() is None
    thread.join(HUNG)
    assert not alive()


def test_a_worker_that_is_dropped_at_work_ends_after_its_step() -> None:
    worker, held = Worker("test", lambda _: None), Held()
    request = worker.submit(held)
    assert held.reached.wait(HUNG)
    thread = worker._thread
    assert thread is not None
    del worker
    gc.collect()
    held.go.set()
    finish(request)
    assert request.cancelled
    assert held.steps == 0
    thread.join(HUNG)
    assert not thread.is_alive()


def test_who_keeps_a_request_keeps_neither_job_nor_worker() -> None:
    class Owner:
        def __init__(self) -> None:
            self.worker = Worker("test", self.on_end)

        def on_end(self, request: Request) -> None:
            pass

        def job(self) -> Iterator[None]:
            yield

    owner = Owner()
    requests = [owner.worker.submit(owner.job), owner.worker.errand(owner.job)]
    finish(*requests)
    kept = ref(owner)
    del owner
    gc.collect()
    assert kept() is None
    assert all(request.done.is_set() for request in requests)


@pytest.mark.parametrize("where", ["step", "errand", "report"])
def test_close_on_its_own_thread_does_not_wait_for_itself(where: str) -> None:
    def job() -> Iterator[None]:
        worker.close()
        yield
        yield

    worker = Worker("test", lambda _: worker.close() if where == "report" else None)
    request = worker.errand(job) if where == "errand" else worker.submit(job if where == "step" else quick)
    finish(request)
    assert request.error is None
    thread = worker._thread
    assert thread is not None
    thread.join(HUNG)
    assert not thread.is_alive()
    assert worker.closed


def test_a_preparation_that_fails_is_logged_and_jobs_run(caplog: Log) -> None:
    def prepare() -> None:
        raise OSError("no such library")

    worker = Worker("test", lambda _: None, prepare)
    request = worker.submit(quick)
    finish(request)
    worker.close(timeout=HUNG)
    assert request.error is None
    assert "no such library" in caplog.text


@pytest.mark.parametrize("closed", [False, True], ids=["goes on", "is closed"])
def test_an_interrupt_before_the_thread_has_started(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    worker = Worker("test", lambda _: None)

    def interrupted(_: Thread) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker.submit(quick)
    if not closed:
        finish(worker.submit(quick))
    worker.close(timeout=HUNG)


def test_a_lock_tells_who_is_inside() -> None:
    lock, seen = observed_lock(), []
    with lock:
        with lock:
            seen.append(others_wait())
            other = Thread(target=lambda: seen.append(others_wait()))
            other.start()
            other.join(HUNG)
        seen.append(others_wait())
    seen.append(others_wait())
    assert seen == [True, False, True, False]


def test_the_workers_thread_is_always_inside(worker: Worker) -> None:
    seen = []

    def job() -> Iterator[None]:
        seen.append(others_wait())
        yield

    finish(worker.submit(job), worker.errand(job))
    assert seen == [True, True]
    assert not others_wait()


class Idle:
    """A pastime of ``more`` steps in all, which knows how many it has taken, however often it is begun."""

    def __init__(self, more: int = 3, hold: Event | None = None) -> None:
        self.reached, self.starts, self.steps = Event(), 0, 0
        self._more, self._hold = more, hold

    def __call__(self) -> Iterator[None]:
        self.starts += 1
        while self.steps < self._more:
            self.steps += 1
            self.reached.set()
            if self._hold is not None:
                assert self._hold.wait(HUNG)
            yield


def test_a_pastime_runs_to_its_end_where_nothing_else_is_asked_for(
    worker: Worker, ended: list[Request]
) -> None:
    idle = Idle()
    request = worker.pastime(idle)
    finish(request)
    assert (idle.starts, idle.steps, request.error, ended) == (1, 3, None, [])


def test_a_job_goes_before_a_pastime_which_goes_on_afterwards(worker: Worker) -> None:
    order: list[str] = []
    go = Event()
    idle = Idle(3, go)

    def job() -> Iterator[None]:
        order.append(f"job after {idle.steps}")
        yield
        order.append("job")

    request = worker.pastime(idle)
    assert idle.reached.wait(HUNG)
    first = worker.submit(job)
    go.set()
    finish(first, request)
    assert order == ["job after 1", "job"]  # after the step that it came in, not after the pastime
    assert (idle.starts, idle.steps) == (2, 3)


def test_a_long_step_of_a_pastime_is_left_for_a_job(worker: Worker) -> None:
    reached = Event()

    def long() -> Iterator[None]:
        reached.set()
        while not done.is_set():
            check_wanted()
        yield

    done = Event()

    def job() -> Iterator[None]:
        done.set()
        yield

    request = worker.pastime(long)
    assert reached.wait(HUNG)
    finish(worker.submit(job), request)


def test_errands_are_served_between_the_steps_of_a_pastime(worker: Worker) -> None:
    go = Event()
    idle, seen = Idle(2, go), []

    def errand() -> Iterator[None]:
        seen.append(idle.steps)
        yield

    request = worker.pastime(idle)
    assert idle.reached.wait(HUNG)
    short = worker.errand(errand)
    go.set()
    finish(short, request)
    assert seen == [1]


@pytest.mark.parametrize("how", ["cancel", "another", "close"])
def test_a_pastime_is_given_up(worker: Worker, how: str) -> None:
    go = Event()
    idle = Idle(10, go)
    request = worker.pastime(idle)
    assert idle.reached.wait(HUNG)
    after = []
    if how == "cancel":
        worker.cancel()
    elif how == "another":
        after = [worker.pastime(quick)]
    else:
        worker.close(timeout=0.0)
    go.set()
    finish(request, *after)
    if how != "close":
        finish(worker.submit(quick))
    assert idle.steps == 1


def test_a_pastime_that_fails_ends_neither_the_worker_nor_a_job(worker: Worker) -> None:
    request = worker.pastime(failing)
    finish(request, worker.submit(quick))
    assert isinstance(request.error, ArithmeticError)
