"""Notebooks as pages of the site: with what is stored in them, pictures included.

A lesson's page is the student's, with below each cell what it shows in the version with answers, folded away,
since one predicts before one sees.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

FOLDED = """{%- extends "markdown/index.md.j2" -%}
{%- block output_group %}
<details markdown="1"><summary>What this cell shows</summary>
{{ super() }}
</details>
{% endblock -%}"""

#: What is said of an answer, of which a page has none.
_OF_AN_ANSWER = re.compile(r"^(Right\.|Not (answered )?yet|You (predicted|wrote)).*\n?", re.MULTILINE)


def convert(path: Path, root: Path, pages: Path) -> None:
    """Writes a notebook below ``root`` as a page to the same place in ``pages``, its pictures beside it."""
    notebook, exporter = nbformat.read(path, as_version=4), MarkdownExporter()
    answers = path.with_name(f"{path.stem}_answers.ipynb")
    if answers.exists():
        exporter.raw_template = FOLDED
        _fill(notebook, nbformat.read(answers, as_version=4))
    text, resources = exporter.from_notebook_node(
        notebook, resources={"output_files_dir": f"{path.stem}_files", "unique_key": path.stem}
    )
    target = pages / path.relative_to(root).with_suffix(".md")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text.replace("](../docs/", "](../"), "utf-8")
    for name, data in resources["outputs"].items():
        picture = target.parent / name
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(data)


def _fill(lesson: nbformat.NotebookNode, answers: nbformat.NotebookNode) -> None:
    """Gives cells of a lesson what they show in its version with answers, but for words on an answer."""
    shown = {cell.id: cell.outputs for cell in answers.cells if cell.cell_type == "code"}
    for cell in lesson.cells:
        for output in shown.get(cell.id, []):
            if "text" in output:
                output.text = _OF_AN_ANSWER.sub("", output.text)
            if output.get("text", "more"):
                cell.outputs.append(output)
