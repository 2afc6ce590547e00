"""Gathers the site's pages and builds it: ``make site``, into ``build/site``, which opens from its folder.

The front page is the README's; where a page has a picture of the explorer, the site has a live page.
Notebooks are shown with what is stored in them, in lessons folded away; the gallery is
computed (a minute or two). A warning of MkDocs is an error.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path

from gallery import GALLERY, Piece, show
from mkdocs.commands.build import build
from mkdocs.config import load_config
from notebook_pages import convert

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGES = ROOT / "build" / "pages"

REFERENCE = "# Reference\n\nAll public names with their arguments and errors.\n\n::: landscape_widget\n"
LIVE = '<iframe class="live" src="gallery/{}.html" title="The explorer, live: {}"></iframe>'


def gather(pages: Path, pieces: list[Piece]) -> None:
    """Writes all pages to an empty folder ``pages``."""
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    name, title, *_ = pieces[0]
    live = LIVE.format(name, title)
    for path in (ROOT / "docs").glob("*.md"):
        (pages / path.name).write_text(alive(at_home(path.read_text("utf-8")), live), "utf-8")
    shutil.copytree(ROOT / "docs" / "images", pages / "images")
    shutil.copy(HERE / "site.css", pages)
    shutil.copy(ROOT / "CITATION.cff", pages)
    shim = ROOT / "js" / "node_modules" / "iframe-worker" / "shim" / "index.js"
    shutil.copy(shim, pages / "iframe-worker.js")
    for path in [*(ROOT / "notebooks").glob("[0-9]*.ipynb"), *(ROOT / "notebooks/teaching").glob("*.ipynb")]:
        convert(path, ROOT, pages)
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        (pages / name).write_text(from_root((ROOT / name).read_text("utf-8")), "utf-8")
    (pages / "reference.md").write_text(REFERENCE, "utf-8")
    cards = show(pages / "gallery", pieces)
    words = "Each opens a page with live controls, which needs no Python and no network."
    (pages / "gallery.md").write_text(f"# Gallery\n\n{words}\n\n{cards}", "utf-8")
    (pages / "index.md").write_text(alive(from_root((ROOT / "README.md").read_text("utf-8")), live), "utf-8")


def alive(text: str, live: str) -> str:
    """A page with a live one in the place of a picture that stands in a line of its own."""
    lines = [live if line.startswith("![") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def from_root(text: str) -> str:
    """A page of the root with links as the site has them."""
    return at_home(text.replace("](docs/", "]("))


def at_home(text: str) -> str:
    """A page of the docs with links to notebooks as the site has them."""
    return text.replace("](../notebooks/", "](notebooks/").replace(".ipynb)", ".md)").replace("](../", "](")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, default=len(GALLERY), help="of the gallery, for a quick look")
    gather(PAGES, GALLERY[: parser.parse_args().pieces])
    config = load_config(str(ROOT / "mkdocs.yml"))
    config.theme.static_templates.remove("404.html")  # a server's page: its addresses begin at a root
    build(config)
