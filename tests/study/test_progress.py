"""Time left, and computations that can be left and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from landscape_widget.study.budget import PRODUCT_COST
from landscape_widget.study.progress import Meter, Run, Runs, Work, fairly


def test_nothing_is_known_at_first() -> None:
    meter = Meter()
    assert meter.left() == (0.0, None)
    meter.expect("node", 10)
    assert meter.left() == (0.0, None)


def test_time_left_is_what_the_rest_would_take_at_the_pace_so_far() -> None:
    meter = Meter()
    meter.expect("node", 10)
    meter.record("node", 4, seconds=2.0)
    assert meter.left() == (pytest.approx(2 / 5), pytest.approx(3.0))


def test_units_that_were_there_before_do_not_count_as_fast_ones() -> None:
    meter = Meter()
    meter.expect("node", 100, reused=90)
    meter.record("node", 95, seconds=5.0)
    assert meter.left() == (pytest.approx(0.5), pytest.approx(5.0))


def test_kinds_add_up_and_one_unknown_kind_hides_the_whole() -> None:
    meter = Meter()
    meter.expect("node", 2)
    meter.expect("product", 4)
    meter.record("node", 1, seconds=1.0)
    assert meter.left() == (0.0, None)
    meter.record("product", 1, seconds=2.0)
    assert meter.left() == (pytest.approx(3 / 10), pytest.approx(7.0))


def test_everything_reused_is_done() -> None:
    meter = Meter()
    meter.expect("node", 9, reused=9)
    assert meter.left() == (1.0, 0.0)


def test_more_work_than_expected_is_not_negative() -> None:
    meter = Meter()
    meter.expect("product", 40)
    meter.record("product", 41, seconds=1.0)
    assert meter.left() == (1.0, 0.0)


class Counting:
    """Yields 0, 1, 2 … up to ``end``; fails at ``fail`` the first time."""

    def __init__(self, end: int, fail: int = -1) -> None:
        self.started = 0
        self._end, self._fail = end, fail

    def __call__(self) -> Iterator[int]:
        self.started += 1
        for i in range(self._end):
            if i == self._fail and self.started == 1:
                raise ArithmeticError("not finite")
            yield i


def test_a_run_that_was_left_resumes_after_its_latest_result() -> None:
    counting = Counting(5)
    run = Run(counting)
    assert [i for i, _ in islice(run.resume(), 3)] == [0, 1, 2]
    assert [i for i, _ in run.resume()] == [2, 3, 4]
    assert [i for i, _ in run.resume()] == [4]
    assert counting.started == 1


def test_a_result_that_is_known_already_took_no_time() -> None:
    run = Run(Counting(2))
    next(run.resume())
    assert next(run.resume()) == (0, 0.0)


def test_a_run_that_failed_starts_again() -> None:
    counting = Counting(3, fail=2)
    run = Run(counting)
    with pytest.raises(ArithmeticError):
        list(run.resume())
    assert run.latest is None
    assert [i for i, _ in run.resume()] == [0, 1, 2]
    assert counting.started == 2


def test_runs_are_resumed_by_what_they_depend_on() -> None:
    ended: dict[str, int] = {"known": 7}
    runs = Runs(ended)
    first, second = Counting(3), Counting(2)
    assert next(runs.resume("first", first)) == (0, pytest.approx(0, abs=60))
    assert [i for i, _ in runs.resume("second", second)] == [0, 1]
    assert ended == {"known": 7, "second": 1}, "the first has not ended"
    assert (runs.latest("first"), runs.latest("second"), runs.latest("third")) == (0, 1, None)
    assert runs.begun() == ["known", "second", "first"]
    assert [i for i, _ in runs.resume("first", first)] == [0, 1, 2]
    assert (first.started, second.started) == (1, 1)


@pytest.mark.parametrize("key", ["known", "ended"])
def test_runs_that_have_ended_are_not_started(key: str) -> None:
    runs = Runs({"known": 1})
    list(runs.resume("ended", Counting(2)))
    counting = Counting(2)
    assert list(runs.resume(key, counting)) == [(1, 0.0)]
    assert counting.started == 0


def test_a_run_that_failed_has_not_begun() -> None:
    ended: dict[str, int] = {}
    runs, counting = Runs(ended), Counting(3, fail=2)
    with pytest.raises(ArithmeticError):
        list(runs.resume("run", counting))
    assert (runs.latest("run"), runs.begun(), ended) == (None, [], {})
    assert [i for i, _ in runs.resume("run", counting)] == [0, 1, 2]
    assert ended == {"run": 2}


def test_all_jobs_come_to_their_end() -> None:
    assert sorted(fairly(Counting(3)(), iter(()), Counting(2)())) == [0, 0, 1, 1, 2]


def test_work_that_was_foreseen_is_weighed_by_what_is_made_of_the_same() -> None:
    meter = Meter()
    works = {"product": Work(10, "product"), "projection": Work(5, "product", 2), "node": Work(8, "loss")}
    meter.foresee(works)
    assert meter.left() == (0.0, None), "there is nothing to go by"
    meter.expect("product", 10, reused=4)
    meter.record("product", 6, seconds=1.0)
    loss = 0.5 / PRODUCT_COST
    assert meter.ahead() == {"product": 2.0, "projection": 5.0, "node": pytest.approx(8 * loss)}
    meter.expect("node", 8)
    meter.record("node", 2, seconds=6.0)
    meter.finish("product")
    assert meter.ahead() == {"product": 0.0, "projection": 5.0, "node": pytest.approx(18.0)}
    assert meter.left() == (pytest.approx(7 / 30), pytest.approx(23.0))


def test_of_work_that_fails_only_what_has_begun_is_left() -> None:
    meter = Meter()
    meter.foresee({"product": Work(10, "product"), "density": Work(20, "product")})
    meter.record("product", 5, seconds=1.0)
    assert meter.left() == (pytest.approx(1 / 6), pytest.approx(5.0))
    meter.forget()
    assert meter.left() == (pytest.approx(1 / 2), pytest.approx(1.0))


def test_what_another_meter_counts_is_taken_over() -> None:
    meter, other = Meter(), Meter()
    meter.foresee({"beside node": Work(9, "loss")})
    other.expect("node", 6)
    other.record("node", 2, seconds=1.0)
    meter.include("beside", other)
    assert meter.left() == (pytest.approx(1 / 3), pytest.approx(2.0))
