"""Files of results: what was written comes back to the last bit, and nothing else is ever taken for it."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_widget import EigenPairs, Surface, load, save
from landscape_widget.export import archive


def assert_same(a: Any, b: Any) -> None:
    """Equal in type and value, arrays in dtype, shape and every bit, NaN equal to NaN."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()
    elif is_dataclass(a):
        for f in fields(a):
            assert_same(getattr(a, f.name), getattr(b, f.name))
    elif isinstance(a, Mapping):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert a == b or (math.isnan(a) and math.isnan(b))


def surface() -> Surface:
    alpha, beta = np.linspace(-1, 1, 5), np.linspace(-1, 1, 3)
    loss = np.random.default_rng(0).normal(size=(3, 5))
    loss[1, 2] = np.nan
    provenance = {"axes": ("random", "random:filter"), "plane": {"seed": 3}, "versions": {"torch": "2"}}
    return Surface(alpha, beta, loss, loss > 0, provenance)


CONTENT = {
    "numbers": [0, -7, 0.1, 1e-300, math.inf, -math.inf, math.nan, True, False, None, 2**70],
    "words": ["", "θ*", "a\nb", '"quoted"'],
    "tuples": ((1, 2.5), ("x",), ()),
    ("key", 3): {1: "one", None: 0.5, (1.5, -2.0): "point"},
    "arrays": [np.arange(3), np.zeros((0, 3)), np.float32([[1, np.nan]]), np.array(2.5), np.array([True])],
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(10.0)[::3],
    "result": surface(),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.npz"


def test_everything_comes_back(path: Path) -> None:
    archive.write(path, CONTENT)
    assert_same(archive.read(path), CONTENT)


def test_numpy_scalars_come_back_as_numbers(path: Path) -> None:
    archive.write(path, [np.float64(0.1), np.int64(3), np.bool_(True)])
    assert_same(archive.read(path), [0.1, 3, True])


@pytest.mark.parametrize("content", [{"header": np.ones(2)}, {"file": np.ones(2)}, np.ones(2)])
def test_names_of_numpys_own_are_no_trap(path: Path, content: Any) -> None:
    archive.write(path, content)
    assert_same(archive.read(path), content)


def test_places_of_the_same_name_are_kept_apart(path: Path) -> None:
    content = {"a.b": np.ones(2), "a": {"b": np.zeros(2)}, 1: np.full(2, 3.0), "1": np.full(2, 4.0)}
    archive.write(path, content)
    assert_same(archive.read(path), content)


def test_an_array_that_comes_twice_is_kept_once(path: Path) -> None:
    array = np.arange(1000.0)
    archive.write(path, {"a": array, "b": array})
    assert path.stat().st_size < 1.5 * array.nbytes
    again = archive.read(path)
    assert again["a"] is again["b"]


def test_numpy_alone_reads_the_arrays(path: Path) -> None:
    save(surface(), path)
    with np.load(path, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["result.loss"], surface().loss)
        assert json.loads(file["header"].tobytes())["format"] == "landscape-widget"


def test_a_single_result_is_saved_and_loaded(path: Path) -> None:
    save(surface(), path)
    assert_same(load(path), surface())


@pytest.mark.parametrize(
    "bad",
    [
        {1, 2},
        print,
        np.array([print]),
        EigenPairs,
        3,
        1.5,
        True,
        None,
        "run.npz",
        np.ones(3),
        np.float64(2),
    ],
)
def test_what_is_no_result_is_refused(path: Path, bad: Any) -> None:
    with pytest.raises(TypeError, match="Expected"):
        save(bad, path)
    assert not list(path.parent.iterdir())


def test_a_file_that_was_cut_short_is_refused_at_any_length(path: Path) -> None:
    archive.write(path, {"result": surface()})
    whole = path.read_bytes()
    for length in [0, 1, 100, *range(200, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="damaged, cut short or of another kind"):
            load(path)


def test_a_damaged_byte_is_noticed_or_means_nothing(path: Path) -> None:
    """Some bytes of a zip file, such as its dates, say nothing of what is in it."""
    archive.write(path, {"result": surface()})
    whole, refused = path.read_bytes(), 0
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0b0101_0101
        path.write_bytes(damaged)
        try:
            found = load(path)
        except ValueError:
            refused += 1
        else:
            assert_same(found, surface())
    assert refused > 0.7 * len(whole) / 7


def rewritten(path: Path, change: dict[str, Any]) -> None:
    """The same file with another header."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].tobytes()) | change
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)


def test_a_file_from_the_future_is_refused(path: Path) -> None:
    save(surface(), path)
    rewritten(path, {"version": archive.VERSION + 1})
    with pytest.raises(ValueError, match=r"up to version 1, got .* version 2\. Update landscape-widget"):
        load(path)


@pytest.mark.parametrize(
    "content",
    [
        {"type": "Path", "fields": {}},
        {"type": "Surface", "fields": {"alpha": 1}},
        {"type": "Surface", "fields": {"no": 1}},
        {"array": "no"},
        {"surprise": 1},
        [[[]]],
    ],
)
def test_content_that_does_not_fit_is_refused(path: Path, content: Any) -> None:
    save(surface(), path)
    rewritten(path, {"content": {"map": [["other", content]]}})
    with pytest.raises(ValueError, match="Expected a file"):
        load(path)


def test_other_files_are_refused(path: Path) -> None:
    np.savez(path, loss=np.ones(3))
    with pytest.raises(ValueError, match="of another kind"):
        load(path)
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(ValueError, match="of another kind"):
        load(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("header.npy", "no array")
    with pytest.raises(ValueError, match="of another kind"):
        load(path)


def test_nothing_in_a_file_is_executed(path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(path.parent / "sprung"),)

    np.savez(path, header=np.array([Trap()]), allow_pickle=True)
    with pytest.raises(ValueError, match="of another kind"):
        load(path)
    assert not (path.parent / "sprung").exists()


def test_a_missing_file_is_one(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(path)


def test_a_failed_save_leaves_the_good_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(surface(), path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(CONTENT, path)
    assert_same(load(path), surface())
    assert [p.name for p in path.parent.iterdir()] == ["run.npz"]


def test_a_missing_folder_is_told(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save(surface(), path.parent / "no" / "run.npz")


def test_a_link_stays_a_link(path: Path) -> None:
    save(surface(), path)
    link = path.with_name("latest.npz")
    link.symlink_to(path)
    save([1], link)
    assert link.is_symlink()
    assert load(path) == [1]
