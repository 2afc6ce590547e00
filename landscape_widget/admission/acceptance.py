"""Whether model, loss and metrics take the data, give the same twice, and leave the user's model alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep

from torch import Tensor, nn

from landscape_widget.admission import not_finite
from landscape_widget.admission.precision import repeatable
from landscape_widget.data.tree import describe
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.engine.random_state import preserved_random_state, random_numbers_to_come
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.evaluation import Spans, loss_of, unwritten
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.numerics.checks import few

#: Seconds for which a model or generators that were changed are watched, at least, and so many times those of
#: what may have changed the model: a step of training takes about as many losses. Between two looks pass so
#: many seconds.
_WATCHED, _STEP, _LOOK = 0.5, 4, 0.005


def accepted(terms: ModelTerms, theta: Tensor, spans: Spans) -> float:
    """The loss of the first batch, where model, loss and metrics take it and it is the same twice.

    Raises:
        ValueError: If not, and why.
    """

    def drawing() -> tuple[float, set[int]]:
        before = random_numbers_to_come()
        with _told(terms, 0, "loss_fn"):
            loss = loss_of(terms.first(), theta, spans)
        with _told(terms, 0, "metrics"), evaluated():
            terms.metrics_on(theta.detach().clone(), terms.batches[0])
        return loss, {i for i, state in enumerate(random_numbers_to_come()) if state != before[i]}

    def coming(i: int) -> bytes:
        return random_numbers_to_come()[i]

    with preserved_random_state():  # what seeds the generators changes them once only
        first, drawn = drawing()
        _check_repeatable(first, loss_of(terms.first(), theta, spans), terms, theta)
    # another thread may draw, now and then or all the time, such as that of a Dask client or of a training
    drawn = drawn and drawn & drawing()[1]
    if not all(_goes_on(partial(coming, i), _WATCHED) for i in drawn):
        raise InvalidLossError(
            "Expected a model, loss_fn and metrics that leave the random numbers of the process alone, got "
            "some that seed or use its global generators, from which your code may draw meanwhile. Use "
            "a generator of their own, torch.Generator().manual_seed(0) in each call, or "
            "torch.random.fork_rng()."
        )
    return first


def check_whole(terms: ModelTerms, theta: Tensor, spans: Spans, *, first: float, in_graph: bool) -> None:
    """Evaluates the loss of all batches; a refusal names the ones that it comes from.

    Args:
        terms: Terms of the loss L.
        theta: θ, shape (N,).
        spans: Where each parameter tensor lies in θ.
        first: The loss of the first batch at θ, as it is without a graph.
        in_graph: Whether values need a graph.

    Raises:
        ValueError: If model or loss do not take one of the batches, or the whole is not finite.
    """
    losses = [] if in_graph else [first]
    with evaluated(), unwritten(theta, spans) as own:
        for b in range(len(losses), len(terms.batches)):
            with _told(terms, b, "loss_fn"):
                losses.append(float(terms.term(own.requires_grad_(in_graph), b).detach()))
    whole = sum(weight * loss for weight, loss in zip(terms.weights, losses, strict=True))
    if not math.isfinite(whole):
        raise not_finite.refusal(whole, losses, terms, theta, spans)


@contextmanager
def restored(model: nn.Module) -> Iterator[None]:
    """Puts the user's model back where a loss function has written into it.

    A model that goes on changing when nobody calls the loss is trained in another thread, and left to it.

    Raises:
        InvalidLossError: If it has.
    """
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    before = {name: (t.detach().clone(), t.grad) for name, t in tensors.items()}
    began, states = monotonic(), _states(tensors)
    try:
        yield
    finally:
        after = _states(tensors)
        changed = [name for name in tensors if after[name] != states[name]]
        if changed and _goes_on(lambda: _states(tensors), max(_WATCHED, _STEP * (monotonic() - began))):
            changed = []
        for name in changed:
            tensors[name].data.copy_(before[name][0])
            if tensors[name].is_leaf:
                tensors[name].grad = before[name][1]
    if changed:
        raise InvalidLossError(
            "Expected a loss_fn that leaves your model alone, got one that changed "
            f"{few(changed)} (a training step?). They are as they were. Leave out of "
            f"loss_fn whatever trains, and write it as loss_fn(model, batch) where it needs the model."
        )


def _states(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, int]]:
    """What changes with a tensor and with its gradient."""
    return {name: (t._version, id(t.grad) if t.is_leaf else 0) for name, t in tensors.items()}


def _goes_on(states: Callable[[], object], seconds: float) -> bool:
    """Whether something changes within some time in which this thread leaves it alone."""
    before, end = states(), monotonic() + seconds
    while monotonic() < end:
        sleep(_LOOK)
        if states() != before:
            return True
    return False


@contextmanager
def _told(terms: ModelTerms, b: int, what: str) -> Iterator[None]:
    """Says of an error on which batch model and loss, or ``what``, have met it."""
    try:
        yield
    except InvalidLossError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        got = describe(terms.batches[b].content)
        where = (
            f"the first batch, {got}"
            if not b
            else f"batch {b} of 0 to {len(terms.batches) - 1}, {got}, where the first one is "
            f"{describe(terms.batches[0].content)}"
        )
        raise ValueError(
            f"Expected a model and {what} that take {'all' if b else 'the'} batches of the data, got an "
            f"error on {where}: {type(error).__name__}: {str(error).removesuffix('.')}."
            f"{terms.reminder(what, terms.batches[b], error)}"
        ) from error


def _check_repeatable(a: float, b: float, terms: ModelTerms, theta: Tensor) -> None:
    near = abs(a - b) <= repeatable(theta.dtype) * max(abs(a), abs(b))
    if near or a == b or math.isnan(a):  # two infinities have no difference
        return
    active = terms.active_dropout()
    cause = (
        f"these layers drop at random: {few(active)}. Use mode='eval'"
        if active
        else "the model or loss_fn draws random numbers, or keeps a state from call to call. Fix its noise, "
        "for instance by a generator seeded in each call"
    )
    raise ValueError(
        "Expected the same loss at the same parameters, got "
        f"{a:.8g} and {b:.8g} in two evaluations. The likely cause: {cause}."
    )
