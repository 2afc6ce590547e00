"""Writes the students' notebooks from those with answers: ``python notebooks/teaching/hand_out.py``.

A lesson is written once, as ``NAME_answers.ipynb``, where each exercise is followed by a cell with the tag
"answer", and holds what it shows (``make notebooks``). The student's ``NAME.ipynb`` is the same without those
cells, and without outputs, since one predicts before one sees. Where pyproject.toml names the project's
repository on GitHub, as ``Repository`` among its urls, a student's lesson begins with a link to Colab and
what it needs there: the wheel of this version from its release there, since the package of this name on PyPI
is another one and a checkout needs Node. All three are of the tag ``v`` and the version.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import tomllib
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor

HERE = Path(__file__).parent
ENDING = "_answers.ipynb"
GITHUB = "https://github.com/"
WHERE = "notebooks/teaching"

#: A link in words: the badge's picture would be asked of a server by whoever opens the lesson.
BADGE = (
    "[Open in Colab](https://colab.research.google.com/github/{repository}/blob/v{version}/{where}/{name})"
)

#: Colab opens a notebook alone, in a machine that has torch, and reads of what pip says whether to restart.
SET_UP = """import sys

if "google.colab" in sys.modules:  # what the lesson needs on Colab; elsewhere nothing happens
    wheel = "landscape_widget-{version}-py3-none-any.whl"
    get_ipython().system(f"pip install https://github.com/{repository}/releases/download/v{version}/{{wheel}}")
    lessons = "https://raw.githubusercontent.com/{repository}/v{version}/{where}"
    get_ipython().system(f"wget --quiet --no-clobber {{lessons}}/checks.py")"""


def student_s(lesson: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The lesson without its answers and outputs."""
    for step in (TagRemovePreprocessor(remove_cell_tags={"answer"}), ClearOutputPreprocessor()):
        lesson, _ = step.preprocess(lesson, {})
    return lesson


def released(pyproject: str) -> dict[str, str] | None:
    """The ``repository`` that a pyproject.toml names, as OWNER/NAME, and its ``version``; None without one.

    Raises:
        ValueError: If that is not on GitHub, from which alone Colab opens notebooks by a link.
    """
    project = tomllib.loads(pyproject)["project"]
    address = project.get("urls", {}).get("Repository")
    if address is None:
        return None
    if not address.startswith(GITHUB):
        raise ValueError(f"Expected a repository at {GITHUB}, got {address}.")
    repository = address.removeprefix(GITHUB).strip("/").removesuffix(".git")
    return {"repository": repository, "version": project["version"]}


def for_colab(lesson: nbformat.NotebookNode, name: str, release: dict[str, str]) -> nbformat.NotebookNode:
    """The lesson with a link to Colab after its first cell, and with what it needs there."""
    link = nbformat.v4.new_markdown_cell(BADGE.format(name=name, where=WHERE, **release), id="colab")
    set_up = nbformat.v4.new_code_cell(SET_UP.format(where=WHERE, **release), id="colab-set-up")
    lesson.cells[1:1] = [link, set_up]
    return lesson


def hand_out(answers: Path, release: dict[str, str] | None = None) -> Path:
    """Writes the student's notebook beside the one with answers."""
    lesson = student_s(nbformat.read(answers, as_version=4))
    path = answers.with_name(answers.name.replace(ENDING, ".ipynb"))
    nbformat.write(for_colab(lesson, path.name, release) if release else lesson, path)
    return path


if __name__ == "__main__":
    of_this = released((HERE.parents[1] / "pyproject.toml").read_text("utf-8"))
    for found in sorted(HERE.glob(f"*{ENDING}")):
        print(hand_out(found, of_this).name)
