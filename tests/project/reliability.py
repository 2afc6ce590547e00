"""The table of what was endured in the docs, written from the tests that show it, once all of them pass.

Run it as ``python -m tests.project.reliability`` from the repository's root: it runs these tests and writes
the table anew.
"""

from __future__ import annotations

import re
import subprocess
import sys

from .floors import ROOT

PAGE = ROOT / "docs" / "scale.md"
TABLE = re.compile(r"(?<=<!-- reliability -->\n).*?(?=<!-- /reliability -->)", re.DOTALL)

#: What was tried, what came of it, and the test that does so.
ROWS = (
    (
        "1,000 moves of controls from two threads while it computes",
        "the picture of an explorer that was never moved, bit for bit",
        "explorer/test_soak.py::test_a_thousand_moves_from_two_tabs",
    ),
    (
        "100 explorers opened, computed and closed",
        "no thread and no data are left",
        "explorer/test_soak.py::test_a_hundred_explorers_opened_and_closed",
    ),
    ("200 pins", "each has its loss, and all can be removed", "explorer/test_soak.py::test_two_hundred_pins"),
    (
        "a forward that hangs",
        "saving anew, pages, cancelling, controls and other explorers work",
        "explorer/test_soak.py::test_a_forward_that_hangs_leaves_the_rest_usable",
    ),
    (
        "a worker is killed in a plane (loky, Dask)",
        "the same bits",
        "objective/test_workers.py::test_a_worker_that_is_killed",
    ),
    (
        "a worker is killed in a product (loky, Dask)",
        "the same bits",
        "objective/test_shared_products.py::test_a_worker_that_is_killed",
    ),
    (
        "a job of submitit is killed",
        "the same bits",
        "objective/test_submitted_jobs.py::test_a_job_that_is_killed",
    ),
    (
        "all workers are gone",
        "a clear error; what was finished is kept, and the same call goes on",
        "explorer/test_executor.py::test_workers_that_are_gone_and_back",
    ),
    (
        "a model that raises at a point",
        "a hole, and the error is named",
        "explorer/test_executor.py::test_a_point_that_fails_is_a_hole_and_named",
    ),
    ("a slow worker", "one tile waits", "objective/test_workers.py::test_a_slow_worker_holds_up_one_tile"),
    (
        "a worker of another version",
        "refused by name",
        "objective/test_workers.py::test_workers_of_another_version",
    ),
    (
        "cancelling with workers",
        "what none has begun is withdrawn",
        "explorer/test_executor.py::test_cancel_reaches_the_workers",
    ),
    (
        "cancelling what workers are at (loky, Dask)",
        "they leave it within a few products",
        "objective/test_cancelled_tasks.py::test_nodes_of_a_convexity_map_end_within_a_few_products",
    ),
    (
        "SIGKILL of the kernel",
        "at most the last seconds are lost, and a search for eigenpairs that had not ended",
        "explorer/test_autosave.py::test_a_killed_kernel_loses_seconds_of_work",
    ),
    (
        "a full or vanished disk",
        "it computes on, and says so once",
        "explorer/test_autosave.py::test_where_the_file_cannot_be_written_it_computes_all_the_same",
    ),
    (
        "an interrupt in `compute()`",
        "cancelled; it computes again",
        "explorer/test_explorer.py::test_an_interrupt_of_the_kernel_cancels",
    ),
    (
        "interrupts at any line of the explorer's own code",
        "it computes afterwards",
        "explorer/test_lifecycle.py::test_an_interrupt_at_any_time_leaves_an_explorer_that_computes",
    ),
    (
        "a forked process",
        "hangs nowhere, and says why it does not compute",
        "explorer/test_lifecycle.py::test_a_process_that_is_forked_hangs_nowhere",
    ),
    (
        "a clock that is set back or forward",
        "the kernel reads none that can be set",
        "project/test_reliability.py::test_no_clock_that_can_be_set_is_read",
    ),
    (
        "files cut short at any length",
        "refused",
        "export/test_archive.py::test_a_file_that_was_cut_short_is_refused_at_any_length",
    ),
    (
        "a damaged byte anywhere in a file",
        "noticed, or means nothing",
        "export/test_archive.py::test_a_damaged_byte_is_noticed_or_means_nothing",
    ),
    (
        "crafted files",
        "refused, or they serve",
        "export/test_crafted_files.py::test_what_is_changed_anywhere_is_refused_or_serves",
    ),
    (
        "unknown messages from the page",
        "nothing happens",
        "explorer/test_explorer_page.py::test_unknown_messages_do_nothing",
    ),
    (
        "bad values from the page",
        "refused, and nothing changes",
        "explorer/test_explorer_page.py::test_a_bad_value_from_the_page_changes_nothing",
    ),
    (
        "arguments of wrong kinds",
        "it is said what was expected",
        "project/test_wrong_kinds.py::test_what_was_expected_is_said",
    ),
)


def table() -> str:
    """The rows in Markdown."""
    lines = ["| tried | outcome | test |", "|---|---|---|"]
    for tried, outcome, test in ROWS:
        name = test.partition("::")[2].removeprefix("test_").replace("_", " ")
        lines.append(f"| {tried} | {outcome} | {name} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs the tests, and writes the table if they pass."""
    tests = [f"tests/{test}" for _, _, test in ROWS]
    if subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], cwd=ROOT, check=False).returncode:
        sys.exit("Not written: not all of it holds.")
    PAGE.write_text(TABLE.sub(lambda _: table(), PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
