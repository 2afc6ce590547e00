"""Writes the students' notebooks from those with answers: ``python notebooks/teaching/hand_out.py``.

A lesson is written once, as ``NAME_answers.ipynb``, where each exercise is followed by a cell with the tag
"answer". The student's ``NAME.ipynb`` is the same without those cells. Neither holds outputs, since one
predicts before one sees.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor

HERE = Path(__file__).parent
ENDING = "_answers.ipynb"


def student_s(lesson: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The lesson without its answers."""
    cleared, _ = TagRemovePreprocessor(remove_cell_tags={"answer"}).preprocess(lesson, {})
    return cleared


def hand_out(answers: Path) -> Path:
    """Clears the notebook with answers of its outputs and writes the student's beside it."""
    lesson, _ = ClearOutputPreprocessor().preprocess(nbformat.read(answers, as_version=4), {})
    for cell in lesson.cells:
        cell.metadata.pop("execution", None)  # when it ran
    lesson.metadata.language_info = {"name": "python"}
    nbformat.write(lesson, answers)
    path = answers.with_name(answers.name.replace(ENDING, ".ipynb"))
    nbformat.write(student_s(lesson), path)
    return path


if __name__ == "__main__":
    for found in sorted(HERE.glob(f"*{ENDING}")):
        print(hand_out(found).name)
