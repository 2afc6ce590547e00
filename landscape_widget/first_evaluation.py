"""The first evaluation of a loss, where its faults are met and the user can act on them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from landscape_widget import not_finite
from landscape_widget.derivatives import differentiated, evaluated
from landscape_widget.evaluation import Spans, gradient_of, loss_of
from landscape_widget.faults import out_of_memory
from landscape_widget.jump_places import told as told_of
from landscape_widget.jumps import Jump, find_jump
from landscape_widget.losses import InvalidLossError, ModelTerms, Terms
from landscape_widget.slope_check import CutOffError, check_slope, jumping, reaches
from landscape_widget.snapshot import cut, halves, tensors_in
from landscape_widget.tree import describe

#: Relative difference of two evaluations at θ* up to which they count as the same: parallel sums
#: round differently from run to run, dropout is off by far more.
_REPEATABLE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 1e-1, torch.float16: 1e-2}

#: Relative difference of the loss of a batch from the mean over its halves from which on it is told.
_SEEN = 1e2

#: Examples by which the gradient is held against the loss, and those on which jumps are looked for around θ.
_FEW, _FEWER = 64, 8

#: A jump so near θ, relative to the displacement, lies at θ for any difference that is taken there.
_AT_THETA = 1e-3

#: Words of torch about types that do not go together.
_ABOUT_TYPES = ("dtype", "type", "double", "float")

#: Length of a displacement to where nothing is a coincidence, relative to max(‖θ‖, 1).
_DISPLACED = 1e-2


def displaced(theta: Tensor) -> Tensor:
    """A point near θ, always the same, where neither symmetry nor a vanishing slope hides a difference."""
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    length = _DISPLACED * max(float(theta.norm()), 1.0)
    return theta + (v * (length / float(v.norm()))).to(theta)


def _nearby(terms: Terms, theta: Tensor, spans: Spans) -> Tensor:
    """``displaced``, or θ itself where the loss is not defined there, as that of a variance below zero."""
    point = displaced(theta)
    try:
        defined = math.isfinite(loss_of(terms, point, spans))
    except InvalidLossError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        defined = False
    return point if defined else theta


def first_evaluation(terms: Terms, theta: Tensor, spans: Spans, own: Sequence[Tensor], *, told: bool) -> bool:
    """Evaluates loss and metrics at θ, and holds the gradient against the loss on some of the first examples.

    Args:
        terms: L.
        theta: θ, shape (N,).
        spans: Where each parameter tensor lies in θ.
        own: The parameters of the user's own model that make up θ, which L must not depend on.
        told: Whether the user said how many examples a batch holds.

    Returns:
        Whether the loss asks whether parameters require a gradient, so that its values need a graph.

    Raises:
        ValueError: For whatever is wrong with loss, metrics or model, and what to do about it.
    """
    few: Terms = terms
    if isinstance(terms, ModelTerms):
        first = _accepted(terms, theta, spans)
        _check_repeatable(first, _value(terms, theta, spans, 0), terms, theta.dtype)
        _check_mean(terms, theta, spans)
        if not told:
            _check_time(terms, theta, spans)
        few = _few(terms, theta, spans)
    in_graph = _check_graph(few, theta, spans, own)
    _check_whole(terms, theta, spans, in_graph=in_graph)
    _check_slope(few, theta, spans, in_graph=in_graph)
    if isinstance(terms, ModelTerms) and (written := terms.written_in_place()):
        raise InvalidLossError(
            "Expected a model that leaves its parameters as they are, got a forward pass that writes into "
            f"{', '.join(written[:5])}. Do that in the training step, or on a copy in forward."
        )
    return in_graph


@contextmanager
def restored(model: nn.Module) -> Iterator[None]:
    """Puts the user's model back where a loss function has written into it.

    Raises:
        InvalidLossError: If it has.
    """
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    before = {name: (t._version, t.detach().clone(), t.grad) for name, t in tensors.items()}
    try:
        yield
    finally:
        written = [name for name, t in tensors.items() if t._version != before[name][0]]
        marked = [name for name, t in tensors.items() if t.is_leaf and t.grad is not before[name][2]]
        for name in written:
            tensors[name].data.copy_(before[name][1])
        for name in marked:
            tensors[name].grad = before[name][2]
    if written or marked:
        raise InvalidLossError(
            "Expected a loss_fn that leaves your model alone, got one that changed "
            f"{', '.join((written or marked)[:5])} (a training step?). They are as they were. Leave out of "
            f"loss_fn whatever trains, and write it as loss_fn(model, batch) where it needs the model."
        )


def rounding_fault(terms: Terms, theta: Tensor) -> str | None:
    """Why L is not computed in the precision of θ throughout; None where it is.

    Models make tensors of their own in a fixed type, or go through one; in the first term that is seen.
    """
    watch = _Narrow(theta.dtype)
    try:
        with evaluated(), watch:
            loss = terms.term(theta.detach().clone(), 0)
    except RuntimeError as error:
        if out_of_memory(error) or not any(word in str(error).lower() for word in _ABOUT_TYPES):
            raise
        return f"in {_name(theta.dtype)} the model or loss_fn fails ({type(error).__name__}: {_short(error)})"
    narrow = watch.seen or (loss.dtype if loss.dtype is not theta.dtype else None)
    if narrow is None:
        return None
    return f"the model or loss_fn goes through {_name(narrow)} ({watch.where or 'its result'})"


class _Narrow(TorchDispatchMode):
    """Notices operations that turn numbers of one type into a narrower one."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not wrapped for ``torch.compile``, which takes a second to be loaded."""
        return False

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dtype = dtype
        self.seen: torch.dtype | None = None
        self.where = ""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        wide = any(isinstance(a, Tensor) and a.dtype is self._dtype for a in args)
        number = isinstance(result, Tensor) and result.is_floating_point()
        if wide and number and result.dtype is not self._dtype and self.seen is None:
            self.seen, self.where = result.dtype, str(func)
        return result


def _value(terms: ModelTerms, theta: Tensor, spans: Spans, b: int) -> float:
    return loss_of(terms.over(terms.batches[b : b + 1]), theta, spans)


def _accepted(terms: ModelTerms, theta: Tensor, spans: Spans) -> float:
    """The loss of the first batch, where model, loss and metrics take it."""
    batch = terms.batches[0]
    what = "loss_fn"
    try:
        first = _value(terms, theta, spans, 0)
        what = "metrics"
        with evaluated():
            terms.metrics_on(theta.detach().clone(), batch)
    except InvalidLossError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise ValueError(
            f"Expected a model and {what} that take the batches of the data, got an error on "
            f"the first batch, {describe(batch.content)}: {type(error).__name__}: {error}"
            f"{terms.calling(batch, error)}"
        ) from error
    return first


def _check_whole(terms: Terms, theta: Tensor, spans: Spans, *, in_graph: bool) -> None:
    """Evaluates the loss of all batches; an error names the one that it came from."""
    losses = []
    for b in range(len(terms.weights)):
        try:
            one = terms.over([terms.batches[b]]) if isinstance(terms, ModelTerms) else terms
            losses.append(loss_of(one, theta, spans, in_graph=in_graph))
        except InvalidLossError:
            raise
        except Exception as error:
            if out_of_memory(error) or not isinstance(terms, ModelTerms):
                raise
            batch = terms.batches[b]
            raise ValueError(
                f"Expected a model and loss_fn that take all batches of the data, got an error on batch {b} "
                f"of 0 to {len(terms.batches) - 1}, {describe(batch.content)}, where the first one is "
                f"{describe(terms.batches[0].content)}: {type(error).__name__}: {error}"
                f"{terms.calling(batch, error)}"
            ) from error
    whole = sum(weight * loss for weight, loss in zip(terms.weights, losses, strict=True))
    if not math.isfinite(whole):
        raise not_finite.refusal(whole, losses, terms, theta, spans)


def _check_repeatable(a: float, b: float, terms: ModelTerms, dtype: torch.dtype) -> None:
    near = abs(a - b) <= _REPEATABLE.get(dtype, 1e-4) * max(abs(a), abs(b))
    if near or a == b or math.isnan(a):  # two infinities have no difference
        return
    active = terms.active_dropout()
    cause = (
        f"these layers drop at random: {', '.join(active[:5])}. Use mode='eval'"
        if active
        else "the model or loss_fn draws random numbers, or keeps a state from call to call. Fix its noise, "
        "for instance by a generator seeded in each call"
    )
    raise ValueError(
        "Expected the same loss at the same parameters, got "
        f"{a:.8g} and {b:.8g} in two evaluations. The likely cause: {cause}."
    )


def _mean_over_halves(terms: ModelTerms, theta: Tensor, spans: Spans) -> tuple[float, float] | None:
    """The loss of the first batch and the mean over its halves; None where it cannot be cut."""
    batch = terms.batches[0]
    parts = halves(batch)
    if parts is None:
        return None
    try:
        losses = [loss_of(terms.over([part]), theta, spans) for part in parts]
    except Exception as error:  # a model may insist on its batch size; then none is cut
        if out_of_memory(error):
            raise
        terms.never_cut()
        return None
    mean = sum(part.n * loss for part, loss in zip(parts, losses, strict=True)) / batch.n
    return _value(terms, theta, spans, 0), mean


def _check_mean(terms: ModelTerms, theta: Tensor, spans: Spans) -> None:
    """Warns where the loss of the first batch is not the mean of the losses of its examples.

    At a displaced θ: a head of zeros gives all examples the same loss.
    """
    found = _mean_over_halves(terms, _nearby(terms.first(), theta, spans), spans)
    if found is not None and _differ(found, theta.dtype):
        warnings.warn(
            f"The loss of the first batch is {found[0]:.6g}, the mean over its two halves {found[1]:.6g}: "
            "it is not a mean over examples (class weights, ignored targets, batch statistics, or pairs "
            "within the batch?), so results depend on the batches.",
            stacklevel=4,
        )


def _differ(pair: tuple[float, float], dtype: torch.dtype) -> bool:
    whole, mean = pair
    return abs(mean - whole) > _SEEN * _REPEATABLE.get(dtype, 1e-4) * (abs(whole) or 1.0)


def _check_time(terms: ModelTerms, theta: Tensor, spans: Spans) -> None:
    """Refuses batches whose first dimension may be time: it is not examples, and their number is not told."""
    layers = terms.time_may_come_first()
    shapes = [leaf.shape for leaf in tensors_in(terms.batches[0]) if leaf.ndim]
    could_be_second = shapes and all(len(shape) > 1 for shape in shapes) and len({s[1] for s in shapes}) == 1
    if not layers or not could_be_second:
        return
    found = _mean_over_halves(terms, _nearby(terms.first(), theta, spans), spans)
    if found is not None and _differ(found, theta.dtype):
        listed = ", ".join(layers[:3])
        raise ValueError(
            "Expected batches with examples as their first dimension, got "
            f"{describe(terms.batches[0].content)} for a model with layers that take time first ({listed}), "
            "whose loss is not a mean over the first dimension. Pass batch_size_fn=, which returns the "
            "number of examples in a batch."
        )


def _few(terms: ModelTerms, theta: Tensor, spans: Spans) -> ModelTerms:
    """The first batch, or some of its examples where it can be cut."""
    batch = terms.batches[0]
    if batch.n > _FEW and batch.divisible:
        few = terms.over([cut(batch, slice(_FEW))])
        if math.isfinite(loss_of(few, theta, spans)):
            return few
    return terms.first()


def _check_graph(terms: Terms, theta: Tensor, spans: Spans, own: Sequence[Tensor]) -> bool:
    """Whether values need a graph; refuses losses whose graph does not start at θ alone."""
    point = _nearby(terms, theta, spans)
    plain = loss_of(terms, point, spans)
    with differentiated(point.detach().clone()) as (leaf, _):
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
    return abs(value - plain) > _REPEATABLE.get(theta.dtype, 1e-4) * max(abs(value), abs(plain))


def _check_slope(terms: Terms, theta: Tensor, spans: Spans, *, in_graph: bool) -> None:
    """Holds the gradient against the loss, in float64 where that can be had, near θ and not on it."""
    where = "the first examples" if isinstance(terms, ModelTerms) else "θ"
    if theta.dtype is not torch.float64 and theta.device.type != "mps":
        wide = terms.convert(theta.device, torch.float64)
        if rounding_fault(wide, theta.double()) is None:
            terms, theta = wide, theta.double()
    point = _nearby(terms, theta, spans)

    def loss(at: Tensor) -> float:
        return loss_of(terms, at, spans, in_graph=in_graph)

    try:
        gradient = gradient_of(terms, point, spans)
    except InvalidLossError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise ValueError(
            "Expected a loss with a gradient with respect to the model's parameters, got "
            f"{type(error).__name__}: {_short(error)}. Where the model checkpoints, pass "
            "use_reentrant=False to torch.utils.checkpoint."
        ) from error

    def tell(jump: Jump) -> tuple[str, str]:
        return told_of(terms, spans, jump, where)

    check_slope(loss, gradient, point, spans, where, tell)
    if point is not theta and theta.dtype is torch.float64:
        _check_jumps(terms, theta, spans, point - theta, where, in_graph=in_graph)


def _check_jumps(
    terms: Terms, theta: Tensor, spans: Spans, move: Tensor, where: str, *, in_graph: bool
) -> None:
    """Refuses a loss that jumps at θ, and tells of a jump nearby."""
    if isinstance(terms, ModelTerms) and terms.divisible and terms.n_examples > _FEWER:
        terms = terms.over([cut(terms.batches[0], slice(_FEWER))])
    jump = find_jump(lambda at: loss_of(terms, at, spans, in_graph=in_graph), theta - move, theta + move)
    if jump is None:
        return
    found, way_out = told_of(terms, spans, jump, where)
    distance = float((jump.before - theta).norm())
    if distance <= _AT_THETA * float(move.norm()):
        raise jumping(found, way_out, "it has no gradient there")
    warnings.warn(
        f"The loss {found}, at ‖Δθ‖ = {distance:.2g} from θ*. Its values are right; gradient and curvature "
        "are those of the smooth piece that θ* lies on, and know nothing of jumps.",
        stacklevel=5,
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else ""
