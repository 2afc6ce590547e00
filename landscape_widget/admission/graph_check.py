"""Whether the graph of a loss starts at θ and nothing else of the user's, and its gradient is its slope."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from landscape_widget.admission.embeddings import told_of_padding, told_of_sparse
from landscape_widget.admission.jump_places import told
from landscape_widget.admission.jumps import Jump, jump_between
from landscape_widget.admission.nearby import Probe
from landscape_widget.admission.own_model import OF_OWN_MODEL, depend_on, names_array_of
from landscape_widget.admission.precision import repeatable
from landscape_widget.admission.slope_check import CutOffError, Telling, check_slope, jumping, reaches
from landscape_widget.engine.derivatives import differentiated
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.evaluation import unwritten
from landscape_widget.loss.terms import ModelTerms, Terms

_CHECKPOINTS = "Where the model checkpoints, pass use_reentrant=False to torch.utils.checkpoint."

#: Examples on which jumps are looked for, at ten evaluations or more.
_FEWER = 8

#: A jump so near θ, relative to the displacement, lies at θ for any difference that is taken there.
_AT_THETA = 1e-3


@dataclass(frozen=True)
class Derivative:
    """The gradient of a loss of one term, near θ and not on it."""

    probe: Probe
    point: Tensor
    """The point, shape (N,)."""
    gradient: Tensor
    in_graph: bool
    """Whether the loss asks whether parameters require a gradient, so that its values need a graph."""

    def check_slope(self) -> None:
        """Holds the gradient against differences of the loss.

        Raises:
            CutOffError: If they disagree, or the loss jumps at θ.

        Warns:
            UserWarning: If the loss jumps near θ.
        """
        probe = self.probe
        where = "the first examples" if isinstance(probe.terms, ModelTerms) else "θ"

        def tell(jump: Jump) -> tuple[str, str]:
            return told(probe.terms, probe.spans, jump, where)

        loss = partial(probe.value, in_graph=self.in_graph)
        check_slope(
            loss, self.gradient, self.point, probe.spans, where, tell, lambda: told_of_padding(probe.terms)
        )
        if self.point is not probe.theta and probe.theta.dtype is torch.float64:
            loss = partial(probe.few(_FEWER).value, in_graph=self.in_graph)
            _check_jumps(loss, probe.theta, self.point - probe.theta, tell)


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
    point, plain = probe.point
    with unwritten(point, probe.spans) as at, differentiated(at) as (leaf, gradient):
        loss = terms.term(leaf, 0)
        if own and (reaches(loss, list(own)) or _depends(terms, leaf, own)):
            raise InvalidLossError(OF_OWN_MODEL.format("loss_fn", "loss", "loss_fn"))
        if isinstance(terms, ModelTerms) and not reaches(loss, [leaf]):
            raise CutOffError(
                "Expected a loss that depends on the model's parameters, got one without a gradient with "
                "respect to them. Part of the model or of loss_fn is cut off (no_grad, inference_mode, "
                "detach, .item(), numpy), or calls another model than the one it is given, or has parameters "
                "merged by eval(), which mode='train' does not do."
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
                f"{type(error).__name__}: {short}. {told_of_sparse(terms) or _CHECKPOINTS}"
            ) from error
    in_graph = abs(value - plain) > repeatable(point.dtype) * max(abs(value), abs(plain))
    return Derivative(probe, point, slope, in_graph)


def _depends(terms: Terms, leaf: Tensor, own: Sequence[Tensor]) -> bool:
    """Whether the loss is another one where the memory of these tensors reads otherwise, or may be."""
    if isinstance(terms, ModelTerms) and names_array_of(terms.loss_fn, own):
        return True
    return bool(depend_on(own, lambda: [float(terms.term(leaf, 0).detach())], repeatable(leaf.dtype)))


def _check_jumps(loss: Callable[[Tensor], float], theta: Tensor, move: Tensor, tell: Telling) -> None:
    """Refuses a loss that jumps at θ, and tells of a jump on the way between two points beside it."""
    jump = jump_between(loss, theta - move, theta + move)
    if jump is None:
        return
    found, way_out = tell(jump)
    distance = float((jump.before - theta).norm())
    if distance <= _AT_THETA * float(move.norm()):
        raise jumping(found, way_out, "it has no gradient there")
    warnings.warn(
        f"The loss {found}, at ‖Δθ‖ = {distance:.2g} from θ*. Its values are right; gradient and curvature "
        "are those of the smooth piece that θ* lies on, and know nothing of jumps.",
        stacklevel=6,
    )
