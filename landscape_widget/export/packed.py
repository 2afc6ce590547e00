"""What a saved page carries, packed: a JSON text with its buffers behind it, losses rounded, compressed."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.grid import nearest

#: Stands for a hole among losses of 16 bits.
_HOLE = 65_535

#: Share of the nodes whose losses count as near that at θ*: there the steps are even.
_NEAR = 0.05


def packed(content: Any) -> str:
    """Base64 text of a JSON value with buffers, as the page's ``packed.js`` reads it.

    Buffers of equal content are kept once.
    """
    buffers: dict[bytes, int] = {}
    end = 0

    def plain(value: Any) -> Any:
        nonlocal end
        if isinstance(value, bytes):
            if value not in buffers:
                buffers[value] = end
                end += len(value)
            return {"$bytes": [buffers[value], len(value)]}
        if isinstance(value, Mapping):
            return {name: plain(each) for name, each in value.items()}
        return [plain(each) for each in value] if isinstance(value, list | tuple) else value

    text = json.dumps(plain(content), ensure_ascii=False, allow_nan=False).encode()
    parts = [len(text).to_bytes(4, "little"), text, *buffers]
    return b64encode(gzip.compress(b"".join(parts), mtime=0)).decode()


def rounded(surface: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    """A surface's payload with its losses in 16 bits, and how far a loss may be off by that.

    Steps are even near the loss at θ* and grow with the distance from it, so that a picture over many orders
    of magnitude keeps its small differences, too. The losses at θ* and at the lowest point are exact.
    """
    loss = np.frombuffer(surface["loss"], np.float32)
    alpha, beta = (np.frombuffer(surface[axis]) for axis in ("alpha", "beta"))
    places = [(0.0, 0.0), *((at["alpha"], at["beta"]) for at in [surface["minimum"]] if at)]
    nodes = [nearest(beta, b) * len(alpha) + nearest(alpha, a) for a, b in places]
    known = np.isfinite(loss)
    if not known.any():
        return {**surface, "loss": _told(np.full(len(loss), _HOLE), 0.0, 1.0, (0.0, 0.0), [])}, 0.0
    values = loss[known].astype(np.float64)
    about = float(loss[nodes[0]]) if known[nodes[0]] else float(np.median(values))
    away = np.abs(values - about)
    unit = float(np.quantile(away[away > 0], _NEAR)) if away.any() else 1.0
    low, high = float(values.min()), float(values.max())
    first, last = np.arcsinh((np.array([low, high]) - about) / unit)
    step = (last - first) / (_HOLE - 1) or 1.0
    codes = np.full(len(loss), _HOLE)
    codes[known] = np.rint((np.arcsinh((values - about) / unit) - first) / step)
    exact = [[int(node), float(loss[node])] for node in dict.fromkeys(nodes) if known[node]]
    back = np.clip(about + unit * np.sinh(first + codes[known] * step), low, high)
    return {**surface, "loss": _told(codes, about, unit, (low, high), exact)}, float(
        np.abs(back - values).max()
    )


def _told(
    codes: FloatArray, about: float, unit: float, span: tuple[float, float], exact: list[list[float]]
) -> dict[str, Any]:
    low, high = span
    told = {"codes": codes.astype("<u2").tobytes(), "about": about, "unit": unit, "low": low, "high": high}
    return {"$rounded": {**told, "exact": exact}}
