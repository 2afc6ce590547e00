"""The table of hosts in the docs, written from what the tests start and the versions that are pinned.

Run it as ``python -m tests.project.hosts_table`` from the repository's root to write the table anew.
"""

from __future__ import annotations

import ast
import json
import re

from ..browser.hosts.conftest import WITHOUT_KERNEL
from .floors import ROOT

PAGE = ROOT / "docs" / "hosts.md"
HOSTS = ROOT / "tests" / "browser" / "hosts"
TABLE = re.compile(r"(?<=<!-- hosts -->\n).*?(?=<!-- /hosts -->)", re.DOTALL)

#: By the name of a host in tests/browser/hosts/hosts.py: what people call it, its packages, and a remark.
ROWS = {
    "jupyterlab": ("JupyterLab", ["jupyterlab"], "further tests of its own, in `make test`"),
    "notebook": ("Notebook", ["notebook"], ""),
    "marimo-run": ("marimo `run`", ["marimo"], "in a shadow root"),
    "marimo-edit": ("marimo `edit`", ["marimo"], "in a shadow root"),
    "solara": (
        "Solara",
        ["solara"],
        "its page comes from a delivery network, served from npm packages in the tests",
    ),
    "voila": ("Voila", ["voila"], ""),
    "panel": (
        "Panel",
        ["panel", "ipywidgets_bokeh"],
        "in a shadow root; anywidget comes from a delivery network",
    ),
    "vscode": (
        "VS Code's widget manager, `@vscode/jupyter-ipywidgets8`",
        ["@vscode/jupyter-ipywidgets8"],
        "under a webview's content policy; further tests of its own, in `make test`",
    ),
    "static": (
        "a static page, `explorer.to_html`'s",
        [],
        "control among the planes that it holds; these and further tests of its own, in `make test`",
    ),
}


def pinned(package: str) -> str:
    """The version of a package that constraints.txt names, or package.json where it is one of npm's."""
    if package.startswith("@"):
        packages = json.loads((HOSTS.parent / "vscode" / "package.json").read_text("utf-8"))
        return str(packages["dependencies"][package])
    (version,) = re.findall(
        rf"^{re.escape(package)}==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE
    )
    return version


def acts() -> list[str]:
    """What is done in each host, in order: the names of the tests."""
    tree = ast.parse((HOSTS / "test_acts.py").read_text("utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [name.removeprefix("test_").replace("_", " ") for name in names if name.startswith("test_")]


def table() -> str:
    """The acts and the table, in Markdown."""
    done = acts()
    left_out = [act for act in done if f"test_{act.replace(' ', '_')}[static]" in WITHOUT_KERNEL]
    lines = [
        f"The {len(done)} acts: {'; '.join(done)}.",
        "",
        "| host | version | what is run |",
        "|---|---|---|",
    ]
    for name, packages, remark in ROWS.values():
        first, *others = [f"{package} {pinned(package)}" for package in packages] or [" "]
        version = " with ".join([first.split(" ")[1], *others])
        run = "all acts" if packages else f"all acts but “{'” and “'.join(left_out)}”"
        lines.append(f"| {name} | {version} | {'; '.join(filter(None, [run, remark]))} |")
    lines += [
        "| `js/dev` in a shadow root | | tests of its own, in `make test` |",
        f"| nbconvert's pages | {pinned('nbconvert')} | a picture without a network; alive with the state of"
        " widgets |",
        f"| `embed_minimal_html` | ipywidgets {pinned('ipywidgets')} | the explorer, without a kernel |",
        f"| Sphinx with myst-nb | {pinned('myst-nb')} | a picture of each explorer |",
        "| Colab | | not tested; by its rules, see below |",
    ]
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """The page with the table as it is now."""
    return TABLE.sub(lambda _: table(), page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
