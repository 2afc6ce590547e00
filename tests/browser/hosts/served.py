"""Hosts that serve pages, each with explorers of its own, from one process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.browser.waiting import wait_until


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A host in a process of its own.

    Args:
        command: Module and arguments, with "{port}" for the port.
        path: Of the page.
        folder: Where it runs and writes its log.
    """

    def __init__(self, command: Sequence[str], path: str, folder: Path) -> None:
        port = free_port()
        self._log = folder / "server.log"
        self.url = f"http://127.0.0.1:{port}{path}"
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "MARIMO_SKIP_UPDATE_CHECK": "1",
            "XDG_CONFIG_HOME": str(folder),
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        }
        arguments = [part.replace("{port}", str(port)) for part in command]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # what it starts ends with it
            )
        try:
            wait_until(self._answers, f"{command[0]} to answer", timeout=180)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it at once, and its kernels with it."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"the host did not start:\n{self._log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(self.url, timeout=30):
                return True
        except urllib.error.HTTPError:
            return True
        except (urllib.error.URLError, ConnectionError):
            return False
