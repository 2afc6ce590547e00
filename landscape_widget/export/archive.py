"""Results in one npz file: arrays that any numpy can read, and everything else as JSON beside them.

Nothing in it is executed when it is read. A file is read as a whole or refused as a whole.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape_widget.numerics.checks import check_integer, told
from landscape_widget.results.base import library_versions
from landscape_widget.results.catalogue import RESULTS
from landscape_widget.results.files import check_replaceable, open_regular, replacing
from landscape_widget.results.npz import is_plain, read_arrays

#: What a reader must understand; it goes up whenever older readers would get a file wrong.
VERSION = 1

#: The name of the format, which every file holds.
_FORMAT = "landscape-widget"

#: The name of the array that holds everything but arrays, as JSON.
_HEADER = "header"

#: The most containers within containers.
MOST_LEVELS = 100

#: Names that no array can have: that of the header, and those of numpy.savez's own arguments.
_TAKEN = (_HEADER, "", "file", "allow_pickle")


def write(path: str | os.PathLike[str], content: Any, before: Callable[[Path], object] | None = None) -> None:
    """Writes dataclasses, containers, numbers, words and arrays; an array's name is its place among them.

    Args:
        path: The file to write, replaced where it exists once the new file is complete.
        content: The value to write.
        before: See ``replacing``.

    Raises:
        TypeError: For anything else, or an array of objects; or if ``path`` is no path.
        OSError: If the file cannot be written.
    """
    check_replaceable(path)  # before the work
    packer = _Packer()
    tree = packer.pack(content, "")
    header = json.dumps(
        {"format": _FORMAT, "version": VERSION, "versions": library_versions(), "content": tree},
        allow_nan=False,
        ensure_ascii=False,
    )
    packer.arrays[_HEADER] = np.frombuffer(header.encode(), np.uint8)
    with replacing(path, before) as file:
        np.savez(file, **packer.arrays)  # type: ignore[arg-type]


def read(path: str | os.PathLike[str], types: Iterable[type] = ()) -> Any:
    """Reads what ``write`` wrote.

    Args:
        path: The file to read.
        types: Dataclasses that may be in it beside all kinds of results.

    Raises:
        OSError: If the file cannot be opened.
        TypeError: If ``path`` is no path.
        ValueError: If it is of another kind, damaged, or of a later version, or no regular file.
    """
    with open_regular(path) as file:
        try:
            arrays = read_arrays(file)
            header = json.loads(arrays.pop(_HEADER).tobytes())
            kind, version = header["format"], check_integer(header["version"], "version", 1)
        except Exception as error:
            raise ValueError(
                f"Expected a complete file that landscape_widget saved, got {os.fspath(path)!r}, which is "
                f"damaged, cut short or of another kind ({type(error).__name__}: {error})."
            ) from error
    if kind != _FORMAT or version > VERSION:
        raise ValueError(
            f"Expected a file of format {_FORMAT} up to version {VERSION}, got {os.fspath(path)!r} of "
            f"{told(kind)} version {version}. Update landscape-widget to read it."
        )
    known = RESULTS | {cls.__name__: cls for cls in types}
    try:
        return _unpack(header["content"], arrays, known)
    except Exception as error:
        raise ValueError(
            f"Expected a file that this version of landscape_widget can read, got {os.fspath(path)!r}, "
            f"written with {told(header.get('versions'))} ({type(error).__name__}: {error})."
        ) from error


class _Packer:
    """Turns content into JSON, and collects the arrays by name; an array that comes twice is kept once."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._names: dict[int, str] = {}
        self._level = 0

    def pack(self, value: Any, place: str) -> Any:
        """Returns ``value`` as JSON; ``place`` names where it stands."""
        if self._level > MOST_LEVELS:
            raise TypeError(f"Expected content of up to {MOST_LEVELS} levels, got more at {place[:100]}.")
        self._level += 1
        try:
            return self._pack(value, place)
        finally:
            self._level -= 1

    def _pack(self, value: Any, place: str) -> Any:  # noqa: PLR0911 - one for each kind of value
        match value:
            case None | bool() | str():
                return value
            case np.generic():
                return self.pack(value.item(), place)
            case int():
                return int(value)
            case float():
                return value if math.isfinite(value) else {"float": repr(value)}
            case np.ndarray():
                return {"array": self._name(value, place)}
            case tuple():
                return {"tuple": self._items(value, place)}
            case list():
                return self._items(value, place)
            case Mapping():
                keys = [self.pack(key, place) for key in value]
                items = [self.pack(v, _inside(place, k)) for k, v in value.items()]
                return {"map": [list(pair) for pair in zip(keys, items, strict=True)]}
        if not is_dataclass(value) or isinstance(value, type):
            raise TypeError(f"Expected numbers, words, arrays and results, got {type(value).__name__}.")
        entries = {f.name: self.pack(getattr(value, f.name), _inside(place, f.name)) for f in fields(value)}
        return {"type": type(value).__name__, "fields": entries}

    def _items(self, values: Iterable[Any], place: str) -> list[Any]:
        return [self.pack(v, _inside(place, i)) for i, v in enumerate(values)]

    def _name(self, array: np.ndarray, place: str) -> str:
        if not is_plain(array.dtype):
            raise TypeError(f"Expected an array of numbers or words at {place}, got one of {array.dtype}.")
        name = self._names.get(id(array))
        if name is None:
            name = place
            while name in self.arrays or name in _TAKEN:
                name += "_"
            self.arrays[name], self._names[id(array)] = array, name
        return name


def _inside(place: str, key: Any) -> str:
    """Returns where an entry stands, such as result.surface.loss."""
    word = "-".join(map(str, key)) if isinstance(key, tuple) else str(key)
    return f"{place}.{word}".lstrip(".")


def _unpack(  # noqa: PLR0911
    tree: Any, arrays: Mapping[str, np.ndarray], types: Mapping[str, type], level: int = 0
) -> Any:
    def unpack(part: Any) -> Any:
        return _unpack(part, arrays, types, level + 1)

    if level > MOST_LEVELS:
        raise ValueError(f"more than {MOST_LEVELS} levels")
    match tree:
        case {"array": name}:
            return arrays[name]
        case {"float": text}:
            return float(text)
        case {"tuple": items}:
            return tuple(map(unpack, items))
        case {"map": items}:
            return {unpack(key): unpack(value) for key, value in items}
        case {"type": name, "fields": entries}:
            return types[name](**{key: unpack(value) for key, value in entries.items()})
        case list():
            return [unpack(part) for part in tree]
        case dict():
            raise ValueError(f"unknown kind of entry: {', '.join(tree)}")
    return tree
