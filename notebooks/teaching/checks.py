"""Holds what a student answers against what the explorer, or a measurement of its own, says.

A lesson asks with ``...`` in the place of an answer. ``check`` tells whether an answer is right and, of a
wrong one, where to look again; it never tells the answer, so that a lesson can be done at home. Numbers may
be off by a share of the truth that the question names, and words are right whatever their case and article.
"""

from __future__ import annotations

import math
from numbers import Real


def check(answer: object, truth: float | bool | str, hint: str, *, within: float = 0.05) -> None:
    """Prints whether an answer is right.

    Args:
        answer: What the student wrote.
        truth: What is right: a number, yes or no, or a word.
        hint: Where to look after a wrong answer.
        within: How far a number may be off, as a share of the truth.
    """
    if answer is ...:
        print("Not answered yet: write your answer in the place of the three dots.")
        return
    right, expected = _judged(answer, truth, within)
    if expected:
        print(f"Expected {expected}, got {answer!r}.")
    elif right:
        print("Right.")
    else:
        print(f"Not yet. {hint}")


def _judged(answer: object, truth: float | bool | str, within: float) -> tuple[bool, str]:
    """Whether an answer is right, and of one of another kind what was asked for."""
    if isinstance(truth, str):
        if not isinstance(answer, str):
            return False, "a word in quotation marks"
        return _word(answer) == _word(truth), ""
    if isinstance(truth, bool):
        if not isinstance(answer, bool):
            return False, "True or False"
        return answer is truth, ""
    if getattr(answer, "ndim", None) == 0 and hasattr(answer, "item"):  # a number of torch or numpy
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, Real) or not math.isfinite(answer):
        return False, "a number"
    return abs(float(answer) - truth) <= within * abs(truth), ""


def _word(answer: str) -> str:
    """An answer without what makes no difference."""
    return answer.casefold().strip(" .").removeprefix("a ").removeprefix("an ").removeprefix("the ").strip()
