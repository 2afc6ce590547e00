"""What quantities are called: the one table for figures, the page, and what results say of themselves."""

from __future__ import annotations

#: The loss in a picture, by the data that it is on.
LOSSES = {"train": "loss", "test": "test loss", "difference": "test − training loss"}

#: The same where pictures of them stand beside one another.
SPLITS = {"train": "training loss", "test": "test loss", "difference": "test − training loss"}

#: Where a loss is lowest among the nodes that were evaluated.
LOWEST = {"train": "lowest loss", "test": "lowest test loss"}

#: Said of such a point on the border of the domain, where the loss falls towards it, and of the picture.
AT_BORDER = "at the border"
FALLS = "the loss still falls at the border"

#: What is shown of the loss where statistics of batch-norm layers are recomputed at each point.
RECOMPUTED_LESS_FROZEN = "recomputed − frozen"

#: The contour through θ*.
LEVEL = "L(θ*)"

#: Where what is said of a picture holds: not for a larger or a smaller part of its plane.
HERE = "at this domain"

#: Axes of the pictures of curvature.
PROJECTED = "projected curvature κ"
PLANES = "random planes"
EIGENVALUE = "eigenvalue λ"
DENSITY = "spectral density"
VECTORS = "random vectors"
TRACE = "tr(H)"


def quantity_of(split: str, batch_norm: str) -> str:
    """What the values of a picture are.

    Args:
        split: The data that the loss is on, a key of ``LOSSES``.
        batch_norm: The statistics of batch-norm layers: "frozen", "recomputed" or their "difference".
    """
    loss = LOSSES[split]
    return f"{loss}, {RECOMPUTED_LESS_FROZEN}" if batch_norm == "difference" else loss
