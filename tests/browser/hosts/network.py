"""No page of a test reaches the network: what hosts load from there comes from installed packages."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import anywidget
from playwright.sync_api import BrowserContext, Route

HERE = Path(__file__).parent
#: All but this machine, which browsers ask without the tests' help: these may be waiting for an answer.
FOREIGN = re.compile(r"^(https?|wss?)://(?!(localhost|127\.0\.0\.1)[:/])")
#: What a page from a file asks anybody for.
ANYTHING = re.compile(r"^(https?|wss?):")

#: What notebooks that were converted load to bring widgets to life.
_MANAGER = re.compile(
    r"^https://(?:unpkg\.com|cdn\.jsdelivr\.net/npm)/(@jupyter-widgets/html-manager)@[^/]+/(dist/[^?]+)"
)
_REQUIRE = re.compile(r"^https://cdnjs\.cloudflare\.com/ajax/libs/require\.js/[^/]+/require(\.min)?\.js$")

#: Decorations that a host's page asks for and does without.
_EMPTY = re.compile(r"^https://(cdnjs\.cloudflare\.com|cdn\.jsdelivr\.net|cdn\.holoviz\.org)/.*\.css(\?.*)?$")
_ANYWIDGET = re.compile(r"^https://(unpkg\.com|cdn\.jsdelivr\.net/npm)/anywidget@[^/]+/dist/index(\.js)?$")
#: Solara's server fetches for its pages; it cannot here.
_SOLARA = re.compile(r"/_solara/cdn/((?:@[^/]+/)?[^@/]+)@[^/]+/([^?]+)")


def install_packages() -> None:
    """Install the packages of the front ends where that is not done yet.

    Raises:
        RuntimeError: If npm fails; the message holds what it printed.
    """
    done, asked = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    if done.exists() and done.stat().st_mtime >= asked.stat().st_mtime:
        return
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ran = subprocess.run(command, check=False, cwd=HERE, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"npm ci failed:\n{ran.stdout}\n{ran.stderr}")


class Network:
    """Stands between the pages of a browser context and all addresses but this machine's.

    A regular expression asks for each request: a glob such as ``http*://**`` matches none of them.

    Args:
        context: Of the pages.
        packages: Whether the pages have a host, and what is installed here is there to be had, too; pages
            from files may ask for nothing.
    """

    def __init__(self, context: BrowserContext, packages: bool = True) -> None:
        self.refused: list[str] = []
        self._packages = packages
        if packages:
            context.route(FOREIGN, self._answer)
            context.route(_SOLARA, self._answer)
        else:  # the sockets of a page with a host would go through Python, too
            context.route(ANYTHING, self._answer)
            context.route_web_socket(ANYTHING, lambda socket: self.refused.append(socket.url))

    def _answer(self, route: Route) -> None:
        url = route.request.url
        if match := _SOLARA.search(url):
            route.fulfill(path=HERE / "node_modules" / match[1] / match[2])
        elif not self._packages:
            self.refused.append(url)
            route.abort()
        elif match := _MANAGER.match(url):
            route.fulfill(path=HERE / "node_modules" / match[1] / match[2])
        elif _REQUIRE.match(url):
            route.fulfill(path=HERE / "node_modules" / "requirejs" / "require.js")
        elif _ANYWIDGET.match(url):
            route.fulfill(path=Path(anywidget.__file__).parent / "nbextension" / "index.js")
        elif "/mathjax/" in url:
            route.fulfill(body="", content_type="text/javascript")
        elif _EMPTY.match(url):
            route.fulfill(body="", content_type="text/css")
        else:
            self.refused.append(url)
            route.abort()

    def check(self) -> None:
        """Fail if a page has asked for anything else than its host."""
        assert not self.refused, f"asked the network for {self.refused}"
