"""Computes what docs/papers.md holds against the two papers, and keeps it in results/: ``make papers``.

python notebooks/papers/measure.py
python notebooks/papers/measure.py --data FOLDER --images 1000
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

import landscape_widget

RESULTS = Path(__file__).parent / "results"

#: Parts that need nothing but the repository, with what measures them.
FREE = {
    "examples": ("examples", "measure"),
    "approximation": ("approximation", "measure"),
    "blindness": ("blindness", "measure"),
    "others": ("others", "measure"),
}

#: Parts that need CIFAR-10 and the published weights.
WITH_DATA = {
    "resnet56-losses": ("resnet56", "losses"),
    "resnet56": ("resnet56", "with_shortcuts"),
    "resnet56-no-shortcuts": ("resnet56", "without_shortcuts"),
    "resnet56-blindness": ("blindness", "published"),
    "resnet56-convexity": ("convexity", "measure"),
    "resnet56-training": ("training", "measure"),
}


def rounded(value: Any) -> Any:
    """Numbers with six digits, so that files change where a figure does and not its rounding."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def write(name: str, figures: dict[str, Any], command: str, started: float) -> None:
    """One file of results, with what it was made by."""
    made = {
        "command": command,
        "landscape_widget": landscape_widget.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "seconds": round(time.monotonic() - started),
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"made by": made, "figures": rounded(figures)}, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")


def main() -> None:
    """Reads the command line and measures each part that it names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", choices=[*FREE, *WITH_DATA], action="append", help="one part, or several by as many options"
    )
    parser.add_argument("--data", type=Path, help="folder of CIFAR-10 and of the published weights")
    parser.add_argument("--images", type=int, default=1000, help="how many images the ends are certified on")
    chosen = parser.parse_args()
    parts = chosen.only or (FREE if chosen.data is None else WITH_DATA)
    if chosen.data is None and not FREE.keys() >= set(parts):
        parser.error("resnet56 needs --data: the folder that holds CIFAR-10 and the published weights")
    for part in parts:
        started = time.monotonic()
        module, function = (FREE | WITH_DATA)[part]
        measure = getattr(importlib.import_module(module), function)
        figures = measure() if part in FREE else measure(chosen.data, chosen.images)
        options = "" if part in FREE else f" --data FOLDER --images {chosen.images}"
        write(part, figures, f"python notebooks/papers/measure.py --only {part}{options}", started)
        print(f"{part}: {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
