"""What a view really shows: its pixels, not its elements."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator


def pixels(element: Locator) -> NDArray[np.uint8]:
    """Return a screenshot of an element, shape (height, width, 3)."""
    element.scroll_into_view_if_needed()
    image = Image.open(io.BytesIO(element.screenshot(animations="disabled")))
    return np.asarray(image.convert("RGB"))


def middle(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the middle half in each direction: inside the axes of a plot."""
    height, width, _ = image.shape
    return image[height // 4 : -(height // 4), width // 4 : -(width // 4)]


def n_colours(image: NDArray[np.uint8]) -> int:
    """Return how many different colours there are."""
    return len(np.unique(image.reshape(-1, 3) @ [1 << 16, 1 << 8, 1]))


def spread(image: NDArray[np.uint8]) -> float:
    """Return the standard deviation of the brightness, 0 (one grey) to 127."""
    return float(image.mean(axis=2).std())


#: Red less blue from which on a colour has a hue.
HUE = 12


def sectors(image: NDArray[np.uint8]) -> int:
    """Return how many sectors of alternating hue, red and blue, a circle around the middle goes through.

    The most of several circles. Lines and marks are black, white and grey, and have no hue.
    """
    height, width, _ = image.shape
    counts = []
    for share in (0.4, 0.55, 0.7, 0.85, 0.98):
        angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
        i = np.rint((1 + share * np.sin(angles)) * (height - 1) / 2).astype(int)
        j = np.rint((1 + share * np.cos(angles)) * (width - 1) / 2).astype(int)
        difference = image[i, j, 0].astype(int) - image[i, j, 2]
        hues = np.sign(difference[np.abs(difference) >= HUE])
        counts.append(int((hues != np.roll(hues, 1)).sum()))
    return max(counts)
