"""Jobs of submitit on this machine whose processes are forked from one that has loaded what they need."""

from __future__ import annotations

import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from traceback import print_exc
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import submitit
from submitit.core.submission import process_job
from submitit.core.utils import JobPaths
from submitit.local import local

from .conftest import forked


class _Task:
    """The process of a task, which submitit's controller would start Python for."""

    def __init__(
        self, command: list[str], *, env: dict[str, str], stdout: Any, stderr: Any, **_: Any
    ) -> None:
        self._code: int | None = None
        self._pid = os.fork()
        if self._pid:
            return
        code = 1
        try:
            os.environ.update(env)
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            process_job(command[-1])
            code = 0
        except BaseException:
            print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self._pid, number)


class _Controller:
    """The process of submitit's controller, for what it asks of one."""

    def __init__(self, process: BaseProcess) -> None:
        self._process, self.pid = process, process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self._process.pid, number)


def _controlled(folder: Path, environment: dict[str, str]) -> None:
    """A job under submitit's controller, until it ends."""
    os.environ.update(environment)
    local.subprocess = SimpleNamespace(Popen=_Task)
    above = JobPaths.get_first_id_independent_folder(folder)
    os.dup2(os.open(above / "terminal", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    local.Controller(folder).run()


class Local(submitit.LocalExecutor):
    """Submitit's files, controller and signals, and its name, without what starting Python takes.

    What its controllers would leave in a terminal goes to a file of that name.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.jobs: list[local.LocalJob[Any]] = []
        """Those that were sent."""

    def _submit_command(self, command: str) -> local.LocalJob[Any]:
        with patch.object(local, "subprocess", SimpleNamespace(Popen=self._start)):
            self.jobs.append(super()._submit_command(command))
        return self.jobs[-1]

    def _start(self, _: list[str], *, env: dict[str, str], **__: Any) -> _Controller:
        process = forked().Process(target=_controlled, args=(self.folder, env), daemon=True)
        process.start()
        return _Controller(process)
