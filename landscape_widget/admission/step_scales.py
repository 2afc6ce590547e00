"""What the steps of differences are relative to, where parameter tensors are of very different norms."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

#: Share of the first scale below which there is a second one.
_APART = 1e-3

#: Share of a gap found before that rounding may reach where a shorter step decides whether it is there.
_TELLS = 0.25


def scales(theta: Tensor, v: Tensor, spans: Mapping[str, slice]) -> tuple[float, ...]:
    """How far steps along ``v`` go, before they are made short.

    To max(‖θ‖, 1), and then, where that moves a tensor by far more than itself, as one beside another in
    large units, as far as moves none by more than its own norm.

    Args:
        theta: θ, shape (N,).
        v: A direction that is not zero, shape (N,).
        spans: Where each parameter tensor lies in θ.
    """
    whole = max(float(theta.norm()), 1.0) / float(v.norm())
    sizes = [(float(theta[span].norm()), float(v[span].norm())) for span in spans.values()]
    own = min((size / way for size, way in sizes if size and way), default=whole)
    return (whole, own) if own < _APART * whole else (whole,)


def tells(rounding: float, gap: float) -> bool:
    """Whether differences that are good to ``rounding`` tell a gap from none."""
    return rounding <= _TELLS * gap
