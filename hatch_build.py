"""Bundles js/ into landscape_widget/static/ before a wheel, an sdist or an editable install."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = ("runtime.js", "page.js", "page.css", "explorer.js", "saved.js")


class BundleHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict) -> None:
        root = Path(self.root)
        static = root / "landscape_widget" / "static"
        complete = all((static / name).is_file() for name in BUNDLE)
        if complete and (root / "PKG-INFO").is_file():
            return  # an sdist brings its bundle, so that installing from it needs no Node
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(
                "Expected npm (Node 20 or newer) to bundle js/ into landscape_widget/static/, found none. "
                "Install Node, or install a released wheel, which contains the bundle."
            )
        if not (root / "js" / "node_modules").is_dir():
            subprocess.run([npm, "ci"], cwd=root / "js", check=True)
        subprocess.run([npm, "run", "build"], cwd=root / "js", check=True)
