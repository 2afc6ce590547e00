"""One Hessian-vector product against a finite difference of gradients, before any curvature is trusted.

Some second derivatives in torch are wrong in silence (``_weight_norm``: 20-30 %), others are missing
(cuDNN's recurrent kernels, ``EmbeddingBag``). Attention is safe, because every derivative here is taken
under its math kernel.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from landscape_widget.losses import ModelTerms
from landscape_widget.objective import Objective

#: Steps of the central difference relative to max(‖θ‖, 1), tried in this order until one agrees. A wrong
#: second derivative disagrees at all of them, a kink (ReLU) that lies between the two points only at some.
STEPS = (1e-6, 1e-7, 1e-5, 1e-8, 1e-9)

#: Examples that are enough to tell: a derivative that is wrong is so for each of them.
EXAMPLES = 8

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
    """Compares Hv with (∇L(θ + hv) − ∇L(θ − hv)) / 2h on a few examples of the first batch, for one random v.

    Costs one product and at least two gradients of them, once for each objective; they are not counted in
    any ``n_hvp``.

    Args:
        objective: In the dtype that curvature will be computed in. Below float64 only the product
            itself is tried, since finite differences tell nothing there.

    Raises:
        SecondDerivativeError: If torch has no second derivative of some layer, or the two disagree and a
            layer with a second derivative known to be wrong takes part. The message names the modules.

    Warns:
        UserWarning: If the two disagree and no such layer is there.
    """
    if objective.second_derivative_checked:
        return
    probe = _few(objective.first_batch())
    theta = probe.theta
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(theta)
    v = v / v.norm()
    suspects = suspicious_modules(objective)
    try:
        product = probe.hvp(v)
    except (RuntimeError, NotImplementedError) as error:
        raise SecondDerivativeError(_missing(suspects, error)) from error
    if theta.dtype == torch.float64:
        wrong = _disagreement(probe, v, product)
        if wrong and suspects:
            raise SecondDerivativeError(_wrong(wrong, suspects))
        if wrong:
            warnings.warn(
                f"{_differs(wrong)} The cause may be a custom backward, a non-deterministic layer, or many "
                f"kinks near θ*. Do not trust the curvature. {_WAY_OUT}",
                stacklevel=3,
            )
    objective.second_derivative_checked = True


def _few(batch: Objective) -> Objective:
    """Fewer examples of a batch, where its loss is their mean: they have fewer kinks, and cost less."""
    if isinstance(batch.terms, ModelTerms) and batch.terms.additive:
        return batch.subset(min(EXAMPLES, batch.n_examples))
    return batch


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


def _disagreement(objective: Objective, v: Tensor, product: Tensor) -> dict[str, float]:
    """Relative difference in each parameter tensor where no step agrees; empty if one agrees in all."""
    theta = objective.theta
    scale = max(float(theta.norm()), 1.0)
    layout = objective.layout
    spans = {e.name: slice(e.start, e.stop) for e in layout.entries} if layout else {"θ": slice(None)}
    best: dict[str, float] = {}
    for step in STEPS:
        h = step * scale
        ahead, behind = objective.gradient(theta + h * v), objective.gradient(theta - h * v)
        difference = (ahead - behind) / (2 * h)
        rounding = 1e3 * torch.finfo(theta.dtype).eps * float(ahead.norm()) / h
        # a tensor that hardly takes part may be all rounding
        floor = rounding + 1e-3 * TOLERANCE * float(product.norm())
        wrong = {}
        for name, span in spans.items():
            size = max(float(product[span].norm()), float(difference[span].norm()))
            gap = float((product - difference)[span].norm())
            if not gap <= TOLERANCE * size + floor:
                wrong[name] = gap / size if size else float("inf")
        if not wrong:
            return {}
        if not best or sum(wrong.values()) < sum(best.values()):
            best = wrong
    return best


def _differs(wrong: dict[str, float]) -> str:
    worst = sorted(wrong, key=lambda name: -wrong[name])[:5]
    where = ", ".join(f"{name} ({100 * wrong[name]:.2g} %)" for name in worst)
    return (
        "Expected Hessian-vector products that agree with finite differences of the gradient, got a "
        f"difference in {where}."
    )


def _wrong(wrong: dict[str, float], suspects: dict[str, str]) -> str:
    return f"{_differs(wrong)} The cause: {_listed(suspects)}. {_WAY_OUT}"


def _missing(suspects: dict[str, str], error: Exception) -> str:
    cause = f"The cause: {_listed(suspects)}. " if suspects else ""
    return (
        f"Expected a loss that can be differentiated twice, got {type(error).__name__}: {error} "
        f"{cause}{_WAY_OUT}"
    )


def _listed(suspects: dict[str, str]) -> str:
    return "; ".join(f"{name or 'the model'} ({advice})" for name, advice in suspects.items())
