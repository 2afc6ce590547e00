"""Files of weights: safetensors read in pieces and held against their checksum, torch's own mapped."""

from __future__ import annotations

import json
import math
import os
import pickle
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscape_widget.results.files import open_regular

#: Part of a tensor: its name, its first element and one past its last, counted in the tensor laid flat.
Piece = tuple[str, int, int]

#: Ending of the files that are read in pieces.
SAFETENSORS = ".safetensors"

#: Key of a file's metadata that holds the further names of tied tensors, as JSON.
TIED = "tied"

#: Number types by their names in safetensors.
_NAMES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "U16": torch.uint16,
    "U32": torch.uint32,
    "U64": torch.uint64,
}

#: Those that such a file can hold.
DTYPES = frozenset(_NAMES.values())

#: Where other tools put the weights in a file that holds more than these.
_WEIGHTS = ("state_dict", "model_state_dict", "model")

#: What torch names that it does not read without running code.
_FOREIGN = re.compile(r"GLOBAL ([\w.]+)")

#: The longest header that is read; safetensors itself takes no longer ones.
_LONGEST_HEADER = 100_000_000

#: Bytes that are read at once for a checksum.
_CHUNK = 1 << 20


class Weights(Protocol):
    """The weights of one checkpoint, wherever they lie."""

    @property
    def shapes(self) -> Mapping[str, torch.Size]:
        """Shapes of the tensors by name, tied ones under each of their names."""

    @property
    def dtypes(self) -> Mapping[str, torch.dtype]:
        """The number types of the tensors by name."""

    def read(self, wanted: Sequence[Piece], row: Tensor) -> None:
        """Copies parts of tensors, one after the other, into a vector of their size."""

    def state(self) -> dict[str, Tensor]:
        """All of the tensors by name."""


def copied(tensors: Mapping[str, Tensor], device: str | None = None) -> dict[str, Tensor]:
    """Copies of tensors, on their own device or another one; what is one tensor stays one."""
    made: dict[int, Tensor] = {}
    for tensor in tensors.values():
        if id(tensor) not in made:
            copy = tensor.detach().to(device or tensor.device, copy=True)
            made[id(tensor)] = copy.contiguous() if copy.layout == torch.strided else copy
    return {name: made[id(tensor)] for name, tensor in tensors.items()}


class Held:
    """Weights in memory."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = dict(tensors)

    def on_cpu(self) -> Held:
        """A copy on the CPU."""
        return Held(copied(self._tensors, "cpu"))

    @property
    def shapes(self) -> Mapping[str, torch.Size]:
        """Shapes of the tensors by name."""
        return {name: tensor.shape for name, tensor in self._tensors.items()}

    @property
    def dtypes(self) -> Mapping[str, torch.dtype]:
        """The number types of the tensors by name."""
        return {name: tensor.dtype for name, tensor in self._tensors.items()}

    def read(self, wanted: Sequence[Piece], row: Tensor) -> None:
        """Copies parts of tensors, one after the other, into a vector."""
        parts = row.split_with_sizes([stop - start for _, start, stop in wanted])
        for (name, start, stop), part in zip(wanted, parts, strict=True):
            part.copy_(self._tensors[name].detach().reshape(-1)[start:stop])

    def state(self) -> dict[str, Tensor]:
        """Copies of the tensors by name; tied ones are one tensor."""
        return copied(self._tensors)


class _Place(NamedTuple):
    dtype: torch.dtype
    shape: torch.Size
    start: int
    """First byte, counted from the beginning of the file."""


@dataclass(frozen=True)
class SafetensorsFile:
    """Weights in a safetensors file, of which only what is asked for is read."""

    path: Path
    places: Mapping[str, _Place]
    """Where each tensor lies, tied ones under each of their names."""
    tied: Mapping[str, str]
    """Further names of tensors, and the name that each is stored under."""

    @classmethod
    def opened(cls, path: Path, crc32: int | None = None) -> SafetensorsFile:
        """Reads the header, and holds the file against its checksum where that is known.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it is no complete file of this kind, or differs from its checksum.
        """
        with open_regular(path) as file:
            places, tied = _header(file)
            if crc32 is not None and _checksum(file) != crc32:
                raise ValueError("its content is not what was written: the checksums differ")
        return cls(path, places, tied)

    @property
    def shapes(self) -> Mapping[str, torch.Size]:
        """Shapes of the tensors by name."""
        return {name: place.shape for name, place in self.places.items()}

    @property
    def dtypes(self) -> Mapping[str, torch.dtype]:
        """The number types of the tensors by name."""
        return {name: place.dtype for name, place in self.places.items()}

    def read(self, wanted: Sequence[Piece], row: Tensor) -> None:
        """Reads parts of tensors, one after the other, into a vector."""
        room, at = _bytes(row), 0
        with self.path.open("rb", buffering=0) as file:
            for dtype, place, n in self._joined(wanted):
                if dtype == row.dtype:
                    _read(file, place, room[at * dtype.itemsize : (at + n) * dtype.itemsize])
                else:
                    own = torch.empty(n, dtype=dtype, device="cpu")
                    _read(file, place, _bytes(own))
                    row[at : at + n] = own
                at += n

    def state(self) -> dict[str, Tensor]:
        """All of the tensors by name; tied ones are one tensor."""
        state = {}
        with self.path.open("rb", buffering=0) as file:
            for name, (dtype, shape, first) in self.places.items():
                if name not in self.tied:
                    state[name] = torch.empty(shape, dtype=dtype, device="cpu")
                    _read(file, first, _bytes(state[name]))
        return {name: state[self.tied.get(name, name)] for name in self.places}

    def _joined(self, wanted: Sequence[Piece]) -> list[tuple[torch.dtype, int, int]]:
        """Number type, first byte and elements of parts of tensors, those that adjoin in the file as one."""
        joined: list[tuple[torch.dtype, int, int]] = []
        end = -1
        for name, start, stop in wanted:
            dtype, _, first = self.places[name]
            size = dtype.itemsize
            place, n = first + start * size, stop - start
            if place == end and joined[-1][0] == dtype:
                joined[-1] = (dtype, joined[-1][1], joined[-1][2] + n)
            else:
                joined.append((dtype, place, n))
            end = place + n * size
        return joined


def _bytes(tensor: Tensor) -> NDArray[np.uint8]:
    """The bytes of a tensor, which it shares."""
    array: NDArray[np.uint8] = tensor.view(-1).view(torch.uint8).numpy()
    return array


def _read(file: FileIO, start: int, room: NDArray[np.uint8]) -> None:
    """Fills an array with the bytes of a file from a place on."""
    file.seek(start)
    rest = room.data
    while rest:  # two gigabytes are read at once at most
        if not (n_read := file.readinto(rest)):
            raise ValueError("it was cut short while it was read")
        rest = rest[n_read:]


def _header(file: BinaryIO) -> tuple[Mapping[str, _Place], Mapping[str, str]]:
    """Where the tensors lie in a safetensors file, and what else those are called that are tied."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _LONGEST_HEADER):
        raise ValueError("it is cut short, or no safetensors file")
    try:
        places, tied, end = _parsed(file.read(length))
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"its header is damaged ({type(error).__name__}: {error})") from error
    if size != end:
        raise ValueError(f"it has {size} bytes where its header tells of {end}")
    return places, tied


@lru_cache(maxsize=4)  # the checkpoints of one run have one header, which is long
def _parsed(header: bytes) -> tuple[Mapping[str, _Place], Mapping[str, str], int]:
    """Places of the tensors, names of the tied ones, and where the file ends."""
    entries = json.loads(header)
    tied = json.loads(entries.pop("__metadata__", {}).get(TIED, "{}"))
    first = end = 8 + len(header)
    places = {}
    for name, entry in entries.items():
        dtype, shape = _NAMES[entry["dtype"]], torch.Size(entry["shape"])
        start, stop = entry["data_offsets"]
        if min(shape, default=1) < 0 or not 0 <= start <= stop:
            raise ValueError(f"{name!r} has no place in it")
        if stop - start != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name!r} has {stop - start} bytes for shape {tuple(shape)} of {dtype}")
        places[name] = _Place(dtype, shape, first + start)
        end = max(end, first + stop)
    if any(name not in places or alias in places for alias, name in tied.items()):
        raise ValueError("its tied tensors are not there")
    return places | {alias: places[name] for alias, name in tied.items()}, tied, end


def _checksum(file: BinaryIO) -> int:
    file.seek(0)
    value, room = 0, memoryview(bytearray(_CHUNK))
    while n_read := file.readinto(room):  # type: ignore[attr-defined]  # all files have it
        value = zlib.crc32(room[:n_read], value)
    return value


def torch_file(path: Path) -> Held:
    """The weights in a file that ``torch.save`` wrote, mapped into memory; no code in it is run.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it holds no tensors by name, on its own or as "state_dict", "model_state_dict" or
            "model".
    """
    open_regular(path).close()
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        if (found := _FOREIGN.search(str(error))) is None:
            raise ValueError(f"torch cannot read it ({type(error).__name__}: {str(error)[:200]})") from error
        raise ValueError(
            f"it holds objects of Python beside tensors ({found[1]}), as torch.save(model) writes them, "
            "which are not read, since they could run code. Save the weights alone, "
            "torch.save(model.state_dict(), path), or pass the model that you load from it"
        ) from error
    except Exception as error:
        raise ValueError(f"torch cannot read it ({type(error).__name__}: {str(error)[:200]})") from error
    return Held(tensors_of(content))


def tensors_of(content: Any) -> dict[str, Tensor]:
    """The tensors by name in a state dict, or in a mapping that holds one among other things.

    Raises:
        ValueError: If there are none.
    """
    if isinstance(content, Mapping):
        for key in _WEIGHTS:  # a loss, or another number, may stand beside them as a tensor
            if isinstance(content.get(key), Mapping):
                return tensors_of(content[key])
        tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
        if tensors:
            return tensors
    raise ValueError(f"it holds no tensors by name, but {type(content).__name__}")
