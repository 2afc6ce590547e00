"""What kernel and page must agree on, written from the kernel's tables into a module of the page.

Run it as ``python -m tests.project.agreed`` from the repository's root to write the module anew.
"""

from __future__ import annotations

import json
from typing import Any

from landscape_widget.loss.batch_norm import MODES
from landscape_widget.results import words
from landscape_widget.study.controls import FACES, LINES
from landscape_widget.study.domain import MANTISSAS

from .floors import ROOT

MODULE = ROOT / "js" / "src" / "kernel" / "agreed.js"

HEAD = """\
// What kernel and page must agree on. Written by `python -m tests.project.agreed` from the kernel's own
// tables: change it there.
"""


def tables() -> dict[str, tuple[str, Any]]:
    """What is said of each constant, and its value, by its name in the module."""
    quantities = {split: {mode: words.quantity_of(split, mode) for mode in MODES} for split in words.LOSSES}
    named = {
        "splits": words.SPLITS,
        "lowest": words.LOWEST,
        "falls": words.FALLS,
        "recomputedLessFrozen": words.RECOMPUTED_LESS_FROZEN,
        "level": words.LEVEL,
        "here": words.HERE,
        "projected": words.PROJECTED,
        "planes": words.PLANES,
        "eigenvalue": words.EIGENVALUE,
        "density": words.DENSITY,
        "vectors": words.VECTORS,
        "trace": words.TRACE,
    }
    return {
        "QUANTITIES": ("What the values of a picture are, by split and batch-norm statistics.", quantities),
        "WORDS": ("What quantities are called.", named),
        "MANTISSAS": ("That half-widths snap to.", [float(m) if m % 1 else int(m) for m in MANTISSAS]),
        "FACES": ("Of the curvature panel.", list(FACES)),
        "LINES": ("What losses along lines may follow.", list(LINES)),
    }


def module() -> str:
    """The text of the page's module."""
    parts = [HEAD]
    for name, (comment, value) in tables().items():
        text = json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict) else None)
        parts.append(f"/** {comment} */\nexport const {name} = /** @type {{const}} */ ({text});\n")
    return "\n".join(parts)


if __name__ == "__main__":
    MODULE.write_text(module(), "utf-8")
