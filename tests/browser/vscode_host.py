"""VS Code's widget manager on a page of its own, under a content security policy."""

from __future__ import annotations

import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import anywidget

from .browser import Watch
from .jupyter import JupyterServer

HOST = Path(__file__).parent / "vscode"
NBEXTENSIONS = {"/nbextensions/anywidget/": Path(anywidget.__file__).parent / "nbextension"}


def build_host() -> Path:
    """Install and bundle the page where that is not done yet, and return its folder.

    Raises:
        RuntimeError: If npm or esbuild fails; the message holds what they printed.
    """
    installed = HOST / "node_modules" / ".package-lock.json"
    bundle = HOST / "dist" / "host.js"
    if _older(installed, HOST / "package-lock.json"):
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    sources = [HOST / name for name in ("host.js", "index.html", "build.js")]
    if _older(bundle, installed, *sources):
        _run("node", "build.js")
    return bundle.parent


def _older(target: Path, *sources: Path) -> bool:
    if not target.exists():
        return True
    return any(source.stat().st_mtime > target.stat().st_mtime for source in sources)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, cwd=HOST, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")


class HostServer:
    """Serves the page, its scripts and the notebook extensions, each with the webview's policy.

    Args:
        folder: The built page.
        jupyter_url: The one other address that the page may connect to.
    """

    def __init__(self, folder: Path, jupyter_url: str) -> None:
        address = urlsplit(jupyter_url).netloc
        policy = "; ".join(
            [
                "default-src 'none'",
                # No unsafe-eval and no unsafe-inline. anywidget imports a module from a blob.
                "script-src 'self' blob:",
                "style-src 'self' 'unsafe-inline'",
                "img-src 'self' data: blob:",
                "font-src 'self' data:",
                f"connect-src 'self' http://{address} ws://{address}",
            ]
        )
        handler = partial(_Handler, policy=policy, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object, policy: str, directory: str) -> None:
        self._policy = policy
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def translate_path(self, path: str) -> str:
        for prefix, folder in NBEXTENSIONS.items():
            if path.startswith(prefix):
                return str(folder / Path(urlsplit(path).path).name)
        return super().translate_path(path)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self._policy)
        super().end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay silent: pytest shows what matters."""


class VSCode:
    """The page with a kernel behind it.

    Args:
        server: Runs the kernel.
        host: Serves the page.
        watch: The page to open it in.
    """

    def __init__(self, server: JupyterServer, host: HostServer, watch: Watch) -> None:
        self._server = server
        self.watch = watch
        self.page = watch.page
        self.kernel_id = server.start_kernel()
        self.kernel = server.connect(self.kernel_id)
        self.page.goto(host.url)
        self.page.wait_for_function("window.host")
        self.page.evaluate(
            "([url, token, id]) => window.host.open(url, token, id)",
            [server.url, server.token, self.kernel_id],
        )

    def execute(self, code: str) -> str:
        """Run code as one cell, show the widgets it displays, and return what it printed."""
        return str(self.page.evaluate("code => window.host.execute(code)", code))

    def set_theme(self, theme: str) -> None:
        """Change between "light" and "dark" as VS Code does."""
        self.page.evaluate("theme => window.host.setTheme(theme)", theme)

    def close(self) -> None:
        """Close the page, then end the kernel: a page whose kernel is gone complains."""
        self.page.close()
        self.kernel.close()
        self._server.shut_down_kernel(self.kernel_id)
