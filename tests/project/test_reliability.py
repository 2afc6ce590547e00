"""The table of what was endured is that of tests which are there."""

from __future__ import annotations

import ast

import pytest
import torch

from tests.benchmarks.cluster import LATENCY, REPLACED, counted, simulated

from .floors import ROOT
from .reliability import PAGE, ROWS, TABLE, table


def test_the_docs_have_the_table() -> None:
    assert TABLE.findall(PAGE.read_text("utf-8")) == [table()]


@pytest.mark.parametrize("test", [row[2] for row in ROWS])
def test_each_row_has_its_test(test: str) -> None:
    path, _, name = test.partition("::")
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_no_clock_that_can_be_set_is_read() -> None:
    """By the kernel, so that one which is set while something computes changes nothing."""
    steady = {"monotonic", "perf_counter", "thread_time", "sleep"}
    for path in (ROOT / "landscape_widget").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert not {"time", "datetime"} & {alias.name for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom):
                assert node.module != "datetime", path
                assert node.module != "time" or {alias.name for alias in node.names} <= steady, path


def test_simulated_clusters_against_closed_forms() -> None:
    """Rounds of tiles where all are alike; and twice as long where all are slow."""
    for workers, rounds in ((1, 100), (7, 15), (64, 2)):
        assert simulated(100, 3.0, workers) == pytest.approx(rounds * (3.0 + LATENCY))
    assert simulated(100, 3.0, 7, slow=1.0) == pytest.approx(15 * (6.0 + LATENCY))
    assert simulated(10, 3.0, 2, lost=0.9, seed=1) > REPLACED


def test_operations_are_those_of_the_layers_and_add_up_over_images() -> None:
    """One multiplication and one addition for each weight of a dense layer and image."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 20), torch.nn.Linear(20, 10))
    one, four = counted(model, 1), counted(model, 4)
    assert one.loss == 2 * (3072 * 20 + 20 * 10)
    assert (four.loss, four.product) == (4 * one.loss, 4 * one.product)
    assert 3 * one.loss < one.product < 12 * one.loss
