"""Hessian-vector products held against finite differences of gradients, before any curvature is trusted.

Some second derivatives in torch are wrong in silence (``_weight_norm``: 20-30 %), others are missing
(cuDNN's recurrent kernels, ``EmbeddingBag``). Attention is safe, because every derivative here is taken
of its elementary form. A few examples tell what a layer does; what batches do is told by all of the data.
"""

from __future__ import annotations

import math
import warnings
from itertools import pairwise

import torch
from torch import Tensor, nn

from landscape_widget.admission.jump_places import told
from landscape_widget.admission.slope_check import check_slope_between
from landscape_widget.engine.faults import of_the_moment, out_of_memory
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.numerics.checks import few
from landscape_widget.objective.objective import Objective

#: Steps of the central difference relative to max(‖θ‖, 1), tried in this order until one agrees. A wrong
#: second derivative disagrees at all of them, a kink (ReLU) that lies between the two points only at some;
#: the more examples, the shorter are the steps that cross none.
STEPS = (1e-6, 1e-8, 1e-7, 1e-9, 1e-5)

#: Examples that come first: a derivative that is wrong is so for each of them, and they have few kinks.
EXAMPLES = 8

#: In float32 differences of gradients tell faults of tens of percent, at these steps.
_STEPS_IN_SINGLE, _TOLERANCE_IN_SINGLE = (1e-3, 1e-2, 1e-4), 0.1

#: Words of torch about derivatives that it lacks.
_ABOUT_DERIVATIVES = ("derivative", "differentia", "backward", "grad", "zerotensor")

#: Relative difference in one parameter tensor that counts as disagreement: central differences in float64
#: are good to about 1e-9 at these steps, the faults known are above 1e-1.
TOLERANCE = 1e-3

_WAY_OUT = (
    "Or use what needs no second derivative: random planes, projected_curvatures(method='gradients') and "
    "hessian_trace(method='curvature-fit')."
)


class SecondDerivativeError(RuntimeError):
    """The Hessian-vector product of a loss is impossible or wrong."""


def check_hvp(objective: Objective) -> None:
    """Compares Hv with (∇L(θ + hv) − ∇L(θ − hv)) / 2h for one random v, on a few examples and then on all.

    Where the two disagree, another v decides, which changes each parameter by some share of itself: weight
    decay leaves units whose weights are 1e-14, θ* lies on their kink, and every other step crosses it. Where
    a whole tensor is zero, such steps would leave it out of the comparison, and the first v stands.

    The product over all is the very one that curvature will be computed by, the gradients are those of the
    loader's own batches, and the losses at their two ends must agree with them. Costs a product, two
    gradients and two losses of all data, once for each objective; they are not counted in any ``n_hvp``.

    Args:
        objective: In the dtype that curvature will be computed in. In float32 differences tell only the
            faults of layers that are known to be wrong.

    Raises:
        SecondDerivativeError: If torch has no second derivative of some layer, or the two disagree and a
            layer with a second derivative known to be wrong takes part. The message names the modules.
        CutOffError: If the gradient is not that of the loss on some of the data.

    Warns:
        UserWarning: If the two disagree and no such layer is there. The objective keeps the ``doubt``.
    """
    if objective.second_derivative_checked:
        return
    suspects = suspicious_modules(objective)
    few = _few(objective)
    doubt = _compare(few, suspects, "a few examples", once=True) if few is not objective else ""
    objective.doubt = _compare(objective, suspects, "all of the data") or doubt
    if objective.doubt:
        warnings.warn(objective.doubt, stacklevel=3)
    objective.second_derivative_checked = True


def check_few(objective: Objective) -> None:
    """Compares as ``check_hvp`` does, on a few examples alone, for a first look that certifies nothing.

    Layers that are wrong are so for each example. What only all of the data tell is left to ``check_hvp``,
    and with it whatever leaves a doubt.

    Raises:
        SecondDerivativeError: As ``check_hvp``.
        CutOffError: As ``check_hvp``, on those examples.
    """
    if not objective.second_derivative_checked:
        few = _few(objective)
        _compare(few, suspicious_modules(objective), "a few examples", once=few is not objective)


def _compare(objective: Objective, suspects: dict[str, str], where: str, *, once: bool = False) -> str:
    """Why the product cannot be trusted; "" where it can, or nothing can be told.

    ``once`` says that no other product of the objective will follow, for which graphs would be weighed.
    """
    theta = objective.theta
    z = torch.randn(len(theta), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(theta)
    place = theta.clone() if once else None
    product = _product(objective, z / z.norm(), suspects, place)
    if theta.dtype not in (torch.float64, torch.float32) or (theta.dtype is torch.float32 and not suspects):
        return ""
    if not bool(product.isfinite().all()):  # which curvature tells as what it is
        return ""
    wrong = _disagreement(objective, z / z.norm(), product, where)
    if wrong and all(bool(theta[span].any()) for span in objective.spans.values()):
        v = z * theta.abs() / (z * theta).norm()
        wrong = _disagreement(objective, v, _product(objective, v, suspects, place), where)
    if wrong and suspects:
        raise SecondDerivativeError(_wrong(wrong, suspects))
    if not wrong:
        return ""
    return (
        f"{_differs(wrong)} The cause may be a custom backward, a non-deterministic layer, or many kinks "
        f"near θ*. No curvature counts as certified. {_WAY_OUT}"
    )


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


def _few(objective: Objective) -> Objective:
    """Some examples of the first batch, where it can be cut, or that batch: they cost less than all."""
    first = objective.first_batch()
    if first.n_examples == objective.n_examples <= EXAMPLES:
        return objective
    if not first.divisible or first.n_examples <= EXAMPLES:
        return first
    few = first.subset(EXAMPLES)
    try:
        return few if torch.isfinite(few.loss()) else first
    except Exception as error:  # a loss may need more, as one of the largest fifty does
        if out_of_memory(error):
            raise
        return first


def refusal(objective: Objective) -> SecondDerivativeError | None:
    """Why ``check_hvp`` refuses an objective, None where it does not."""
    try:
        check_hvp(objective)
    except SecondDerivativeError as error:
        return error
    return None


def suspicious_modules(objective: Objective) -> dict[str, str]:
    """Modules whose second derivative torch lacks or gets wrong: name → what to do."""
    terms = objective.terms
    if not isinstance(terms, ModelTerms):
        return {}
    on_cuda = objective.device.type == "cuda"
    found = {}
    for name, module in terms.named_modules().items():
        if _has_weight_norm(module):
            found[name] = (
                "weight norm; fold it into the weights with torch.nn.utils.parametrize."
                "remove_parametrizations(module, 'weight') (torch.nn.utils.remove_weight_norm for the old "
                "kind): the landscape is then that of the weights themselves"
            )
        elif isinstance(module, nn.RNNBase) and on_cuda:
            found[name] = "cuDNN recurrence; set torch.backends.cudnn.enabled = False, or use device='cpu'"
        elif isinstance(module, nn.EmbeddingBag):
            found[name] = "EmbeddingBag; use Embedding and a sum or mean over the bag"
    return found


def _has_weight_norm(module: nn.Module) -> bool:
    parametrizations = getattr(module, "parametrizations", None)
    parts: list[object] = list(module._forward_pre_hooks.values())
    if isinstance(parametrizations, nn.Module):
        parts += parametrizations.modules()
    return any(type(part).__name__ in ("_WeightNorm", "WeightNorm") for part in parts)


def _disagreement(objective: Objective, v: Tensor, product: Tensor, where: str) -> dict[str, float]:
    """Relative difference in each parameter tensor where no step agrees; empty if there is none."""
    theta = objective.theta
    single = theta.dtype is torch.float32
    tolerance = _TOLERANCE_IN_SINGLE if single else TOLERANCE
    scale = max(float(theta.norm()), 1.0)
    gaps: dict[str, dict[float, float]] = {name: {} for name in objective.spans}
    shares = dict.fromkeys(gaps, float("inf"))
    checked = False
    for step in _STEPS_IN_SINGLE if single else STEPS:
        h = step * scale
        ahead, behind = objective.gradient(theta + h * v), objective.gradient(theta - h * v)
        difference = (ahead - behind) / (2 * h)
        if not bool(difference.isfinite().all()):  # beside a pole, for instance
            continue
        if not checked:
            _check_slope(objective, (theta - h * v, theta + h * v), (behind, ahead), where)
            checked = True
        rounding = 1e3 * torch.finfo(theta.dtype).eps * float(ahead.norm()) / h
        # a tensor that hardly takes part may be all rounding, as may be a function that is flat here
        least = torch.finfo(theta.dtype).eps ** 0.5 * float(difference.norm() > product.norm())
        floor = rounding + 1e-3 * tolerance * float(product.norm()) + least * h
        for name in list(gaps):
            span = objective.spans[name]
            size = max(float(product[span].norm()), float(difference[span].norm()))
            gap = float((product - difference)[span].norm())
            if gap <= tolerance * size + floor:
                del gaps[name]
            else:
                gaps[name][h] = gap
                shares[name] = min(shares[name], gap / size)
        if not gaps:
            return {}
    return {name: shares[name] for name, by_step in gaps.items() if not _vanishes(by_step)}


def _vanishes(gaps: dict[float, float]) -> bool:
    """Whether a difference goes to zero with the step, as where the second derivative is zero at θ alone."""
    last = [gap for _, gap in sorted(gaps.items())[:3]]
    return len(last) == 3 and all(shorter <= longer / 2 for shorter, longer in pairwise(last))


def _check_slope(
    objective: Objective, ends: tuple[Tensor, Tensor], gradients: tuple[Tensor, Tensor], where: str
) -> None:
    check_slope_between(
        objective.loss,
        objective.gradient,
        ends,
        gradients,
        where,
        lambda jump: told(objective.terms, objective.spans, jump, where),
    )


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


def _wrong(wrong: dict[str, float], suspects: dict[str, str]) -> str:
    return f"{_differs(wrong)} The cause: {_listed(suspects)}. {_WAY_OUT}"


def _missing(suspects: dict[str, str], error: Exception) -> str:
    cause = f"The cause: {_listed(suspects)}. " if suspects else ""
    return (
        f"Expected a loss that can be differentiated twice, got {type(error).__name__}: {error}. "
        f"{cause}{_WAY_OUT}"
    )


def _listed(suspects: dict[str, str]) -> str:
    return "; ".join(f"{name or 'the model'} ({advice})" for name, advice in suspects.items())
