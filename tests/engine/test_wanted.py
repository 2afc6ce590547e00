"""Work that asks whether it is still wanted."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread

import pytest

from landscape_widget.engine.wanted import UnwantedError, check_wanted, wanted_unless


def test_outside_everything_is_wanted() -> None:
    check_wanted()
    with wanted_unless(lambda: True):
        pass
    check_wanted()


def test_what_was_cancelled_is_not_wanted_and_no_failure() -> None:
    cancelled = False
    with wanted_unless(lambda: cancelled):
        check_wanted()
        cancelled = True
        with pytest.raises(UnwantedError):
            check_wanted()
    assert not issubclass(UnwantedError, Exception)


def test_the_innermost_one_counts_also_after_an_error() -> None:
    with wanted_unless(lambda: True):
        with suppress(ValueError), wanted_unless(lambda: False):
            check_wanted()
            raise ValueError
        with pytest.raises(UnwantedError):
            check_wanted()


def test_other_threads_are_asked_nothing() -> None:
    ended = []

    def work() -> None:
        check_wanted()
        ended.append(True)

    with wanted_unless(lambda: True):
        thread = Thread(target=work)
        thread.start()
        thread.join()
    assert ended
