"""Scripts in processes of their own, which begin alike: what they begin with is done once, and forked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

#: Forks at every line that it reads, {"source": …, "out": …, "err": …}, and says how the child ended. A child
#: goes on as the rest of a script and ends as any script does.
_FORKS = """
import json, os, sys

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        for stream, path in ((1, order["out"]), (2, order["err"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
exec(order["source"], globals())
"""

#: Explorers' spectral densities take few steps: those of small problems took most of the time of tests. What
#: densities and the integral over them are is tested where they are computed, with as many as in use.
SHORT_DENSITIES = """
from landscape_widget.study import budget
budget.DENSITY_STEPS = 4
"""


#: What a first computation would load on the way, as well.
LOADED = """
import gc
import scipy.special, torch, torch.fx.experimental.symbolic_shapes
import landscape_widget

gc.freeze()  # children need not look through what libraries hold, nor copy it thereby
"""


class Scripts:
    """Runs scripts that begin alike, one after the other.

    Args:
        beginning: What they begin with; it may start no threads.
        folder: Holds what they print.
        environment: Variables for all of them.
    """

    def __init__(self, beginning: str, folder: Path, **environment: str) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", beginning + _FORKS],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._answers = ThreadPoolExecutor(1)

    def run(self, source: str, seconds: float) -> tuple[int, str, str]:
        """Runs the rest of a script, and returns its exit code and what it printed on both streams.

        Raises:
            TimeoutError: If it has not ended by then; none can be run after it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        out, err = self._folder / "out", self._folder / "err"
        for path in (out, err):
            path.unlink(missing_ok=True)
        self._process.stdin.write(json.dumps({"source": source, "out": str(out), "err": str(err)}) + "\n")
        self._process.stdin.flush()
        try:
            code = int(self._answers.submit(self._process.stdout.readline).result(seconds))
        except TimeoutError:
            self.close()
            raise
        return code, out.read_text(), err.read_text()

    def close(self) -> None:
        """Ends the process, and a script that still runs."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._answers.shutdown()
