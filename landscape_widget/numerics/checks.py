"""Numbers as people give them: one that does not fit is refused where it enters, with one message."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

#: What torch's generators take: 64 bits without a sign.
LARGEST_SEED = 2**64 - 1

#: A value is told in at most so many characters.
_TOLD = 100

#: Of names that a message lists, so many are told.
_FEW = 5


def check_integer(
    value: Any, name: str, least: int | None = None, most: int | None = None, among: str = ""
) -> int:
    """``value`` as an int, from a Python or numpy integer or a tensor of one; a truth value is none.

    Args:
        value: What was given.
        name: What the message calls it.
        least: The smallest that is allowed, None for any.
        most: The largest, None for any.
        among: What the range follows from, for the message, such as " for 4 parameters".

    Raises:
        ValueError: If it is no integer, or out of this range.
    """
    number = integer(value)
    if number is None:
        raise ValueError(f"Expected {name} as an integer, got {told(value)}.")
    low, high = least is not None and number < least, most is not None and number > most
    if low or high:
        words = f"to be at least {least}" if most is None else f"between {least} and {most}"
        raise ValueError(f"Expected {name} {words}{among}, got {told(value)}.")
    return number


def check_seed(seed: Any, name: str = "seed", most: int = LARGEST_SEED) -> int:
    """``seed`` as an int from 0 to ``most``, by default the largest of 64 bits.

    Raises:
        ValueError: If it is something else.
    """
    number = integer(seed)
    if number is None or not 0 <= number <= most:
        bits = most.bit_length()
        raise ValueError(
            f"Expected {name} as an integer from 0 to 2^{bits} \N{MINUS SIGN} 1, got {told(seed)}."
        )
    return number


def check_real(value: Any, name: str) -> float:
    """``value`` as a float, from any finite real number; text and truth values are none.

    Raises:
        ValueError: If it is no finite real number.
    """
    number = real(value)
    if not math.isfinite(number):
        raise ValueError(f"Expected {name} as a finite number, got {told(value)}.")
    return number


def real(value: Any) -> float:
    """``value`` as a float, NaN where it is no real number or beyond all floats."""
    number = _scalar(value)
    if isinstance(number, bool) or not isinstance(number, Real):
        return math.nan
    try:
        return float(number)
    except OverflowError:  # such as 10**400
        return math.nan


def check_flag(value: Any, name: str) -> bool:
    """``value`` as a bool, from Python's or numpy's.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"Expected {name} as True or False, got {told(value)}.")
    return bool(value)


def check_choice(value: Any, choices: Iterable[str], name: str) -> str:
    """``value`` itself, if it is one of a few words.

    Raises:
        ValueError: If it is something else; a word that is near to it is asked for.
    """
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        hint = near(value, known) if isinstance(value, str) else ""
        raise ValueError(f"Expected {name} as one of {', '.join(known)}, got {told(value)}.{hint}")
    return value


def near(name: str, known: Iterable[str]) -> str:
    """Asks whether another word was meant; empty where none is near."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def few(names: Iterable[str]) -> str:
    """Names in a message, of many the first ones: "a, b, c, d, e and 3 more"."""
    first = list(names)
    return ", ".join(first[:_FEW]) + (f" and {len(first) - _FEW} more" if len(first) > _FEW else "")


def told(value: Any) -> str:
    """``value`` as a message tells it, cut short where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # such as an integer of more digits than Python writes
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _TOLD else f"{text[: _TOLD - 1]}…"


def integer(value: Any) -> int | None:
    """``value`` as an int, None where it is no integer."""
    number = _scalar(value)
    return None if isinstance(number, bool) or not isinstance(number, Integral) else int(number)


def _scalar(value: Any) -> Any:
    """The number in a numpy scalar, or in an array or tensor without dimensions."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray | torch.Tensor) and value.ndim == 0):
        return value.item()
    return value
