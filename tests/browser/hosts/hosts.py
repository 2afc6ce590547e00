"""The hosts: how each is started, opened and ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Page

from tests.browser.browser import Watch
from tests.browser.jupyter import JupyterServer, KernelClient
from tests.browser.lab import write_notebook
from tests.browser.vscode_host import HostServer, VSCode, build_host
from tests.browser.waiting import wait_until

from . import sources
from .network import install_packages
from .served import Served


class Host(Protocol):
    """A host that runs, with a page that shows four views of three explorers; without a kernel, one view."""

    slow: Path
    """While this file exists, the function is slow."""
    kernel: bool
    """Whether there is a kernel. A page without one needs nothing of a network."""
    own_sessions: bool
    """Whether each page that is opened has explorers of its own."""

    def open(self, page: Page) -> None:
        """Have a page show them."""

    def reload(self, page: Page) -> None:
        """Have the page load anew."""

    def kill(self) -> None:
        """End the kernel under the open pages."""

    def stop(self) -> None:
        """End everything."""


class App:
    """A host that serves a program.

    Args:
        folder: Where it runs.
        name: Of the program's file.
        source: The program.
        command: Module and arguments, with "{port}" for the port.
        path: Of the page.
        dark: What follows the path of a dark page, where the host does not follow the system.
    """

    kernel = own_sessions = True

    def __init__(
        self, folder: Path, name: str, source: str, command: list[str], path: str = "", dark: str = ""
    ) -> None:
        self.slow = folder / "slow"
        self._dark = dark
        (folder / name).write_text(source)
        self._server = Served(command, path, folder)

    def open(self, page: Page) -> None:
        dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        # Voila's page has loaded once its notebook is executed, for which the tests wait themselves
        page.goto(self._server.url + (self._dark if dark else ""), wait_until="commit")

    def reload(self, page: Page) -> None:
        page.reload(wait_until="commit")

    def kill(self) -> None:
        self._server.kill()

    def stop(self) -> None:
        self._server.kill()


MARIMO = """[display]
theme = "system"

[runtime]
auto_instantiate = true
"""
"""What a person sets in marimo: the theme, else light, and that a notebook runs when it is opened."""


def marimo(how: str) -> Callable[[Path], Host]:
    def start(folder: Path) -> Host:
        (folder / "marimo").mkdir()
        (folder / "marimo" / "marimo.toml").write_text(MARIMO)
        command = ["marimo", how, "app.py", "--headless", "--no-token", "--port", "{port}"]
        app = App(folder, "app.py", sources.marimo(folder / "slow"), command)
        # Of a notebook that is edited there is one, which another page takes over.
        app.own_sessions = how == "run"
        return app

    return start


def solara(folder: Path) -> Host:
    install_packages()
    command = [
        "solara",
        "run",
        "app.py",
        "--production",
        "--no-open",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
    ]
    return App(folder, "app.py", sources.solara(folder / "slow"), command, "/", "?dark")


def panel(folder: Path) -> Host:
    command = ["panel", "serve", "app.py", "--address", "127.0.0.1", "--port", "{port}"]
    return App(folder, "app.py", sources.panel(folder / "slow"), command, "/app")


def voila(folder: Path) -> Host:
    write_notebook(folder / "app.ipynb", sources.cells(folder / "slow"))
    command = ["voila", "app.ipynb", "--no-browser", "--port={port}", "--Voila.ip=127.0.0.1"]
    # extensions of JupyterLab that other hosts brought along, and that complain here
    for extension in ("@pyviz/jupyterlab_pyviz", "@jupyter-notebook/lab-extension"):
        command.append(f"--VoilaConfiguration.extension_denylist={extension}")
    return App(folder, "notes.txt", "", command, "/", "?theme=dark")


class Jupyter:
    """JupyterLab or Notebook 7: one kernel, which every page of the notebook shares."""

    kernel, own_sessions = True, False

    def __init__(self, folder: Path, application: str, path: str) -> None:
        self.slow = folder / "slow"
        self._folder = folder
        self.server = JupyterServer(folder / "server", application)
        self._path = path
        write_notebook(self.server.root / "app.ipynb", sources.cells(self.slow))
        self.server.start()

    def open(self, page: Page) -> None:
        fresh = not self.sessions()
        page.goto(f"{self.server.url}/{self._path}/app.ipynb?token={self.server.token}")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
        wait_until(
            lambda: any(s["kernel"]["execution_state"] == "idle" for s in self.sessions()), "a kernel", 120
        )
        if fresh:
            page.locator(".jp-CodeCell .jp-InputArea-editor").first.click()
            for _ in range(2):
                page.keyboard.press("Shift+Enter")
            # another page of the notebook has its outputs from the file
            page.get_by_test_id("landscape-explorer").nth(3).wait_for(timeout=120_000)
            page.keyboard.press("Control+s")
            path = self.server.root / "app.ipynb"
            wait_until(lambda: path.read_text().count("widget-view+json") == 4, "the saved notebook", 60)
        if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"):
            self._darken(page)

    def reload(self, page: Page) -> None:
        page.reload()

    def _darken(self, page: Page) -> None:
        """Have the page follow a person who wants it dark, as that person does: Notebook 7 does by itself."""
        if page.locator("body").get_attribute("data-jp-theme-light") == "false":
            return
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        for label in ("Theme", "JupyterLab Dark"):
            page.locator(".lm-Menu").get_by_text(label, exact=True).click()
        page.locator("body[data-jp-theme-light='false']").wait_for(state="attached")

    def sessions(self) -> list[dict[str, dict[str, str]]]:
        """What runs on the server."""
        return list(self.server.request("GET", "sessions"))

    def kill(self) -> None:
        kernel = self.server.connect(self.sessions()[0]["kernel"]["id"])
        kill(kernel)
        kernel.close()

    def stop(self) -> None:
        self.server.stop()


class VSCodeWindows:
    """VS Code's widget manager: each window has a kernel of its own, and forgets it when it loads anew."""

    kernel = own_sessions = True

    def __init__(self, folder: Path) -> None:
        self.slow = folder / "slow"
        self._server = JupyterServer(folder / "server")
        self._server.start()
        self._host = HostServer(build_host(), self._server.url)
        self._host.start()
        self._kernels: list[KernelClient] = []

    def open(self, page: Page) -> None:
        window = VSCode(self._server, self._host, Watch(page))
        self._kernels.append(window.kernel)
        if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"):
            window.set_theme("dark")
        for cell in sources.cells(self.slow):
            window.execute(cell)

    def reload(self, page: Page) -> None:
        self.open(page)

    def kill(self) -> None:
        kill(self._kernels[-1])

    def stop(self) -> None:
        for kernel in self._kernels:
            kernel.close()
        self._host.stop()
        self._server.stop()


class StaticPage:
    """What `to_html` writes, opened from its file: it holds the planes that the acts choose."""

    kernel, own_sessions = False, True

    def __init__(self, folder: Path) -> None:
        self.slow = folder / "slow"
        self._path = folder / "page.html"
        sources.static(self.slow, self._path)

    def open(self, page: Page) -> None:
        page.goto(self._path.as_uri(), wait_until="commit")

    def reload(self, page: Page) -> None:
        page.reload()

    def kill(self) -> None:
        """Nothing can be ended."""

    def stop(self) -> None:
        """Nothing runs."""


def kill(kernel: KernelClient) -> None:
    """End a kernel at once."""
    os.kill(kernel.value("__import__('os').getpid()"), signal.SIGKILL)


HOSTS: dict[str, Callable[[Path], Host]] = {
    "jupyterlab": lambda folder: Jupyter(folder, "jupyterlab", "lab/tree"),
    "notebook": lambda folder: Jupyter(folder, "notebook", "notebooks"),
    "marimo-run": marimo("run"),
    "marimo-edit": marimo("edit"),
    "solara": solara,
    "voila": voila,
    "panel": panel,
    "vscode": VSCodeWindows,
    "static": StaticPage,
}
