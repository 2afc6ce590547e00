"""One worker thread, which takes jobs from its mailbox and serves short errands between their steps."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from threading import Event, RLock, Thread, current_thread, local
from time import monotonic
from weakref import WeakKeyDictionary, WeakSet, finalize

from landscape_widget.explorer.mailbox import Job, Mailbox, Pastime, Request
from landscape_widget.explorer.serving import serve

#: What a closed explorer answers.
CLOSED = "Expected an open explorer, got a closed one, which has let go of its data. Make a new one."

#: Seconds that the interpreter waits for all threads when it ends.
_AT_EXIT = 5.0

#: What an explorer answers in a process that was forked from its own.
FORKED = (
    "Expected an explorer in the process that made it, got its copy in a process that was forked from that "
    "one: its thread is missing there. Make a new explorer, or do this in the first process."
)

_here = local()

_observed: WeakKeyDictionary[RLock, None] = WeakKeyDictionary()


def observed_lock() -> RLock:
    """A lock under which anybody's observers are called: ``others_wait`` tells them so.

    Python's own, which is taken and released in C: no interrupt comes between and leaves it locked.
    """
    lock = RLock()
    _observed[lock] = None
    return lock


def others_wait() -> bool:
    """Whether this thread is a worker's, or holds an ``observed_lock``: who waits in it may wait for ever."""
    locks = [reference() for reference in _observed.keyrefs()]
    holds = any(lock is not None and lock._is_owned() for lock in locks)  # type: ignore[attr-defined]
    return holds or hasattr(_here, "works")


#: A thread still inside torch while the interpreter shuts down would crash it.
_open: WeakSet[Mailbox] = WeakSet()

_ending = Event()


def stay_at_the_end() -> None:
    """Never returns while the interpreter ends, when only daemon threads are left to call this.

    They are left behind anyway; an error would be printed as theirs, though nothing went wrong.
    """
    if _ending.is_set():
        Event().wait()


@atexit.register
def _close_all() -> None:
    _ending.set()
    mailboxes = list(_open)
    for mailbox in mailboxes:
        mailbox.close()
    end = monotonic() + _AT_EXIT
    for mailbox in mailboxes:
        if mailbox.thread is not None and mailbox.thread.is_alive():
            mailbox.thread.join(max(0.0, end - monotonic()))


class Worker:
    """Runs one job at a time on a thread of its own, which ends with it.

    A job is a generator: between two of its steps the worker looks whether it was cancelled or replaced, and
    closes it if so; a long step looks itself, by ``check_wanted``. Errands are short jobs that wait in a
    queue of their own: they are served between two steps of the running job, which goes on afterwards, or at
    once where nothing runs. A pastime is done while there is no job, and gives way to one after its present
    step, to begin anew afterwards.
    Mailbox and queue are all that other threads touch.
    """

    def __init__(
        self, name: str, on_end: Callable[[Request], None], prepare: Callable[[], None] = lambda: None
    ) -> None:
        """Starts no thread yet.

        Args:
            name: Name of the thread.
            on_end: Called after every job that was started, and after one cancelled in the mailbox.
            prepare: Called once, first thing on the thread, which keeps it.
        """
        self._prepare = prepare
        self._name = name
        self._on_end = on_end
        self._lock = observed_lock()
        self._mailbox = Mailbox()
        _open.add(self._mailbox)
        finalize(self, self._mailbox.close).atexit = False

    @property
    def closed(self) -> bool:
        """Whether it takes no more requests."""
        return self._mailbox.closed

    @property
    def forked(self) -> bool:
        """Whether this process was forked from that which made it; it takes no requests here."""
        return self._mailbox.forked

    @property
    def lock(self) -> RLock:
        """The lock that its owner holds while observers may be called.

        Raises:
            RuntimeError: In a process that was forked.
        """
        self._check_process()
        return self._lock

    @property
    def _thread(self) -> Thread | None:
        return self._mailbox.thread

    def submit(self, job: Job) -> Request:
        """Puts ``job`` into the mailbox, instead of one that waits there or runs.

        Raises:
            RuntimeError: After ``close``, or in a process that was forked.
        """
        self._check_process()
        request, mailbox = Request(job, self._on_end), self._mailbox
        with mailbox.lock:
            self._check_open()
            if mailbox.waiting is not None:
                mailbox.waiting.cancelled = True
                mailbox.waiting.end()
            if mailbox.running is not None:
                mailbox.running.cancelled = True
            mailbox.waiting = request
            self._wake()
        return request

    def errand(self, job: Job) -> Request:
        """Queues a short job that ends no other one; ``on_end`` hears nothing of it.

        Setting ``cancelled`` on what is returned ends it after its present step.

        Raises:
            RuntimeError: After ``close``, or in a process that was forked.
        """
        self._check_process()
        request = Request(job)
        with self._mailbox.lock:
            self._check_open()
            self._mailbox.errands.append(request)
            self._wake()
        return request

    def pastime(self, job: Job) -> Request:
        """Has a job done while no other one is asked for, instead of the pastime before.

        Where a job comes, it is closed after its present step, a long one in the midst of it, and begun anew
        once that job has ended; ``on_end`` hears nothing of it.

        Raises:
            RuntimeError: After ``close``, or in a process that was forked.
        """
        self._check_process()
        request, mailbox = Pastime(job), self._mailbox
        with mailbox.lock:
            self._check_open()
            before, mailbox.pastime = mailbox.pastime, request
            if before is not None:
                before.cancelled = True
                before.end()
            self._wake()
        return request

    def cancel(self) -> None:
        """Ends all jobs; returns at once. Errands are served all the same."""
        waiting = self._mailbox.cancel()
        if waiting is not None:
            try:
                waiting.report()
            finally:
                waiting.end()

    def close(self, timeout: float | None = None) -> None:
        """Cancels everything and ends the thread, waiting for it up to ``timeout`` seconds.

        On the thread itself, where it may be called too, nothing is waited for.
        """
        try:
            self.cancel()
        finally:
            self._mailbox.close()
        thread = self._mailbox.thread
        if thread is not None and thread is not current_thread() and thread.is_alive():
            thread.join(timeout)

    def _check_process(self) -> None:
        if self.forked:
            raise RuntimeError(FORKED)

    def _check_open(self) -> None:
        if self._mailbox.closed:
            raise RuntimeError(CLOSED)

    def _wake(self) -> None:
        mailbox = self._mailbox
        if mailbox.thread is None or mailbox.thread.ident is None:  # an interrupt came before it started
            mailbox.thread = Thread(target=_run, args=(mailbox, self._prepare), name=self._name, daemon=True)
            mailbox.thread.start()
        mailbox.wake.put(None)


def _run(mailbox: Mailbox, prepare: Callable[[], None]) -> None:
    _here.works = True
    serve(mailbox, prepare)
