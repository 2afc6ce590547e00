"""What a worker's thread does: it serves errands, job and pastime of a mailbox, until that closes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from landscape_widget.engine.wanted import UnwantedError, wanted_unless
from landscape_widget.explorer.mailbox import Mailbox, Request

log = logging.getLogger(__name__)


def serve(mailbox: Mailbox, prepare: Callable[[], None]) -> None:
    """Serves a mailbox; it holds on to no request while it waits, since that leads to an explorer.

    Args:
        mailbox: Where work comes from.
        prepare: Called first.
    """
    try:
        prepare()
    except Exception:  # whoever waits for a job must not wait for a thread that has died
        log.exception("The thread of a worker could not be prepared.")
    while mailbox.has_work():
        _serve_errands(mailbox)
        _serve_job(mailbox)
        _serve_pastime(mailbox)


def _serve_job(mailbox: Mailbox) -> None:
    request = mailbox.take()
    if request is None:
        return
    try:
        _drive(request, mailbox, lambda: request.cancelled)
    except BaseException as error:  # a failed job must not end the worker
        request.error = error
    try:
        request.report()
    except Exception:  # such as a failing observer of a trait
        log.exception("The end of a computation could not be reported.")
    finally:
        with mailbox.lock:
            mailbox.running = None
        request.end()


def _serve_pastime(mailbox: Mailbox) -> None:
    request = mailbox.pastime
    if request is None:
        return
    try:
        ended = _drive(request, mailbox, lambda: request.cancelled or mailbox.waiting is not None)
    except BaseException as error:
        log.info("What was done in an idle time failed.", exc_info=error)
        request.error, ended = error, True
    if ended or request.cancelled:
        with mailbox.lock:
            if mailbox.pastime is request:
                mailbox.pastime = None
        request.end()


def _drive(request: Request, mailbox: Mailbox, unwanted: Callable[[], bool]) -> bool:
    """Takes step after step until one is unwanted; returns whether that was all."""
    steps = request.start()
    try:
        while not unwanted():
            try:
                with wanted_unless(unwanted):
                    next(steps)
            except StopIteration:
                return True
            except UnwantedError:
                return False
            _serve_errands(mailbox)
        return False
    finally:
        _close(steps)


def _serve_errands(mailbox: Mailbox) -> None:
    while (errand := mailbox.errand()) is not None:
        try:
            steps = errand.start()
            try:
                while not (errand.cancelled or mailbox.closed):
                    next(steps)
            except StopIteration:
                pass
            finally:
                _close(steps)
        except BaseException as error:  # a failed errand must not end the job that it interrupts
            errand.error = error
        errand.end()


def _close(steps: Iterator[None]) -> None:
    close = getattr(steps, "close", None)
    if close is not None:
        close()
