"""Files of the right format that no explorer wrote: refused with ValueError, and nothing has changed."""

from __future__ import annotations

import copy
import json
import math
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_widget import LandscapeExplorer, Surface, load, save
from landscape_widget.export import archive

from ..support.gates import HUNG, finish_pin, gated_saddle
from ..support.page import received
from .crafted import changed, entry, leaves, member, parts, put_together, zipped
from .test_archive import assert_same, surface

CHOSEN: dict[str, Any] = {
    "axes": ("hessian:max", "random"),
    "seed": 3,
    "resolution": 5,
    "samples": 3,
    "face": "trace",
    "compared_axes": ("random", "hessian:min"),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A complete run, with pins."""
    path = tmp_path_factory.mktemp("run") / "run.npz"
    explorer = LandscapeExplorer(gated_saddle()[1], **CHOSEN).compute()
    finish_pin(explorer, explorer.pin(0.25, 0.0))
    explorer.save(path)
    explorer.close()
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, saved: bytes) -> Path:
    path = tmp_path / "run.npz"
    path.write_bytes(saved)
    return path


@pytest.fixture(scope="module")
def explorer() -> Iterator[LandscapeExplorer]:
    """One that has a picture and a pin of its own."""
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=3, samples=2, axes=("random", "random"))
    explorer.compute()
    finish_pin(explorer, explorer.pin(0.5, 0.5))
    yield explorer
    explorer.close()


def state(explorer: LandscapeExplorer) -> dict[str, Any]:
    return {
        "results": explorer.results,
        "pins": explorer._points.pins.memory(),
        "known": explorer._study.known.saved(),
        "sent": {name: getattr(explorer, name) for name in ("status", "error", "_pins", "_surface", "_info")},
    }


def refused(explorer: LandscapeExplorer, path: Path, message: str = "Expected") -> None:
    before, study, request = state(explorer), explorer._study, explorer._request
    with pytest.raises(ValueError, match=message):
        explorer.load(path)
    assert_same(state(explorer), before)
    assert explorer._study is study
    assert explorer._request is request


def test_the_file_itself_is_taken(path: Path) -> None:
    explorer = LandscapeExplorer(gated_saddle()[1])
    assert explorer.load(path).surface.final
    assert len(explorer.pins) == 1
    explorer.close()


def bombs() -> dict[str, tuple[list[tuple[str, bytes]], int]]:
    header = member(np.frombuffer(b"{}", np.uint8))
    zeros = member(np.zeros(20_000_000, np.uint8))

    def claimed(shape: str, dtype: str = "<f8") -> bytes:
        text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 64

    stored, packed = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
    return {
        "deflated zeros": ([("header.npy", header), ("a.npy", zeros)], packed),
        "deflated header": ([("header.npy", zeros)], packed),
        "bzip2": ([("header.npy", header), ("a.npy", zeros[:1000])], zipfile.ZIP_BZIP2),
        "lzma": ([("header.npy", header), ("a.npy", zeros[:1000])], zipfile.ZIP_LZMA),
        "a shape beyond the file": ([("header.npy", header), ("a.npy", claimed(f"({2**60},)"))], stored),
        "a shape that overflows": (
            [("header.npy", header), ("a.npy", claimed(f"({2**32}, {2**32})"))],
            stored,
        ),
        "a shape below nothing": ([("header.npy", header), ("a.npy", claimed("(-8,)"))], stored),
        "nothing, many times": ([("header.npy", header), ("a.npy", claimed(f"(0, {2**70})"))], stored),
        "words of no length": ([("header.npy", header), ("a.npy", claimed(f"({2**60},)", "<U0"))], stored),
        "too few bytes": ([("header.npy", header), ("a.npy", claimed("(9,)"))], stored),
        "too many bytes": ([("header.npy", header), ("a.npy", claimed("(7,)"))], stored),
        "objects": ([("header.npy", header), ("a.npy", claimed("(8,)", "|O"))], stored),
        "dates": ([("header.npy", header), ("a.npy", claimed("(8,)", "<M8[s]"))], stored),
        "void": ([("header.npy", header), ("a.npy", claimed("(8,)", "|V8"))], stored),
        "no shape": ([("header.npy", header), ("a.npy", claimed("'x'"))], stored),
        "a deep shape": ([("header.npy", header), ("a.npy", claimed("-" * 900 + "8"))], stored),
        "a long header": ([("header.npy", header), ("a.npy", claimed("(8,)" + " " * 5000))], stored),
        "a zip file in it": ([("header.npy", header), ("inner.npz", b"PK\3\4")], stored),
        "a text in it": ([("header.npy", header), ("readme.txt", b"hello")], stored),
        "no magic": ([("header.npy", header), ("a.npy", b"PK\3\4" + b"\0" * 100)], stored),
        "no header": ([("a.npy", header)], stored),
        "nothing": ([], stored),
    }


@pytest.fixture(scope="module")
def all_bombs() -> dict[str, tuple[list[tuple[str, bytes]], int]]:
    return bombs()


@pytest.mark.parametrize("name", bombs())
def test_nothing_is_unpacked(
    explorer: LandscapeExplorer,
    all_bombs: dict[str, tuple[list[tuple[str, bytes]], int]],
    path: Path,
    name: str,
) -> None:
    zipped(path, *all_bombs[name])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="damaged, cut short or of another kind"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    refused(explorer, path)


def test_members_of_one_name(path: Path) -> None:
    header = member(np.frombuffer(b"{}", np.uint8))
    with pytest.warns(UserWarning, match="Duplicate"):
        zipped(path, [("header.npy", header), ("header.npy", header)])
    with pytest.raises(ValueError, match="a member is there twice"):
        load(path)


def test_sizes_that_the_directory_claims(path: Path) -> None:
    """Of a member, the central directory says more than there is."""
    save(surface(), path)
    whole = bytearray(path.read_bytes())
    place = whole.index(b"PK\x01\x02")
    whole[place + 20 : place + 28] = struct.pack("<II", 2**31, 2**31)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="members are larger than the file"):
        load(path)


HEADERS = {
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep mappings": b'{"map":' * 100_000,
    "a long number": b'{"format": "landscape-widget", "version": ' + b"9" * 5000 + b"}",
    "a late version": b'{"format": "landscape-widget", "version": 1' + b"0" * 400 + b', "content": 1}',
    "a fraction of a version": b'{"format": "landscape-widget", "version": 1.5, "content": {"map": []}}',
    "a true version": b'{"format": "landscape-widget", "version": true, "content": {"map": []}}',
    "no text": b"\xff\xfe\x00",
    "a list": b"[1, 2]",
    "a number": b"1",
    "nothing": b"",
    "no content": b'{"format": "landscape-widget", "version": 1}',
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_are_none(explorer: LandscapeExplorer, path: Path, name: str) -> None:
    put_together(path, HEADERS[name], {})
    with pytest.raises(ValueError, match="Expected a"):
        load(path)
    refused(explorer, path)


NESTS = {"list": ("[", "]"), "tuple": ('{"tuple": [', "]}"), "map": ('{"map": [["a", ', "]]}")}


@pytest.mark.parametrize("kind", NESTS)
@pytest.mark.parametrize("depth", [101, 200, 400, 900, 5000, 100_000])
def test_content_that_is_deep(explorer: LandscapeExplorer, path: Path, depth: int, kind: str) -> None:
    header, arrays = parts(path)
    stand_in(header["content"], ("result", "surface", "provenance"), {"map": [["deep", "HERE"]]})
    before, after = NESTS[kind]
    text = json.dumps(header).replace('"HERE"', before * depth + "1" + after * depth)
    put_together(path, text.encode(), arrays)
    with pytest.raises(ValueError, match="Expected a"):
        load(path)
    refused(explorer, path)


def test_as_many_levels_as_are_saved_are_read(path: Path) -> None:
    tree: Any = 1
    for _ in range(archive.MOST_LEVELS):
        tree = [tree]
    archive.write(path, tree)
    assert archive.read(path) == tree
    for deeper in ([tree], {"a": tree}):
        with pytest.raises(TypeError, match="up to 100 levels"):
            archive.write(path, deeper)
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(TypeError, match="up to 100 levels"):
        archive.write(path, circle)


def number(value: float) -> Any:
    return value if math.isfinite(value) else {"float": repr(value)}


#: Place in the content, and what stands there: none of these may be taken.
CHANGES: list[tuple[tuple[Any, ...], Any]] = [
    *((("result", "controls", "resolution"), bad) for bad in (4, 10**30, 5.0, True, None)),
    *((("result", "controls", "seed"), bad) for bad in (-1, 10**400, 1.5, True, number(math.nan))),
    *((("result", "controls", "samples"), bad) for bad in (0, 10**12, True)),
    *((("result", "controls", "examples"), bad) for bad in (0, 2)),
    *(
        (("result", "controls", "axes"), bad)
        for bad in ("random", {"tuple": ["random"]}, {"tuple": ["random", 3]})
    ),
    *((("result", "controls", "axes"), {"tuple": ["hessian:max:9", bad]}) for bad in ("random", "x")),
    *(
        (("result", "controls", "domain"), {"tuple": bad})
        for bad in ([1, -1, -1, 1], [0, 1], [-1e308, 1e308, 0, 1])
    ),
    (("result", "controls", "face"), "other"),
    (("result", "controls", "lines"), "other"),
    (("result", "controls", "batch_norm"), 3),
    (("result", "controls", "split"), None),
    (("result", "controls", "compared_split"), "test"),
    *((("result", "controls", "accuracy"), bad) for bad in (-0.1, 1.0, number(math.nan), "0", None)),
    (("result", "controls"), None),
    (("result", "surface", "loss"), [1.0, 2.0]),
    (("result", "surface", "alpha"), 1),
    (("result", "surface", "done"), None),
    *((("result", "surface", "error_bound"), bad) for bad in (-1.0, number(math.nan), "0")),
    *(
        (("result", "surface", "provenance"), bad)
        for bad in (None, {"map": [[1, 2]]}, {"map": [["versions", 3]]})
    ),
    *(
        (("result", "surface", "provenance"), {"map": [["plane", bad]]})
        for bad in (1, {"map": [["seed", "x"]]})
    ),
    *((("result", "plane"), bad) for bad in ("plane", {"map": []})),
    *((("result", "plane", "axes"), {"tuple": bad}) for bad in (["a"], [1, 2])),
    *((("result", "eigenpairs", "n_hvp"), bad) for bad in (-1, 0.5)),
    *((("result", "eigenpairs", "n_largest"), bad) for bad in (3, 10**30, True)),
    *((("result", "density", "n_parameters"), bad) for bad in (0, 4, 10**18)),
    *((("result", "traces"), bad) for bad in (3, {"map": [["hutchinson", [1]]]}, {"map": [[1, []]]})),
    *((("result", "centre_loss"), bad) for bad in ("1", True, 10**400)),
    *((("result", "quadratic", "hessian"), {"tuple": bad}) for bad in ([1.0], [1.0, "2", 3.0])),
    *((("result", "surfaces"), bad) for bad in (None, {"map": [["train", 1]]})),
    *((("result",), bad) for bad in (None, {"map": []}, [])),
    *((("study",), bad) for bad in (None, {"map": []}, {"map": [["losses", {"map": []}]]})),
    *((("objective",), bad) for bad in (None, {"map": []}, {"map": [["parameters", 5]]})),
    *((("objective", "loss at θ*"), bad) for bad in ("2.0", None)),
    *((("pins",), bad) for bad in (None, "pins", [1], [{"map": []}])),
    *((("pins", 0, "number"), bad) for bad in (0, "1", 10**30, True)),
    *((("pins", 0, "alpha"), bad) for bad in (number(math.nan), "0")),
    (("pins", 0, "plane"), None),
    (("pins", 0, "values"), "x"),
    (("pins", 0, "error"), 3),
    # what was asked for when the file was saved is held against the same as what its pictures were made with
    (("controls",), None),
    (("controls", "resolution"), 4),
    (("controls", "seed"), number(math.nan)),
    (("controls", "axes"), {"tuple": ["hessian:max:9", "x"]}),
    (("controls", "domain"), {"tuple": [0, 1]}),
    (("controls", "accuracy"), 1.0),
]


def stand_in(content: Any, names: tuple[Any, ...], value: Any) -> None:
    *above, last = names
    place = entry(content, *above)
    if "map" in place:
        (pair,) = (pair for pair in place["map"] if pair[0] == last)
        pair[1] = value
    else:
        place["fields"][last] = value


@pytest.mark.parametrize(("names", "value"), CHANGES, ids=lambda x: str(x)[:60])
def test_entries_that_no_run_has(
    explorer: LandscapeExplorer, path: Path, names: tuple[Any, ...], value: Any
) -> None:
    changed(path, lambda content, _: stand_in(content, names, value))
    refused(explorer, path)


def test_files_from_before_there_was_an_accuracy(explorer: LandscapeExplorer, path: Path) -> None:
    def craft(content: Any, _: Any) -> None:
        del entry(content, "result", "controls")["fields"]["accuracy"]
        for place in (("surface",), ("compared", "surface"), ("surfaces", "train")):
            del entry(content, "result", *place)["fields"]["error_bound"]

    changed(path, craft)
    results = load(path)
    assert results.surface.final
    assert results.surface.error_bound is None
    assert results.surface.coverage == "25 points"
    assert explorer.load(path).wait().surface.final  # the other tests find it at rest
    assert explorer.accuracy == results.controls.accuracy == 0.002


def array_named(arrays: dict[str, np.ndarray], end: str) -> str:
    (name,) = (name for name in arrays if name.endswith(end))
    return name


ARRAYS: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
    *(
        (f"result.surface.{name}", change)
        for name in ("loss", "done", "alpha", "beta")
        for change in (
            lambda a: a[:-1],
            lambda a: a[..., None],
            lambda a: a.astype(complex),
            lambda a: a.astype("U8"),
            lambda a: a[:0],
        )
    ),
    ("result.surface.done", lambda a: a.astype(float)),
    ("result.surface.alpha", lambda a: a * np.nan),
    ("result.surface.loss", lambda a: a.astype(int)),
    ("pins.0.values.hessian", lambda a: a.astype(np.uint8)),
    ("pins.0.values.hessian", lambda a: a[0]),
    ("result.plane.eta", lambda a: a[:-1]),
    ("result.plane.eta", lambda a: a * np.inf),
    ("result.plane.origin", lambda a: a.astype(bool)),
    ("result.eigenpairs.vectors", lambda a: a[:, :1]),
    ("result.eigenpairs.vectors", lambda a: np.vstack([a, a])),
    ("result.eigenpairs.values", lambda a: a * np.nan),
    ("result.eigenpairs.converged", lambda a: a.astype(int)),
    ("result.projections.A", lambda a: a[:2]),
    ("result.projections.B", lambda a: a + np.nan),
    ("result.density.nodes", lambda a: a[:3]),
    ("result.density.weights", lambda a: -a),
    ("result.density.probe", lambda a: a.astype(float) * np.nan),
    ("result.density.probe", lambda a: a - 5),
    ("result.density.probe", lambda a: a + 2**40),
    ("study.gradients.1", lambda a: a[:-1]),
    ("study.gradients.1", lambda a: a.astype("U4")),
]


@pytest.mark.parametrize(("name", "change"), ARRAYS, ids=lambda x: x if isinstance(x, str) else "")
def test_arrays_that_no_run_has(explorer: LandscapeExplorer, path: Path, name: str, change: Any) -> None:
    def craft(_: Any, arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = np.ascontiguousarray(change(arrays[name]))

    changed(path, craft)
    refused(explorer, path)
    # another number of parameters is none of an objective that is not there
    if name.startswith("result") and not name.endswith("vectors"):
        with pytest.raises(ValueError, match="Expected a file that"):
            load(path)


MEMORY: list[tuple[str, Callable[[list[Any]], Any]]] = [
    *(
        (kind, lambda pairs: pairs.clear() or pairs.append([7, 1]))
        for kind in ("losses", "pairs", "traces", "models")
    ),
    *(
        (kind, lambda pairs: pairs[0].__setitem__(0, {"tuple": [99, *pairs[0][0]["tuple"][1:]]}))
        for kind in ("losses", "models", "pairs", "projections", "densities", "traces", "blindness")
    ),
    *(
        (kind, lambda pairs: pairs[0].__setitem__(0, {"tuple": [*pairs[0][0]["tuple"][:-1], 2**62]}))
        for kind in ("losses", "models", "pairs", "densities", "traces")
    ),
    ("projections", lambda pairs: pairs[0].__setitem__(0, {"tuple": [1, 1]})),
    ("projections", lambda pairs: pairs[0][1]["fields"].__setitem__("provenance", {"map": []})),
    ("pairs", lambda pairs: pairs[0][1]["fields"].__setitem__("provenance", {"map": []})),
    ("traces", lambda pairs: pairs[0].__setitem__(1, [])),
    ("losses_at_theta", lambda pairs: pairs[0].__setitem__(1, "low")),
    ("losses_at_theta", lambda pairs: pairs[0].__setitem__(0, 2)),
]


@pytest.mark.parametrize(("kind", "change"), MEMORY, ids=lambda x: x if isinstance(x, str) else "")
def test_memory_that_no_study_has(explorer: LandscapeExplorer, path: Path, kind: str, change: Any) -> None:
    changed(path, lambda content, _: change(entry(content, "study", kind)["map"]))
    refused(explorer, path)


@pytest.mark.parametrize("place", [("pins", 0), ("objective",), ("study",)], ids=lambda place: place[0])
@pytest.mark.parametrize("name", ["slopes", "more"])
def test_an_entry_of_another_place(
    explorer: LandscapeExplorer, path: Path, place: tuple[Any, ...], name: str
) -> None:
    """Slopes are known to studies, and to nothing else."""
    changed(path, lambda content, _: entry(content, *place)["map"].append([name, {"map": []}]))
    if (place, name) == (("study",), "slopes"):
        other = LandscapeExplorer(gated_saddle()[1])
        assert other.load(path).surface.final
        other.close()
    else:
        refused(explorer, path)


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 3, 1)])
def test_tables_of_losses_of_another_shape(
    explorer: LandscapeExplorer, path: Path, shape: tuple[int, ...]
) -> None:
    def craft(content: Any, arrays: dict[str, np.ndarray]) -> None:
        arrays[entry(content, "study", "losses")["map"][0][1]["array"]] = np.zeros(shape)

    changed(path, craft)
    refused(explorer, path, "which holds what none writes")


def test_two_pins_of_one_number(explorer: LandscapeExplorer, path: Path) -> None:
    def craft(content: Any, _: Any) -> None:
        pins = entry(content, "pins")
        pins.append(copy.deepcopy(pins[0]))

    changed(path, craft)
    refused(explorer, path, "pins with numbers of their own")


def test_what_is_changed_anywhere_is_refused_or_serves(explorer: LandscapeExplorer, path: Path) -> None:
    """Sixty places and values, drawn at random, are read as they stand or change nothing."""
    header, arrays = parts(path)
    draw = random.Random(0)
    places = len(list(leaves(header["content"])))
    values = [
        None,
        True,
        -1,
        10**30,
        0.5,
        "x",
        [],
        {},
        {"float": "nan"},
        {"array": "no"},
        {"tuple": []},
        {"map": []},
    ]
    taken = 0
    for _ in range(60):
        crafted = copy.deepcopy(header)
        container, key = list(leaves(crafted["content"]))[draw.randrange(places)]
        container[key] = draw.choice(values)
        put_together(path, crafted, arrays)
        other = LandscapeExplorer(gated_saddle()[1])
        before = other.results
        try:
            other.load(path)
        except ValueError:
            assert other.results == before
        else:
            taken += 1
            assert other.results.verdict is not None or other.eigenpairs is None
            json.dumps(received(other, "_pins"))
        other.close()
    assert taken < 30


def test_what_is_changed_on_the_way_to_another_centre_is_refused_or_serves(tmp_path: Path) -> None:
    path, draw, values = tmp_path / "run.npz", random.Random(0), [None, -1, "x", [], {}, {"map": []}]
    first = LandscapeExplorer(gated_saddle()[1], resolution=3, samples=2, axes=("random", "random"))
    first.compute().recentre(0.1, 0.1)
    first.compute().save(path)
    first.close()
    header, arrays = parts(path)
    places = [
        (name, i)
        for name in ("way", "parts")
        for i in range(len(list(leaves(entry(header["content"], name)))))
    ]
    for name, i in draw.sample(places, min(30, len(places))):
        crafted = copy.deepcopy(header)
        container, key = list(leaves(entry(crafted["content"], name)))[i]
        container[key] = draw.choice(values)
        put_together(path, crafted, arrays)
        other = LandscapeExplorer(gated_saddle()[1])
        before, study = state(other), other._study
        try:
            other.load(path)
        except ValueError:
            assert_same(state(other), before)
            assert other._study is study
        else:
            other.go_back()
            other.compute("surface")
        other.close()
    for theta in (np.full(5, np.nan), np.ones(4), np.ones((5, 1))):
        place = entry(header["content"], "way", "theta")["array"]
        put_together(path, header, {**arrays, place: theta})
        other = LandscapeExplorer(gated_saddle()[1])
        refused(other, path)
        other.close()


def test_a_pin_that_is_not_looked_at_yet_is_no_crafted_one(path: Path) -> None:
    changed(path, lambda content, _: stand_in(content, ("pins", 0, "values"), None))
    explorer = LandscapeExplorer(gated_saddle()[1]).load(path)
    finish_pin(explorer, explorer.pins[0])
    assert explorer.pins[0].done
    explorer.close()


def test_what_goes_wrong_on_the_way_is_put_back(path: Path) -> None:
    """An observer fails when the explorer has taken over nearly everything."""
    explorer = LandscapeExplorer(
        gated_saddle()[1], resolution=3, samples=2, axes=("random", "random")
    ).compute()
    pin = explorer.pin(0.5, 0.5)
    finish_pin(explorer, pin)
    before, study = state(explorer), explorer._study

    for trait in ("resolution", "status", "_pins"):
        left = [1]

        def fail(_: Any, left: list[int] = left) -> None:
            if left:
                left.clear()
                raise ZeroDivisionError("an observer of somebody's")

        explorer.observe(fail, names=trait)
        with pytest.raises(ZeroDivisionError):
            explorer.load(path)
        explorer.unobserve(fail, names=trait)
        explorer.wait(HUNG)
        after = state(explorer)
        for part in (before, after):
            part["sent"].pop("_surface", None)  # it carries the number of its request
        assert_same(after, before)
        assert explorer._study is study
        assert explorer.pins == (pin,)
    explorer.load(path)
    explorer.wait(HUNG)
    assert explorer.surface.loss.shape == (5, 5)
    explorer.close()


BAD_RESULTS: list[Callable[[Surface], dict[str, Any]]] = [
    lambda s: {"loss": s.loss.tolist()},
    lambda s: {"loss": s.loss[:-1]},
    lambda s: {"done": s.done.astype(float)},
    lambda s: {"alpha": s.alpha * np.nan},
    lambda _: {"provenance": {"seed": "three"}},
]


@pytest.mark.parametrize("bad", BAD_RESULTS)
def test_what_could_not_be_loaded_is_not_saved(path: Path, bad: Callable[[Surface], dict[str, Any]]) -> None:
    before = path.read_bytes()
    good = surface()
    with pytest.raises(ValueError, match="expected the result"):
        save(Surface(**{**vars(good), **bad(good)}), path)
    assert path.read_bytes() == before
