"""What it costs to have the package: importing it, its bundle, a second explorer in a saved notebook."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from ipywidgets import Widget
from torch import nn

import landscape_widget
from landscape_widget import LandscapeExplorer

from .measure import Rounds, Run, alternate
from .workloads import ROOT

TIME_IMPORT = "import time; started = time.perf_counter(); import {}; print(time.perf_counter() - started)"


def importing(ratios: int) -> Rounds:
    """Seconds to import torch, and to import this package (which imports torch)."""

    def run(module: str) -> Run:
        command = [sys.executable, "-c", TIME_IMPORT.format(module)]
        answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        return Run(float(answer), np.array([0.0, 1.0]))

    contenders = {"torch": lambda: run("torch"), "landscape_widget": lambda: run("landscape_widget")}
    return alternate(contenders, contenders, ratios, 0.0)


def bundle() -> float:
    """MB of the page's files."""
    static = Path(landscape_widget.__file__).parent / "static"
    return sum(file.stat().st_size for file in static.iterdir() if file.suffix in (".js", ".css")) / 1e6


def second_in_notebook() -> float:
    """kB that a second explorer with its results adds to a notebook saved with its widgets."""
    sizes = []
    explorers = []
    try:
        for seed in range(2):
            torch.manual_seed(seed)
            model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
            explorer = LandscapeExplorer(model, (torch.randn(32, 4), torch.randn(32, 1)), nn.MSELoss())
            explorers.append(explorer.compute())
            state = Widget.get_manager_state(drop_defaults=False)
            sizes.append(len(json.dumps(state).encode()))
    finally:
        for explorer in explorers:
            explorer.close()
    return (sizes[1] - sizes[0]) / 1e3
