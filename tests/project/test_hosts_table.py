"""The docs name each host that the tests start, at the version that is pinned."""

from __future__ import annotations

import re

from ..browser.hosts.hosts import HOSTS
from . import hosts_table


def test_the_table_of_hosts_is_that_of_what_is_run() -> None:
    page = hosts_table.PAGE.read_text("utf-8")
    assert len(hosts_table.TABLE.findall(page)) == 1
    assert hosts_table.written(page) == page, "run python -m tests.project.hosts_table"


def test_each_host_has_a_row() -> None:
    assert list(hosts_table.ROWS) == list(HOSTS)
    rows = re.findall(r"^\| (.*?) \|", hosts_table.table(), re.MULTILINE)
    assert {name for name, *_ in hosts_table.ROWS.values()} < set(rows)


def test_a_version_that_is_not_pinned_is_noticed() -> None:
    assert hosts_table.pinned("panel").split(".")[0] == "1"
    old = hosts_table.table().replace(hosts_table.pinned("marimo"), "0.1.0")
    page = f"<!-- hosts -->\n{old}<!-- /hosts -->"
    assert hosts_table.written(page) != page
