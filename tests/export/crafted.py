"""Files as somebody may have made them: those of ``save`` with parts of them changed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def parts(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of a file that ``save`` wrote."""
    with np.load(path) as file:
        arrays = dict(file)
    return json.loads(arrays.pop("header").tobytes()), arrays


def put_together(path: Path, header: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """A file of these parts, in the right format."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    members = {**arrays, "header": np.frombuffer(text, np.uint8)}
    np.savez(path, **members)


def changed(path: Path, change: Callable[[Any, dict[str, np.ndarray]], Any]) -> None:
    """The same file after ``change`` of its content, as JSON, and its arrays."""
    header, arrays = parts(path)
    change(header["content"], arrays)
    put_together(path, header, arrays)


def entry(tree: Any, *names: Any) -> Any:
    """A place in the content: entries of mappings and fields of results by their names."""
    for name in names:
        if isinstance(tree, dict) and "map" in tree:
            (tree,) = (pair[1] for pair in tree["map"] if pair[0] == name)
        elif isinstance(tree, dict) and "tuple" in tree:
            tree = tree["tuple"][name]
        elif isinstance(tree, dict) and "fields" in tree:
            tree = tree["fields"][name]
        else:
            tree = tree[name]
    return tree


def leaves(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of the JSON tree."""
    for key in range(len(tree)) if isinstance(tree, list) else list(tree):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from leaves(tree[key])


def member(array: np.ndarray) -> bytes:
    """An array as a member of an npz file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def zipped(path: Path, members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> None:
    """A zip file of any members."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
