"""Arrays from an npz file that anyone may have made: nothing is taken that is larger than the file says.

numpy's own reader unpacks whatever a member holds. This one takes members as ``numpy.savez`` writes them
only: uncompressed, each with a plain array that fills it to the last byte. So what it reads is never more
than the file itself.
"""

from __future__ import annotations

import math
import os
import zipfile
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

#: Kinds of dtypes that are numbers or words.
_PLAIN = "biufcUS"

#: Bytes that the header of one array takes at most; numpy's own take 118.
_LONGEST_HEADER = 1024

_ENCRYPTED = 0x1


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether arrays of a dtype are written and read: numbers or words, of a size, with no parts."""
    return dtype.kind in _PLAIN and dtype.itemsize > 0 and dtype.subdtype is None


def read_arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    """All arrays of an npz file by name, each held against its checksum.

    Args:
        file: A regular file, open for reading.

    Raises:
        ValueError: If a member is compressed, encrypted, there twice, larger than the file, or no array
            of numbers or words that fills it.
        zipfile.BadZipFile: If it is no zip file, or damaged.
    """
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len({member.filename for member in members}) < len(members):
            raise ValueError("a member is there twice")
        if sum(member.file_size for member in members) > size:
            raise ValueError("its members are larger than the file")
        for member in members:
            _check_member(member)
        return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}


def _check_member(member: zipfile.ZipInfo) -> None:
    packed = member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size
    if packed or member.flag_bits & _ENCRYPTED:
        raise ValueError(f"{member.filename} is compressed or encrypted")
    if not member.filename.endswith(".npy"):
        raise ValueError(f"{member.filename} is no array")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        shape, _, dtype = readers[npy.read_magic(stream)](stream, max_header_size=_LONGEST_HEADER)
        left = member.file_size - stream.tell()
    if not is_plain(dtype):
        raise ValueError(f"{member.filename} is an array of {dtype}, not of numbers or words")
    if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize != left:
        raise ValueError(f"{member.filename} has {left} bytes for shape {shape} of {dtype}")
    with archive.open(member) as stream:  # its checksum is compared as the last byte is read
        array: np.ndarray = npy.read_array(stream, allow_pickle=False, max_header_size=_LONGEST_HEADER)
    return array
