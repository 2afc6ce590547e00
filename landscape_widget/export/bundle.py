"""The page's bundle, which ``js/`` is built into."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"


def bundled(name: str) -> Path:
    """A file of the page's bundle.

    Raises:
        FileNotFoundError: In a source checkout that was never built.
    """
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected the page's bundle at {path}, found none. "
            "Build it: `npm ci && npm run build` in js/, or reinstall the package."
        )
    return path
