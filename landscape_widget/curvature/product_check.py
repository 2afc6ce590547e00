"""Hessian-vector products held against finite differences of gradients, before any curvature is trusted.

Some second derivatives are wrong in silence, such as those of custom backwards, others are missing in torch
(cuDNN's recurrent kernels, ``EmbeddingBag``). Attention and weight norm are safe, because every derivative
here is taken of their elementary forms. A few examples tell what a layer does; what batches do is told by
all of the data.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn

from landscape_widget.admission.slope_check import AllRoundingError
from landscape_widget.curvature.product_differences import STEPS, TOLERANCE, disagreement, smaller, steady
from landscape_widget.engine.faults import of_the_moment, out_of_memory
from landscape_widget.loss.evaluation import Spans
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.numerics.checks import few
from landscape_widget.objective.objective import Objective

#: Examples that come first: a derivative that is wrong is so for each of them, and they have few kinks.
EXAMPLES = 8

#: So many of them are enough for a first look, which certifies nothing.
FIRST_EXAMPLES = 2

#: Where kinks hide what all of the data say, so many examples decide, in parts of so many, of which this
#: share may disagree: a kink can lie nearer than any step, in one example of a thousand.
_SAMPLE, _PART, _SPARED = 32, 2, 1 / 8

#: Steps in those parts, the last of which rounding just allows, and over all of the data where parts of them
#: can decide.
_STEPS_IN_PARTS, _STEPS_OF_ALL = (1e-8, 1e-9, 1e-10, 1e-7, 1e-6), STEPS[:2]

#: Steps between which a kink shows itself by what it does to differences.
_STEPS_APART = 1e-8, 1e-10

#: How often what hardly counts beside the rest is compared by itself: from 1 down to 10⁻¹².
_LEVELS = 4

#: Words of torch about derivatives that it lacks.
_ABOUT_DERIVATIVES = ("derivative", "differentia", "backward", "grad", "zerotensor")

#: What to do where second derivatives cannot be had.
WAY_OUT = (
    "Or use what needs no second derivative: random planes, projected_curvatures(method='gradients') and "
    "hessian_trace(method='curvature-fit')."
)


class SecondDerivativeError(RuntimeError):
    """The Hessian-vector product of a loss is impossible."""


def check_hvp(objective: Objective) -> None:
    """Compares Hv with (∇L(θ + hv) − ∇L(θ − hv)) / 2h for one random v, on a few examples and then on all.

    Where the two disagree, another v decides, which changes each parameter by some share of itself: weight
    decay leaves units whose weights are 1e-14, θ* lies on their kink, and every other step crosses it. Where
    a whole tensor is zero, such steps would leave it out of the comparison, and the first v stands.

    The more examples, the more kinks: of a deep network on a hundred images some are crossed by any step
    that rounding allows. But a product is the mean of those of the examples, so that small parts of the data
    tell as much of the derivatives: a wrong one disagrees in each, a kink only in its own. They decide where
    what all of the data say changes with the step, as kinks make it do: a derivative that is wrong in larger
    batches, or for some examples, disagrees by the same at every step. One that is wrong for rare examples
    and hidden below many kinks is not told from them.

    Parameters whose curvature hardly counts beside that of others are compared by themselves, on the few
    examples alone. Where the loss of these is all rounding, they tell nothing, and all are asked.

    The product over all is the very one that curvature will be computed by, the gradients are those of the
    loader's own batches, and the losses at their two ends must agree with them. Costs a product, two
    gradients and two losses of all data, once for each objective; they are not counted in any ``n_hvp``.

    Args:
        objective: The loss, in the dtype that curvature will be computed in. In float32 differences tell
            nothing.

    Raises:
        SecondDerivativeError: If torch has no second derivative of some layer. The message names the modules.
        CutOffError: If the gradient is not that of the loss on some of the data.

    Warns:
        UserWarning: If the two disagree. The objective keeps the ``doubt``.
    """
    if objective.second_derivative_checked:
        return
    loss = objective.holding_statistics()
    suspects = suspicious_modules(loss)
    few = _few(loss, EXAMPLES)
    doubt = ""
    if few is not loss:
        try:
            doubt = _compare(few, suspects, "a few examples", loss)
        except AllRoundingError:
            few = loss
    objective.doubt = _compare(loss, suspects, "all of the data", loss) or doubt
    objective.doubt = objective.doubt or _compare_smaller(few, suspects)
    if objective.doubt:
        warnings.warn(objective.doubt, stacklevel=3)
    objective.second_derivative_checked = True


def check_few(objective: Objective) -> None:
    """Compares as ``check_hvp`` does, on two examples alone, for a first look that certifies nothing.

    Layers that are wrong are so for each example. What only all of the data tell is left to ``check_hvp``,
    and with it whatever leaves a doubt.

    Raises:
        SecondDerivativeError: If ``check_hvp`` would raise it on those examples.
        CutOffError: If ``check_hvp`` would raise it on those examples.
    """
    if not objective.second_derivative_checked:
        loss = objective.holding_statistics()
        with suppress(AllRoundingError):
            _compare(_few(loss, FIRST_EXAMPLES), suspicious_modules(loss), "a few examples", loss)


def _compare(objective: Objective, suspects: dict[str, str], where: str, whole: Objective) -> str:
    """Why the product cannot be trusted; "" where it can, or nothing can be told.

    ``whole`` is the objective on all of its data, this one or a larger one.
    """
    theta, everything = objective.theta, objective is whole
    v = _drawn(theta)
    # no other product of a few examples will follow, for which graphs would be weighed
    product = _product(objective, v, suspects, None if everything else theta.detach())
    if theta.dtype is not torch.float64:
        return ""
    if not bool(product.isfinite().all()):  # which curvature tells as what it is
        return ""
    parts = whole.parts(_SAMPLE, _PART)
    wrong = disagreement(objective, v, product, where, _STEPS_OF_ALL if everything and parts else STEPS)
    own = _along_itself(theta, objective.spans) if wrong and not (everything and parts) else None
    if own is not None:
        v = own
        product = _product(objective, v, suspects, theta.detach())
        wrong = disagreement(objective, v, product, where)
    if (
        wrong
        and parts
        and not (everything and steady(objective, v, product, wrong, _STEPS_APART))
        and not _differ(parts, suspects)
    ):
        # what is recorded for all of the data is held against what agrees in parts
        if not everything:
            return ""
        gap = whole.hvp(v, theta.detach()).sub_(product)
        if float(gap.norm()) <= TOLERANCE * float(product.norm()):
            return ""
    return _told(wrong)


def _compare_smaller(objective: Objective, suspects: dict[str, str]) -> str:
    """The same of those parameters alone whose curvature hardly counts beside that of others, level by level.

    Only what is wrong by the same at two steps counts: where little curves, a kink is much.
    """
    theta = objective.theta
    if theta.dtype is not torch.float64:
        return ""
    v = _drawn(theta)
    product = _product(objective, v, suspects, theta.detach())
    for _ in range(_LEVELS):
        within = smaller(v, product)
        if not bool(within.any()):
            break
        del product
        v = _drawn(theta, within)
        product = _product(objective, v, suspects, theta.detach()).mul_(within)
        if not bool(product.isfinite().all()):
            break
        wrong = disagreement(objective, v, product, within=within)
        if wrong and steady(objective, v, product, wrong, _STEPS_APART, within):
            return _told(wrong)
    return ""


def _told(wrong: dict[str, float]) -> str:
    if not wrong:
        return ""
    return (
        f"{_differs(wrong)} The cause may be a custom backward, a non-deterministic layer, or many kinks "
        f"near θ*. No curvature counts as certified. {WAY_OUT}"
    )


def _drawn(theta: Tensor, factors: Tensor | None = None) -> Tensor:
    """A vector of length 1, shape (N,): normal random numbers, always the same, times factors."""
    z = torch.randn(len(theta), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(theta)
    z = z if factors is None else z.mul_(factors)
    return z.div_(z.norm())


def _along_itself(theta: Tensor, spans: Spans) -> Tensor | None:
    """A unit vector that changes each parameter by a share of itself; None where some tensor has no share."""
    if not all(bool(theta[span].any()) for span in spans.values()):
        return None
    return _drawn(theta, theta.abs())


def _differ(parts: Sequence[Objective], suspects: dict[str, str]) -> bool:
    """Whether products and differences disagree in more of the parts than kinks explain."""
    told = []
    for part in filter(_has_loss, parts):  # there is none where all targets are left out
        v = _along_itself(part.theta, part.spans)
        v = _drawn(part.theta) if v is None else v
        product = _product(part, v, suspects, part.theta.detach())
        told.append(bool(disagreement(part, v, product, steps=_STEPS_IN_PARTS)))
    return not told or sum(told) > _SPARED * len(told)


def _product(objective: Objective, v: Tensor, suspects: dict[str, str], theta: Tensor | None) -> Tensor:
    """Hv at θ, or at θ* itself.

    An error is one of second derivatives only where gradients can be had and it says so, twice.
    """
    try:
        return objective.hvp(v, theta)
    except (RuntimeError, NotImplementedError) as error:
        if of_the_moment(error):
            raise
        objective.gradient()
        words = str(error).lower()
        if not (
            suspects or isinstance(error, NotImplementedError) or any(w in words for w in _ABOUT_DERIVATIVES)
        ):
            raise
        try:
            return objective.hvp(v, theta)
        except (RuntimeError, NotImplementedError) as again:
            if of_the_moment(again) or str(again) != str(error):
                raise
            raise SecondDerivativeError(_missing(suspects, error)) from error


def _few(objective: Objective, examples: int) -> Objective:
    """Some examples of the first batch, where it can be cut, or that batch: they cost less than all."""
    first = objective.first_batch()
    if first.n_examples == objective.n_examples <= examples:
        return objective
    if not first.divisible or first.n_examples <= examples:
        return first
    few = first.subset(examples)
    return few if _has_loss(few) else first


def _has_loss(objective: Objective) -> bool:
    try:
        return bool(objective.loss().isfinite())
    except Exception as error:  # a loss may need more examples, as one of the largest fifty does
        if out_of_memory(error):
            raise
        return False


def refusal(objective: Objective) -> SecondDerivativeError | None:
    """Why ``check_hvp`` refuses an objective, None where it does not."""
    try:
        check_hvp(objective)
    except SecondDerivativeError as error:
        return error
    return None


def suspicious_modules(objective: Objective) -> dict[str, str]:
    """Modules whose second derivative torch lacks: name → what to do."""
    terms = objective.terms
    if not isinstance(terms, ModelTerms):
        return {}
    on_cuda = objective.device.type == "cuda"
    found = {}
    for name, module in terms.named_modules().items():
        if isinstance(module, nn.RNNBase) and on_cuda:
            found[name] = "cuDNN recurrence; set torch.backends.cudnn.enabled = False, or use device='cpu'"
        elif isinstance(module, nn.EmbeddingBag):
            found[name] = "EmbeddingBag; use Embedding and a sum or mean over the bag"
    return found


def _differs(wrong: dict[str, float]) -> str:
    if all(map(math.isinf, wrong.values())):
        return (
            "Expected gradients beside θ* that are finite, by whose differences Hessian-vector products are "
            "checked, got none at any step."
        )
    worst = sorted(wrong, key=lambda name: -wrong[name])
    where = few(f"{name} ({100 * wrong[name]:.2g} %)" for name in worst)
    return (
        "Expected Hessian-vector products that agree with finite differences of the gradient, got a "
        f"difference in {where}."
    )


def _missing(suspects: dict[str, str], error: Exception) -> str:
    cause = f"The cause: {_listed(suspects)}. " if suspects else ""
    return (
        f"Expected a loss that can be differentiated twice, got {type(error).__name__}: "
        f"{str(error).rstrip('.')}. {cause}{WAY_OUT}"
    )


def _listed(suspects: dict[str, str]) -> str:
    return "; ".join(f"{name or 'the model'} ({advice})" for name, advice in suspects.items())
