"""What a person chooses in an explorer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from landscape_widget.planes.directions import hessian_rank
from landscape_widget.planes.surface import Domain
from landscape_widget.results.equality import equal_by_content


@equal_by_content
@dataclass(frozen=True)
class Controls:
    """What a person chose; each field has the name of a trait of the explorer."""

    axes: tuple[str, str]
    """Directions of α and β."""
    seed: int
    """Seed of random directions."""
    domain: Domain | None
    """(α min, α max, β min, β max); None for one that the study chooses."""
    resolution: int
    """Nodes for each axis."""
    examples: int
    """Examples that the loss is averaged over."""
    samples: int
    """Random projections of the histogram."""
    face: str = "projections"
    """Face of the curvature panel on show: "projections", "spectrum" or "trace"."""
    batch_norm: str = "frozen"
    """Statistics of batch-norm layers in the pictures; curvature always rests on frozen ones."""
    split: str = "train"
    """What the loss in the picture is on: "train", "test", or "difference" for test − training."""
    compared_axes: tuple[str, str] | None = None
    """Axes of a second picture beside the first; None for those of the first."""
    compared_domain: Domain | None = None
    """Domain of the second picture where it has axes of its own."""
    compared_split: str | None = None
    """Data of the second picture; None for those of the first. There is none if its axes are None, too."""
    equal_axes: bool = False
    """Whether an automatic domain reaches equally far along two eigenvectors; else by their curvatures."""

    @property
    def rank(self) -> int:
        """The number of eigenpairs at each end that both planes need."""
        return max(hessian_rank(axes) for axes in (self.axes, self.compared_axes) if axes)

    def compared(self) -> Controls | None:
        """The controls of the second picture, None without one."""
        if self.compared_axes is None and self.compared_split is None:
            return None
        second = replace(self, split=self.compared_split or self.split)
        if self.compared_axes is None:
            return second
        return replace(second, axes=self.compared_axes, domain=self.compared_domain)
