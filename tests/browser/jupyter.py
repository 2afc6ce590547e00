"""A Jupyter server of the tests' own, and a second client to its kernels."""

from __future__ import annotations

import ast
import json
import os
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from .waiting import wait_until

LAB_SETTINGS = {
    # JupyterLab otherwise asks on a fresh profile whether it may fetch news.
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    # An auto-save in the middle of a test competes with the comparison that the test makes.
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}


class JupyterServer:
    """JupyterLab in folders of its own, so that the user's settings neither help nor hurt.

    Args:
        folder: Holds the notebooks, the configuration, the runtime files and the log.
        application: The module that is run, "jupyterlab" or "notebook".
    """

    def __init__(self, folder: Path, application: str = "jupyterlab") -> None:
        self._application = application
        self.root = folder / "notebooks"
        self.log = folder / "server.log"
        self.token = secrets.token_hex(16)
        self._runtime = folder / "runtime"
        self._config = folder / "config"
        settings = self._config / "labconfig"
        for path in (self.root, self._runtime, settings):
            path.mkdir(parents=True)
        (settings / "default_setting_overrides.json").write_text(json.dumps(LAB_SETTINGS))
        self._environment = os.environ | {
            "JUPYTER_CONFIG_DIR": str(self._config),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._runtime),
            "IPYTHONDIR": str(folder / "ipython"),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Start the server and return when it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", self._application, "--no-browser", "--allow-root"]
        command += ["--expose-app-in-browser"]
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.root,
            # The page that stands in for VS Code's webview has an origin of its own.
            "ServerApp.allow_origin": "*",
            "IdentityProvider.token": self.token,
        }
        command += [f"--{name}={value}" for name, value in options.items()]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(self._answers, f"{self._application} to answer", timeout=300)

    def stop(self) -> None:
        """Stop the server, which shuts its kernels down."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Call the server's REST interface and return the decoded answer."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = response.read()
        return json.loads(answer) if answer else None

    def start_kernel(self) -> str:
        """Start a kernel without a notebook and return its id."""
        return str(self.request("POST", "kernels", {"name": "python3"})["id"])

    def shut_down_kernel(self, kernel_id: str) -> None:
        """Shut one kernel down, if it is still there."""
        try:
            self.request("DELETE", f"kernels/{kernel_id}")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise

    def connect(self, kernel_id: str) -> KernelClient:
        """Return a client of its own to a running kernel."""
        return KernelClient(self._runtime / f"kernel-{kernel_id}.json")

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-3000:]}")
        try:
            self.request("GET", "status")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True


class KernelClient:
    """Asks a kernel for values behind the back of the page, as an independent witness.

    The blocking client runs an event loop; so does Playwright in the tests' thread. One thread of
    its own keeps the two apart.
    """

    def __init__(self, connection_file: Path) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._client = self._thread.submit(self._open, connection_file).result(timeout=30)

    @staticmethod
    def _open(connection_file: Path) -> BlockingKernelClient:
        client = BlockingKernelClient()
        client.load_connection_file(str(connection_file))
        client.start_channels(shell=True, iopub=False, stdin=False, hb=False, control=False)
        return client

    def run(self, code: str, timeout: float = 60) -> None:
        """Run statements, silently: no execution count, no output."""
        self._execute(code, {}, timeout)

    def value(self, expression: str, timeout: float = 60) -> Any:
        """Return the value of a Python expression, carried over as JSON."""
        answer = self._execute("", {"value": f"__import__('json').dumps({expression})"}, timeout)["value"]
        if answer["status"] != "ok":
            raise RuntimeError(f"{expression}: {answer['ename']}: {answer['evalue']}")
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def close(self) -> None:
        """Leave the kernel, which goes on running."""
        self._thread.submit(self._client.stop_channels).result(timeout=10)
        self._thread.shutdown()

    def _execute(self, code: str, expressions: dict[str, str], timeout: float) -> Any:
        def ask() -> Any:
            return self._client.execute(
                code,
                silent=True,
                store_history=False,
                user_expressions=expressions,
                reply=True,
                timeout=timeout,
            )

        content = self._thread.submit(ask).result(timeout=timeout + 5)["content"]
        if content["status"] != "ok":
            raise RuntimeError(f"{content['ename']}: {content['evalue']}")
        return content["user_expressions"]
