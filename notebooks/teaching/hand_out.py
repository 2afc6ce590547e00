"""Writes the students' notebooks from those with answers: ``python notebooks/teaching/hand_out.py``.

A lesson is written once, as ``NAME_answers.ipynb``, where each exercise is followed by a cell with the tag
"answer". The student's ``NAME.ipynb`` is the same without those cells. Neither holds outputs, since one
predicts before one sees. Where pyproject.toml names the project's repository on GitHub, as
``Repository`` among its urls, a student's lesson begins with a link to Colab and what it needs there.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import tomllib
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor

HERE = Path(__file__).parent
ENDING = "_answers.ipynb"
WHERE = "main/notebooks/teaching"

#: A link in words: the badge's picture would be asked of a server by whoever opens the lesson.
BADGE = "[Open in Colab](https://colab.research.google.com/github/{repository}/blob/{where}/{name})"

#: Colab opens a notebook alone, in a machine that has torch.
SET_UP = """import sys

if "google.colab" in sys.modules:  # what the lesson needs on Colab; elsewhere nothing happens
    get_ipython().system("pip install --quiet landscape-widget")
    get_ipython().system("wget --quiet https://raw.githubusercontent.com/{repository}/{where}/checks.py")"""


def student_s(lesson: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The lesson without its answers."""
    cleared, _ = TagRemovePreprocessor(remove_cell_tags={"answer"}).preprocess(lesson, {})
    return cleared


def repository(project: str) -> str | None:
    """OWNER/NAME of the repository that a pyproject.toml names, if it does.

    Raises:
        ValueError: If that is not on GitHub, from which alone Colab opens notebooks by a link.
    """
    address = tomllib.loads(project)["project"].get("urls", {}).get("Repository")
    if address is None:
        return None
    if not address.startswith("https://github.com/"):
        raise ValueError(f"Expected a repository at https://github.com/, got {address}.")
    return str(address.removeprefix("https://github.com/").strip("/").removesuffix(".git"))


def for_colab(lesson: nbformat.NotebookNode, name: str, repository: str) -> nbformat.NotebookNode:
    """The lesson with a link to Colab after its first cell, and with what it needs there."""
    filled = {"repository": repository, "where": WHERE}
    link = nbformat.v4.new_markdown_cell(BADGE.format(name=name, **filled), id="colab")
    set_up = nbformat.v4.new_code_cell(SET_UP.format(**filled), id="colab-set-up")
    lesson.cells[1:1] = [link, set_up]
    return lesson


def hand_out(answers: Path, repository: str | None = None) -> Path:
    """Clears the notebook with answers of its outputs and writes the student's beside it."""
    lesson, _ = ClearOutputPreprocessor().preprocess(nbformat.read(answers, as_version=4), {})
    for cell in lesson.cells:
        cell.metadata.pop("execution", None)  # when it ran
    lesson.metadata.language_info = {"name": "python"}
    nbformat.write(lesson, answers)
    path = answers.with_name(answers.name.replace(ENDING, ".ipynb"))
    students = student_s(lesson)
    nbformat.write(for_colab(students, path.name, repository) if repository else students, path)
    return path


if __name__ == "__main__":
    home = repository((HERE.parents[1] / "pyproject.toml").read_text("utf-8"))
    for found in sorted(HERE.glob(f"*{ENDING}")):
        print(hand_out(found, home).name)
