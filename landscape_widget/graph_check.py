"""Whether the graph of a loss starts at θ and nothing else of the user's, and its gradient is its slope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from landscape_widget.derivatives import differentiated
from landscape_widget.evaluation import unwritten
from landscape_widget.faults import out_of_memory
from landscape_widget.losses import InvalidLossError, ModelTerms
from landscape_widget.nearby import Probe
from landscape_widget.precision import repeatable
from landscape_widget.slope_check import CutOffError, check_slope, reaches


@dataclass(frozen=True)
class Derivative:
    """The gradient of a loss of one term, near θ and not on it."""

    probe: Probe
    point: Tensor
    """Where, shape (N,)."""
    gradient: Tensor
    in_graph: bool
    """Whether the loss asks whether parameters require a gradient, so that its values need a graph."""

    def check_slope(self) -> None:
        """Holds the gradient against differences of the loss.

        Raises:
            CutOffError: If they disagree.
        """
        where = "the first examples" if isinstance(self.probe.terms, ModelTerms) else "θ"
        loss = lambda at: self.probe.value(at, in_graph=self.in_graph)  # noqa: E731 - a callable argument
        check_slope(loss, self.gradient, self.point, self.probe.spans, where)


def derivative(probe: Probe, own: Sequence[Tensor]) -> Derivative:
    """The gradient of a loss whose graph starts at θ alone.

    Args:
        probe: A loss of one term.
        own: The parameters of the user's own model that make up θ, which the loss must not depend on.

    Raises:
        InvalidLossError: If it does.
        CutOffError: If it does not depend on θ.
        ValueError: If torch has no gradient of it.
    """
    terms = probe.terms
    point, plain = probe.point()
    with unwritten(point, probe.spans) as at, differentiated(at) as (leaf, gradient):
        loss = terms.term(leaf, 0)
        if own and reaches(loss, list(own)):
            raise InvalidLossError(
                "Expected a loss_fn that knows the parameters only through its arguments, got one that "
                "reaches those of your own model, by a closure or a global name: they stay where they are "
                "while θ moves, and so would that part of the loss. Write it as loss_fn(model, batch), "
                "which is called with θ in the model, and use that model, for instance in weight decay over "
                "model.parameters()."
            )
        if isinstance(terms, ModelTerms) and not loss.requires_grad:
            raise CutOffError(
                "Expected a loss that depends on the model's parameters, got one without a gradient with "
                "respect to them. Part of the model or of loss_fn is cut off (no_grad, inference_mode, "
                "detach, .item(), numpy), or calls another model than the one it is given."
            )
        value = float(loss.detach())
        try:
            slope = gradient(loss, False)
        except Exception as error:
            if out_of_memory(error):
                raise
            short = str(error).splitlines()[0][:200] if str(error) else ""
            raise ValueError(
                "Expected a loss with a gradient with respect to the model's parameters, got "
                f"{type(error).__name__}: {short}. Where the model checkpoints, pass "
                "use_reentrant=False to torch.utils.checkpoint."
            ) from error
    in_graph = abs(value - plain) > repeatable(point.dtype) * max(abs(value), abs(plain))
    return Derivative(probe, point, slope, in_graph)
