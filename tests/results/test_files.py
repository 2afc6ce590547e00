"""Where files are written and read: regular files only, modes kept, links followed, home folders found."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from landscape_widget import LandscapeExplorer, Results, load, random_plane, save, score_table
from landscape_widget.results.files import replacing

from ..export.test_archive import surface
from ..support.gates import gated_saddle
from ..support.scripts import Scripts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes, pipes and devices are those of POSIX")


@pytest.fixture(scope="module")
def explorer() -> Iterator[LandscapeExplorer]:
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=3, samples=2, axes=("random", "random"))
    yield explorer.compute()
    explorer.close()


@pytest.fixture(scope="module")
def results(explorer: LandscapeExplorer) -> Results:
    return explorer.results


def written(path: Any) -> None:
    with replacing(path) as file:
        file.write(b"new")


WRITERS: dict[str, Callable[[LandscapeExplorer, Any], Any]] = {
    "replacing": lambda _, path: written(path),
    "save": lambda _, path: save(surface(), path),
    "explorer.save": lambda explorer, path: explorer.save(path),
    "Surface.to_csv": lambda _, path: surface().to_csv(path),
    "ScoreTable.to_csv": lambda explorer, path: explorer.table().to_csv(path),
    "explorer.to_html": lambda explorer, path: explorer.to_html(path),
    "Results.to_html": lambda explorer, path: explorer.results.to_html(path),
}
EACH_WRITER = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def bound_socket(folder: Path) -> Path:
    server, here = socket.socket(socket.AF_UNIX), Path.cwd()
    os.chdir(folder)  # the path of a socket may be no longer than 107 bytes
    server.bind("socket")
    os.chdir(here)
    server.close()
    return folder / "socket"


def link_to(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    def linked(folder: Path) -> Path:
        (folder / "link").symlink_to(make(folder))
        return folder / "link"

    return linked


OTHERS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "named pipe": (fifo, "a named pipe"),
    "folder": (lambda folder: folder, "a folder"),
    "socket": (bound_socket, "a socket"),
    "null device": (lambda _: Path("/dev/null"), "a device"),
    "zero device": (lambda _: Path("/dev/zero"), "a device"),
    "link to a pipe": (link_to(fifo), "a named pipe"),
    "link to a folder": (link_to(lambda folder: folder), "a folder"),
    "link to a device": (link_to(lambda _: Path("/dev/full")), "a device"),
}
EACH_OTHER = pytest.mark.parametrize(("make", "kind"), OTHERS.values(), ids=OTHERS.keys())


@EACH_OTHER
@EACH_WRITER
def test_what_is_no_regular_file_is_never_replaced(
    explorer: LandscapeExplorer, tmp_path: Path, write: Any, make: Callable[[Path], Path], kind: str
) -> None:
    path = make(tmp_path)
    before, names = os.stat(path), sorted(os.listdir(tmp_path))
    with pytest.raises(
        OSError, match=f"path of a regular file.*which is {kind}. Choose another path"
    ) as caught:
        write(explorer, path)
    assert isinstance(caught.value, IsADirectoryError) is (kind == "a folder")
    assert os.path.samestat(os.stat(path), before)
    assert sorted(os.listdir(tmp_path)) == names


@EACH_OTHER
def test_what_is_no_regular_file_is_not_opened(
    explorer: LandscapeExplorer, tmp_path: Path, make: Callable[[Path], Path], kind: str
) -> None:
    path = make(tmp_path)
    for read in (load, explorer.load):
        with pytest.raises(ValueError, match=f"Expected a regular file, got .*which is {kind}"):
            read(path)


def test_no_table_is_written_where_one_cannot_be(results: Results, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "surface.csv")
    with pytest.raises(OSError, match=r"surface\.csv', which is a named pipe"):
        results.to_csv(tmp_path)
    assert os.listdir(tmp_path) == ["surface.csv"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("kept", [0o600, 0o664, 0o400])
@EACH_WRITER
def test_a_file_keeps_its_mode(explorer: LandscapeExplorer, tmp_path: Path, write: Any, kept: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(kept)
    write(explorer, path)
    assert mode(path) == kept
    assert path.read_bytes() != b"old"


def test_what_is_private_is_never_open_to_others(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with replacing(path) as file:
        (part,) = (p for p in tmp_path.iterdir() if p != path)
        assert mode(part) == 0o600
        file.write(b"new")
    assert path.read_bytes() == b"new"


#: Is killed once a file is complete, before it takes its place.
KILLED = """
import os, signal
from landscape_widget.results.files import replacing

with replacing({path!r}, lambda part: os.kill(os.getpid(), signal.SIGKILL)) as file:
    file.write(b"half")
"""


def test_what_a_killed_writer_leaves_is_removed_by_the_next(tmp_path: Path, new_process: Scripts) -> None:
    path, other = tmp_path / "a file", tmp_path / "another"
    for each in (path, path, other):
        assert new_process.run(KILLED.format(path=str(each)), 120)[0] == -signal.SIGKILL
    left = os.listdir(tmp_path)
    assert len(left) == 2, "the second one has removed what the first one left, and nothing of another file"
    assert all(name.endswith(".part") for name in left)
    written(path)
    written(other)
    assert sorted(os.listdir(tmp_path)) == ["a file", "another"]


def test_what_is_still_being_written_is_left_alone(tmp_path: Path, new_process: Scripts) -> None:
    path = tmp_path / "file"
    script = f"from landscape_widget.results.files import replacing\nwith replacing({str(path)!r}): pass"
    with replacing(path) as file:
        file.write(b"first")
        file.flush()
        written(path)
        assert new_process.run(script, 120)[0] == 0
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["file"]


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    assert os.umask(before) == request.param, "the umask of the process is nobody's to change"


@EACH_WRITER
def test_a_new_file_has_the_mode_that_open_gives(
    explorer: LandscapeExplorer, tmp_path: Path, write: Any, umask: int
) -> None:
    (tmp_path / "other").write_bytes(b"")
    write(explorer, tmp_path / "file")
    assert mode(tmp_path / "file") == mode(tmp_path / "other") == 0o666 & ~umask


@EACH_WRITER
def test_links_lead_to_what_is_replaced(explorer: LandscapeExplorer, tmp_path: Path, write: Any) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    target, link = folder / "run", tmp_path / "latest"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(Path("runs") / "run")
    write(explorer, link)
    assert link.is_symlink()
    assert target.read_bytes() != b"old"
    assert mode(target) == 0o640
    dangling = tmp_path / "next"
    dangling.symlink_to(folder / "new")
    write(explorer, dangling)
    assert dangling.is_symlink()
    assert (folder / "new").is_file()
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    with pytest.raises(OSError, match="symbolic links"):
        write(explorer, circle)


@EACH_WRITER
def test_the_home_folder_is_found(
    explorer: LandscapeExplorer, tmp_path: Path, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("~/one", Path("~/two")):
        write(explorer, path)
    assert sorted(os.listdir(tmp_path)) == ["one", "two"]
    with pytest.raises(FileNotFoundError):
        write(explorer, "~nobody-of-this-name/three")


def test_files_and_folders_of_the_home_folder_are_read_and_made(
    explorer: LandscapeExplorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    explorer.save("~/run.npz")
    assert load("~/run.npz") == explorer.results
    explorer.load(Path("~/run.npz"))
    found = explorer.results.to_csv("~/tables")
    assert all(path.parent == tmp_path / "tables" and path.is_file() for path in found)


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".npz")
    save(surface(), path)
    assert load(path) == surface()


@pytest.mark.parametrize("path", [None, 3, 1.5, True, b"run.npz", ["run.npz"]], ids=repr)
def test_what_is_no_path(explorer: LandscapeExplorer, path: Any) -> None:
    for use in (
        *WRITERS.values(),
        lambda e, p: e.load(p),
        lambda _, p: load(p),
        lambda e, p: e.results.to_csv(p),
    ):
        with pytest.raises(TypeError, match=r"Expected path as a string or a pathlib\.Path, got "):
            use(explorer, path)


@pytest.mark.parametrize("title", [None, 3, b"Title", ["Title"], Path("Title")], ids=repr)
def test_what_is_no_title(explorer: LandscapeExplorer, tmp_path: Path, title: Any) -> None:
    for page in (explorer, explorer.results, LandscapeExplorer(gated_saddle()[1])):
        with pytest.raises(TypeError, match="Expected title as a string, got "):
            page.to_html(tmp_path / "page.html", title=title)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("kind", [None, 3, b"surface", ["surface"], {"surface"}, "mesh"], ids=repr)
def test_what_is_no_kind_of_figure(explorer: LandscapeExplorer, kind: Any) -> None:
    for drawn in (explorer, LandscapeExplorer(gated_saddle()[1])):
        with pytest.raises(ValueError, match=r"Expected kind as one of surface, heatmap, .*, got "):
            drawn.figure(kind)


def test_a_table_of_a_plane_alone(tmp_path: Path) -> None:
    objective = gated_saddle()[1]
    table = score_table(objective, [(random_plane(objective), 0.5, 0.0)])
    save(table, tmp_path / "table.npz")
    assert load(tmp_path / "table.npz") == table
