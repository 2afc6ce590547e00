"""A page of documentation that Sphinx makes of a notebook, which myst-nb executes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.conftest import OUTPUT
from tests.browser.lab import write_notebook

from . import sources
from .documents import NAMES, assert_pictures
from .network import Network

CONFIGURATION = "extensions = ['myst_nb']\nnb_execution_mode = 'force'\nnb_execution_raise_on_error = True\n"


def test_a_page_that_sphinx_executes_shows_a_picture_of_each(browser: Browser, tmp_path: Path) -> None:
    source, made = tmp_path / "source", tmp_path / "made"
    source.mkdir()
    (source / "conf.py").write_text(CONFIGURATION)
    write_notebook(source / "index.ipynb", [sources.made(tmp_path / "slow"), *NAMES])
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-b", "html", str(source), str(made)],
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with browser.new_context() as context:
        Network(context, packages=False)
        page = context.new_page()
        page.goto((made / "index.html").as_uri(), wait_until="commit")
        assert_pictures(page)
        OUTPUT.mkdir(exist_ok=True)
        page.screenshot(path=OUTPUT / "sphinx.png")
