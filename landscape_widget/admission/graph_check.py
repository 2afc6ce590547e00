"""Whether the graph of a loss starts at θ and nothing else of the user's, and its gradient is its slope."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from landscape_widget.admission.embeddings import told_of_padding, told_of_sparse
from landscape_widget.admission.jump_places import told
from landscape_widget.admission.jumps import Jump, jump_between
from landscape_widget.admission.nearby import Probe
from landscape_widget.admission.precision import repeatable
from landscape_widget.admission.slope_check import CutOffError, Telling, check_slope, jumping, reaches
from landscape_widget.engine.derivatives import differentiated
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.evaluation import unwritten
from landscape_widget.loss.terms import ModelTerms, Terms
from landscape_widget.numerics.storage import memory_of

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
        if own and (reaches(loss, list(own)) or _depends(loss, terms, leaf, own)):
            raise InvalidLossError(
                "Expected a loss_fn that knows the parameters only through its arguments, got one that "
                "reaches those of your own model, or their memory (.data, state_dict()), by a closure or "
                "a global name: they stay where they are while θ moves, and so would that part of the loss. "
                "Write it as loss_fn(model, batch), which is called with θ in the model, and use that model, "
                "for instance in weight decay over model.parameters(); of what is meant as a constant keep a "
                ".clone()."
            )
        if isinstance(terms, ModelTerms) and not reaches(loss, [leaf]):
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
                f"{type(error).__name__}: {short}. {told_of_sparse(terms) or _CHECKPOINTS}"
            ) from error
    in_graph = abs(value - plain) > repeatable(point.dtype) * max(abs(value), abs(plain))
    return Derivative(probe, point, slope, in_graph)


class _Reads(TorchDispatchMode):
    """Notices operations that take the values of tensors, by their memory, or gives them other ones."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not wrapped for ``torch.compile``, which takes a second to be loaded."""
        return False

    def __init__(self, tensors: Sequence[Tensor], by: float = 0.0) -> None:
        """Takes the tensors, and what is added to their values."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._memory = {memory_of(tensor) for tensor in tensors} - {None}
        self._by = by
        self.found = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        def moved(value: Any) -> Any:
            if not isinstance(value, Tensor) or memory_of(value) not in self._memory:
                return value
            self.found = True
            return value + self._by if self._by else value

        if not func.is_view:
            args, kwargs = pytree.tree_map(moved, (args, kwargs))
        return func(*args, **(kwargs or {}))


def _depends(loss: Tensor, terms: Terms, leaf: Tensor, own: Sequence[Tensor]) -> bool:
    """Whether the loss is another one where the memory of these tensors reads otherwise."""
    with _Reads(own) as reads:  # apart from the loss itself, as a model may ask whether such a mode is there
        terms.term(leaf, 0)
    if not reads.found:
        return False
    with _Reads(own, by=1.0):
        other = float(terms.term(leaf, 0).detach())
    value = float(loss.detach())
    return abs(other - value) > repeatable(leaf.dtype) * max(abs(other), abs(value))


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
