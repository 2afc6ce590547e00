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
    return len(np.unique(image.reshape(-1, 3), axis=0))


def spread(image: NDArray[np.uint8]) -> float:
    """Return the standard deviation of the brightness, 0 (one grey) to 127."""
    return float(image.mean(axis=2).std())
