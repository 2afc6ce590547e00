"""Numbers as people give them: what counts as an integer, a seed and a real number, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from landscape_widget.numerics.checks import LARGEST_SEED, check_integer, check_real, check_seed, few

NO_INTEGER: list[Any] = [
    *(True, np.True_, torch.tensor(True), 3.0, np.float64(3), "3", b"3", None, [3], 3j),
    *(np.ones(2, int), np.datetime64("2020"), torch.tensor([3]), Decimal(3), Fraction(3)),
]


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3), torch.tensor(3)])
def test_an_integer_of_any_make(value: Any) -> None:
    for found in (check_integer(value, "k", 1), check_integer(value, "k", 3, 3), check_seed(value)):
        assert found == 3
        assert type(found) is int


@pytest.mark.parametrize("value", NO_INTEGER, ids=repr)
def test_what_is_no_integer(value: Any) -> None:
    with pytest.raises(ValueError, match="Expected k as an integer, got "):
        check_integer(value, "k", 1)
    with pytest.raises(ValueError, match="Expected seed as an integer from 0 to "):
        check_seed(value)


def test_the_range_of_an_integer_is_told() -> None:
    with pytest.raises(ValueError, match=r"Expected k to be at least 1, got 0\."):
        check_integer(0, "k", 1)
    with pytest.raises(ValueError, match=r"Expected k between 1 and 4, got 5\."):
        check_integer(5, "k", 1, 4)
    assert check_integer(10**30, "k", 1) == 10**30


@pytest.mark.parametrize("seed", [0, 2**32, 2**63, LARGEST_SEED])
def test_a_seed_that_torch_takes(seed: int) -> None:
    torch.Generator().manual_seed(check_seed(seed))


@pytest.mark.parametrize("seed", [-1, -(2**63), LARGEST_SEED + 1, 10**30])
def test_a_seed_beyond_64_bits(seed: int) -> None:
    with pytest.raises(ValueError, match=r"Expected seed as an integer from 0 to 2\^64 − 1, got "):
        check_seed(seed)


@pytest.mark.parametrize(
    "value",
    [0.5, Fraction(1, 2), np.float16(0.5), np.array(0.5), torch.tensor(0.5), torch.tensor(0.5).half()],
)
def test_a_real_number_of_any_make(value: Any) -> None:
    found = check_real(value, "tol")
    assert found == 0.5
    assert type(found) is float
    assert check_real(3, "tol") == 3.0


@pytest.mark.parametrize(
    "value",
    [
        *(True, np.True_, torch.tensor(True), "0.5", b"1", None, [1.0], 1j, Decimal(1), torch.tensor([1.0])),
        *(float("nan"), float("inf"), np.float64("-inf"), 10**400),
    ],
    ids=repr,
)
def test_what_is_no_finite_real_number(value: Any) -> None:
    with pytest.raises(ValueError, match="Expected tol as a finite number, got "):
        check_real(value, "tol")


def test_a_long_value_is_told_in_short() -> None:
    with pytest.raises(ValueError, match="got a value of type int"):  # Python writes no such number
        check_seed(10**5000)
    with pytest.raises(ValueError, match="…") as caught:
        check_integer(list(range(10_000)), "k", 1)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("n", "words"), [(0, ""), (1, "0"), (5, "0, 1, 2, 3, 4"), (6, "0, 1, 2, 3, 4 and 1 more")]
)
def test_of_many_names_the_first_are_told_and_the_others_counted(n: int, words: str) -> None:
    assert few(str(i) for i in range(n)) == words
