"""What is installed: the page's bundle is in both archives, and installing from them needs no Node."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import tomllib
import yaml

import landscape_widget

ROOT = Path(__file__).parents[2]
BUNDLE = {
    f"landscape_widget/static/{name}"
    for name in ("runtime.js", "page.js", "page.css", "explorer.js", "saved.js")
}


def build(source: Path, target: str, out: Path, **environment: str) -> Path:
    """Builds one archive of ``source`` as a frontend would, and returns it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, env=os.environ | environment)
    (archive,) = out.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, because building writes the bundle anew, which tests of the page may be reading."""
    source = tmp_path_factory.mktemp("checkout") / "source"
    ignored = (".git", ".venv*", "node_modules", "static", "test-output", "dist", "build", "*cache*")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*ignored))
    (source / "js" / "node_modules").symlink_to(ROOT / "js" / "node_modules")
    return source


@pytest.fixture(scope="module")
def sdist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(checkout, "sdist", tmp_path_factory.mktemp("sdist"))


def test_the_wheel_holds_the_bundle_and_the_types(checkout: Path, tmp_path: Path) -> None:
    path = build(checkout, "wheel", tmp_path)
    assert path.name == f"landscape_widget-{landscape_widget.__version__}-py3-none-any.whl"  # in lessons, too
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
    assert names >= BUNDLE | {"landscape_widget/py.typed", "landscape_widget/explorer/explorer.py"}
    assert not any(name.startswith(("js/", "tests/", "notebooks/")) for name in names)


def test_a_wheel_is_built_from_the_sdist_without_node(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert all((source / name).is_file() for name in BUNDLE)
    # hatchling starts from its full path, and nothing else is to be found
    with zipfile.ZipFile(build(source, "wheel", tmp_path / "out", PATH="")) as wheel:
        assert set(wheel.namelist()) >= BUNDLE


def test_a_checkout_without_bundle_and_node_says_what_to_do(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    (source / "landscape_widget" / "static" / "runtime.js").unlink()
    with pytest.raises(subprocess.CalledProcessError) as failure:
        build(source, "wheel", tmp_path / "out", PATH="")
    assert b"Install Node, or install a released wheel" in failure.value.stderr


def test_the_oldest_dependencies_that_are_tested_are_those_that_are_allowed() -> None:
    """`make installed` tests the wheel on them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints-oldest.txt").read_text("utf-8"), re.MULTILINE)
    required = [*project["dependencies"], *project["optional-dependencies"]["loky"]]
    assert [name for name, _ in pinned] == [re.split("[>=<]", line)[0] for line in required]
    for (name, version), line in zip(pinned, required, strict=True):
        lowest = re.findall(r">=([\d.]+)", line)[0]
        assert re.sub(r"(\.0)+$", "", version) == lowest.removesuffix(".0"), name


def test_the_citation_is_of_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.findall(r"^version: (\S+)$", text, re.MULTILINE) == [landscape_widget.__version__]
    assert all(paper in text for paper in ("2208.13219", "1712.09913"))


def test_the_entries_for_anywidget_s_galleries_are_whole() -> None:
    """By the forms that the galleries read: each with this project's words, repository and picture."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    address = project.get("urls", {}).get("Repository", "https://github.com/OWNER/NAME")
    repository = address.removeprefix("https://github.com/").strip("/").removesuffix(".git")
    (entry,) = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    picture = f"{repository.replace('/', '__')}.webp"
    assert entry == {"repo": repository, "description": project["description"], "image": picture}
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    config = yaml.safe_load(block)
    assert (config["name"], config["description"]) == (project["name"], project["description"])
    assert config["githubRepo"] == repository
    assert set(config["environments"]) <= {"marimo", "jupyter", "colab", "myst", "numerous"}
    assert len(config["tags"]) > 1
    assert (ROOT / "docs" / "images" / config["image"]).is_file()
