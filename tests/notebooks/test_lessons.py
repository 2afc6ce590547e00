"""The lessons: they run, their own answers are right, others are not, and the students' have no answers."""

from __future__ import annotations

import re
import shutil
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nbformat
import pytest

from .test_notebooks import NOTEBOOKS
from .test_stored import pictures

ROOT = Path(__file__).parents[2]
TEACHING = NOTEBOOKS / "teaching"
LESSONS = sorted(path.stem.removesuffix("_answers") for path in TEACHING.glob("*_answers.ipynb"))

#: What only takes time, and what stands in its place.
SMALLER = {
    "3_shortcuts": {
        "resolution=3, tol=0.05": "resolution=3, tol=0.2",
        '"resolution": 31': '"resolution": 11',
        "surface.loss[15, 15]": "surface.loss[5, 5]",
        "images[:300], labels[:300]": "images[:100], labels[:100]",
        "epochs=30": "epochs=15",
        "fitted(30,": "fitted(16,",
    },
    "4_edge_of_stability": {"epochs // 8": "epochs // 2"},
    "5_your_own_model": {
        "images[:1200], labels[:1200]": "images[:400], labels[:400]",
        "range(15)": "range(45)",  # as many steps
        "images[1200:], labels[1200:]": "images[1200:1500], labels[1200:1500]",
        "resolution=31": "resolution=11, samples=20",
    },
}

#: What a student may have clicked before a cell that holds these words.
CLICKS = {
    "convexity_map(": "explorer.domain = None",
    "explorer.pin(": "explorer.pin(alpha, beta), explorer.pin(0, 0)",
}

#: A cell of a lesson's page, and what is folded away below it.
CELL = re.compile(
    r"^```python\n(.*?)\n```\s*(?:<details[^>]*><summary>What this cell shows</summary>(.*?)</details>)?",
    re.DOTALL | re.MULTILINE,
)

#: Of an explorer, whose stored picture is its last one.
CHANGE = re.compile(r"^ *(explorer|other|e)\.[\w, .]+ = ", re.MULTILINE)


def cells(name: str) -> list[nbformat.NotebookNode]:
    found: list[nbformat.NotebookNode] = nbformat.read(TEACHING / f"{name}.ipynb", as_version=4).cells
    return found


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TEACHING))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def check(at_home: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What ``check`` prints."""
    from checks import check as checked

    def said(*args: Any, **kwargs: Any) -> str:
        checked(*args, **kwargs)
        return capsys.readouterr().out.strip()

    return said


def test_there_are_five() -> None:
    assert [name[0] for name in LESSONS] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("name", LESSONS)
def test_a_student_s_lesson_is_what_is_handed_out(name: str, at_home: None, tmp_path: Path) -> None:
    """`python notebooks/teaching/hand_out.py` writes it: the same without answers."""
    from hand_out import hand_out, released

    shutil.copy(TEACHING / f"{name}_answers.ipynb", tmp_path)
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    written = hand_out(tmp_path / f"{name}_answers.ipynb", released(project))
    assert written.read_text("utf-8") == (TEACHING / f"{name}.ipynb").read_text("utf-8")
    lesson = [cell for cell in cells(f"{name}_answers") if "answer" not in cell.metadata.get("tags", [])]
    students = [cell for cell in cells(name) if not cell.id.startswith("colab")]
    assert [(cell.id, cell.source) for cell in students] == [(cell.id, cell.source) for cell in lesson]
    assert not [cell for cell in students if cell.get("outputs")]


def test_a_lesson_of_a_repository_opens_in_colab(
    at_home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a link that asks no server for a picture, with what it needs there, which does nothing elsewhere."""
    from hand_out import hand_out, released

    assert released("[project]\nname = 'a'") is None
    with pytest.raises(ValueError, match=r"Expected a repository at https://github\.com/"):
        released("[project]\nurls.Repository = 'https://example.org/a/b'")
    address = "https://github.com/some-one/some-where"
    release = released(f"[project]\nversion = '7.8.9'\nurls.Repository = '{address}.git'")
    shutil.copy(TEACHING / "1_saddles_answers.ipynb", tmp_path)
    lesson = nbformat.read(hand_out(tmp_path / "1_saddles_answers.ipynb", release), as_version=4)
    nbformat.validate(lesson)
    first, link, set_up, *rest = lesson.cells
    assert [first, *rest] == [cell for cell in cells("1_saddles") if not cell.id.startswith("colab")]
    where = "some-one/some-where/blob/v7.8.9/notebooks/teaching/1_saddles.ipynb"
    assert link.source == f"[Open in Colab](https://colab.research.google.com/github/{where})"
    commands: list[str] = []
    names: dict[str, Any] = {"get_ipython": lambda: SimpleNamespace(system=commands.append)}
    exec(set_up.source, names)
    assert not commands
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    exec(set_up.source, names)
    install, fetch = commands
    wheel = "landscape_widget-7.8.9-py3-none-any.whl"  # the package of that name on PyPI is another one
    assert install == f"pip install {address}/releases/download/v7.8.9/{wheel}"
    assert fetch.endswith("/some-one/some-where/v7.8.9/notebooks/teaching/checks.py")


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_s_page_shows_what_its_cells_do_and_no_answer(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folded away, each picture below its cell, as one predicts before one sees."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "site"))
    from notebook_pages import convert

    convert(TEACHING / f"{name}.ipynb", TEACHING, tmp_path)
    page = (tmp_path / f"{name}.md").read_text("utf-8")
    lesson = [cell for cell in cells(name) if cell.cell_type == "code"]
    assert [source for source, _ in CELL.findall(page)] == [cell.source for cell in lesson]
    stored = {cell.id: cell for cell in cells(f"{name}_answers") if cell.cell_type == "code"}
    for cell, (_, folded) in zip(lesson, CELL.findall(page), strict=True):
        shown = [(tmp_path / path).read_bytes() for path in re.findall(r"!\[.*\]\((.*)\)", folded)]
        expected = pictures(stored[cell.id]) if cell.id in stored else []
        assert shown == [b64decode(output.data["image/png"]) for output in expected]
        assert not CHANGE.search(cell.source), "the words before a picture are about another one"
    assert "![" not in CELL.sub("", page)
    printed = "".join(output.get("text", "") for cell in stored.values() for output in cell.outputs)
    of_answers = {"Right."} | set(re.findall(r"^(?:Not|You) .*", printed, re.MULTILINE))
    assert len(of_answers) > 1, "a lesson asks for something"
    assert not of_answers & {line.strip() for line in page.splitlines()}


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_and_its_answers_are_right(
    name: str, at_home: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the cells that a student does not get; what stands in their place before is none."""
    names: dict[str, Any] = {}
    lesson = [cell for cell in cells(f"{name}_answers") if cell.cell_type == "code"]
    answers = ["answer" in cell.metadata.get("tags", []) for cell in lesson]
    assert sum(answers) >= 4
    for cell, answered_next in zip(lesson, [*answers[1:], False], strict=True):
        source = cell.source
        for large, small in SMALLER.get(name, {}).items():
            source = source.replace(large, small)
        for words, click in CLICKS.items():
            if words in source:
                exec(click, names)
        exec(compile(source, f"{name}, {cell.id}", "exec"), names)
        said = capsys.readouterr().out
        right = len(re.findall(r"^Right\.$", said, re.MULTILINE))
        assert right == (0 if answered_next else len(re.findall(r"^check\(", source, re.MULTILINE))), said
        for loss in re.findall(r"where training stopped ([\d.]+),", said):
            (stopped,) = [pin for pin in names["explorer"].pins if pin.alpha == pin.beta == 0]
            assert loss == f"{stopped.values.test.loss:.4f}"
    names["explorer"].close()


def test_a_copy_with_the_same_weights_is_not_rescaled(
    at_home: None, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    setup, exercise = [cell.source for cell in cells("2_flat_and_sharp") if cell.cell_type == "code"][:2]
    exec(setup.replace("range(20)", "range(1)"), names)
    assert "weight.mul_(c)" in exercise
    exec(exercise.replace("weight.mul_(c)", "weight.mul_(1)"), names)
    assert "Not yet." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "truth", "said"),
    [
        (..., 2.0, "Not answered yet"),
        (2, 2.0, "Right."),
        (2.05, 2.0, "Right."),
        (2.2, 2.0, "Not yet. Look there."),
        (-2, 2.0, "Not yet. Look there."),
        (0, 0.0, "Right."),
        (0.1, 0.0, "Not yet. Look there."),
        (float("nan"), 2.0, "Expected a number, got nan."),
        (float("inf"), 2.0, "Expected a number, got inf."),
        ("two", 2.0, "Expected a number, got 'two'."),
        (True, 1.0, "Expected a number, got True."),
        (None, 1.0, "Expected a number, got None."),
        (" Saddle", "saddle", "Right."),
        ("a saddle.", "saddle", "Right."),
        ("smaller rate", "the smaller rate", "Right."),
        ("A minimum", "saddle", "Not yet. Look there."),
        ("minimum", "saddle", "Not yet. Look there."),
        (1, "saddle", "Expected a word in quotation marks, got 1."),
        (True, True, "Right."),
        (False, True, "Not yet. Look there."),
        (1, True, "Expected True or False, got 1."),
        ("yes", True, "Expected True or False, got 'yes'."),
    ],
)
def test_answers_of_every_kind(check: Callable[..., str], answer: Any, truth: Any, said: str) -> None:
    assert check(answer, truth, "Look there.").startswith(said)


def test_a_number_of_torch_or_numpy_is_one(check: Callable[..., str]) -> None:
    import numpy as np
    import torch

    assert check(np.float32(2), 2.0, "") == check(torch.tensor(2.0), 2.0, "") == check(np.array(2), 2.0, "")
    assert check(torch.tensor(500.0), 500.0, "") == "Right."
    assert check(torch.tensor([2.0, 3.0]), 2.0, "").startswith("Expected a number")
