"""The matrix whose curvature is asked for: Hessian, Gauss-Newton or Fisher, as a product with vectors.

All three are taken at θ*, in float64 where the device allows, as the mean over the examples. With the
outputs f_i, their Jacobians J_i = ∂f_i/∂θ and the loss ℓ_i(f_i) of each of n examples (Böttcher &
Wheeler 2023, Eqs. 7-11):

- Hessian            H = (1/n) Σ_i [J_iᵀ ∇²ℓ_i J_i + Σ_c (∂ℓ_i/∂f_ic) ∇²f_ic],
- Gauss-Newton       G = (1/n) Σ_i J_iᵀ ∇²ℓ_i J_i, which is H without the curvature of the outputs,
- Fisher             F = (1/n) Σ_i E_{y∼p(y|f_i)}[∇ℓ(f_i, y) ∇ℓ(f_i, y)ᵀ], where ℓ = −log p,
- empirical Fisher   F̂ = (1/n) Σ_i ∇ℓ_i ∇ℓ_iᵀ, with the targets of the data.

Differentiating −log p twice gives ∇²ℓ = ∇ℓ∇ℓᵀ − ∇²p/p, and the last term vanishes in the mean over
y ∼ p: so F = E_y[H], and for outputs that are the natural parameters of p (MSE: mean of a normal
distribution; cross entropy: logits) F = G exactly. G = H where the model interpolates, that is where all
∂ℓ_i/∂f_i vanish. F̂ uses the data's targets instead of the model's; it vanishes at an interpolating
minimum and is no substitute for F there. Examples whose targets a mean loss ignores count in none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape_widget.curvature.output_loss import OutputLoss
from landscape_widget.curvature.product_check import check_few, check_hvp
from landscape_widget.engine.derivatives import differentiated, ordinary
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.numerics.checks import check_choice, told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.results.given import check_given

OPERATORS = ("hessian", "ggn", "fisher", "empirical-fisher")


@dataclass(frozen=True)
class Curvature:
    """A symmetric matrix of shape (N, N) at θ*, known by its products."""

    objective: Objective
    """The type is float64 where the device allows and nothing else is asked for."""
    operator: str
    """One of ``OPERATORS``."""
    single: Objective | None = None
    """A twin in float32, where that is the model's own precision, for what is certified afterwards.

    What it keeps between products goes with it."""
    scale: Tensor | None = None
    """s = P^(−½) for a diagonal preconditioner P, shape (N,), in the dtype of every product: the matrix is
    then diag(s) times the operator times diag(s)."""

    @property
    def size(self) -> int:
        """N."""
        return self.objective.n_parameters

    @property
    def like(self) -> Tensor:
        """A tensor of the dtype and on the device of every product."""
        return self.objective.theta

    @property
    def definite(self) -> bool:
        """Whether no eigenvalue can be negative: a mean of squares, or of a loss convex in the outputs."""
        if self.operator == "ggn":
            return not _output_loss(_model_terms(self.objective)).weighted
        return self.operator != "hessian"

    def product(self, v: Tensor) -> Tensor:
        """The matrix times v of shape (N,) or (N, k)."""
        return self._product(self.objective, v)

    def product_in_single(self, v: Tensor) -> Tensor:
        """The same to the rounding of float32, where ``single`` is there."""
        assert self.single is not None
        return self._product(self.single, v)

    def _product(self, objective: Objective, v: Tensor) -> Tensor:
        if self.scale is not None:
            scale = self.scale.reshape(-1, *[1] * (v.ndim - 1))
            inner = replace(self, scale=None)
            return scale * inner._product(objective, scale * v.to(scale)).to(scale)
        if self.operator == "hessian":
            return objective.hvp(v)
        return _output_space_product(objective, v, self.operator)

    def provenance(self, quantity: str, **details: Any) -> dict[str, Any]:
        """What a reader needs to repeat a result."""
        if self.scale is not None:
            details["preconditioner"] = "diagonal"
        return self.objective.provenance(quantity, operator=self.operator, **details)


def curvature(objective: Objective, operator: str = "hessian", *, precise: bool = True) -> Curvature:
    """The matrix called ``operator`` of an objective, checked once.

    Args:
        objective: The loss L as a function of θ.
        operator: One of ``OPERATORS``.
        precise: Whether products are taken in float64 where the device allows; otherwise in the objective's
            own dtype, for a first look, and checked in float64 on a few examples only.

    Raises:
        ValueError: For an unknown operator, or one that the objective's loss or its workers do not have.
        SecondDerivativeError: If torch lacks a derivative that the product needs (see ``check_hvp``).
    """
    check_given(Objective, objective=objective)
    check_choice(operator, OPERATORS, "operator")
    if objective.has_workers and operator != "hessian":
        raise ValueError(
            f"Expected operator 'hessian' with an executor, whose workers take no other products, got "
            f"{operator!r}. Leave executor out."
        )
    objective = objective.holding_statistics()
    in_double = objective.precise()
    if operator == "hessian":
        (check_hvp if precise else check_few)(in_double)
    else:
        _output_loss(_model_terms(in_double)).check(operator)
    if not precise:
        return Curvature(objective, operator)
    lower = objective.dtype is torch.float32 and in_double is not objective
    return Curvature(in_double, operator, objective.at(objective.theta) if lower else None)


def preconditioned(matrix: Curvature, preconditioner: FloatArray) -> Curvature:
    """P^(−½) A P^(−½), whose eigenvalues are those of P⁻¹A.

    Args:
        matrix: The matrix A.
        preconditioner: The diagonal of P, shape (N,), positive.

    Raises:
        ValueError: If it has another shape, or entries that are not positive.
    """
    diagonal = np.asarray(preconditioner, float)
    if diagonal.shape != (matrix.size,) or not (np.isfinite(diagonal) & (diagonal > 0)).all():
        raise ValueError(
            f"Expected preconditioner as {matrix.size} positive numbers, the diagonal of P, got "
            f"{told(preconditioner)}."
        )
    return replace(matrix, scale=torch.from_numpy(diagonal**-0.5).to(matrix.like))


def _model_terms(objective: Objective) -> ModelTerms:
    terms = objective.terms
    if not isinstance(terms, ModelTerms):
        raise ValueError(
            "Expected an objective made from a model, since Gauss-Newton and Fisher matrices are made of "
            "the derivatives of its outputs, got a function of θ. Use operator='hessian'."
        )
    return terms


def _output_loss(terms: ModelTerms) -> OutputLoss:
    return OutputLoss(terms.loss_fn, terms.takes_model)


@torch.inference_mode(False)
def _output_space_product(objective: Objective, v: Tensor, operator: str) -> Tensor:
    """Σ_b w_b J_bᵀ M_b J_b v by two reverse passes, where M_b acts on the outputs of batch b.

    Forward mode would be cheaper, but crashes the process for ``F.mse_loss`` in some releases of torch.
    """
    terms = _model_terms(objective)
    output_loss = _output_loss(terms)
    columns = ordinary(v).to(objective.theta).reshape(len(v), -1)
    total = torch.zeros_like(columns)
    for b, weight in enumerate(terms.weights):
        with differentiated(objective.theta) as (leaf, _):
            output, target, n = terms.output(leaf, b)
            if not output.requires_grad:
                continue
            # J v by the transpose of u ↦ Jᵀu, which is linear in u
            dummy = torch.zeros_like(output, requires_grad=True)
            transposed = _gradient(output, leaf, dummy, create_graph=True)
            for i, column in enumerate(columns.T):
                tangent = _gradient(transposed, dummy, column, retain_graph=True)
                image = _in_output_space(operator, output_loss, output, target, tangent, n)
                total[:, i] += weight * _gradient(output, leaf, image, retain_graph=True)
    return total.reshape(v.shape)


def _in_output_space(
    operator: str, output_loss: OutputLoss, output: Tensor, target: Tensor, tangent: Tensor, n: int
) -> Tensor:
    """M u for outputs of one batch of n examples and a tangent u of the same shape."""
    if operator == "fisher" and not output_loss.is_squared_error:
        return output_loss.fisher_product(output.detach(), target, tangent, n)
    leaf, twice = output.detach().requires_grad_(), operator != "empirical-fisher"
    loss = output_loss(leaf, target, n)
    (slope,) = torch.autograd.grad(loss, leaf, create_graph=twice)
    if twice:
        return _gradient(slope, leaf, tangent)
    counted = output_loss.counted_examples(output, target, n)
    # the loss is the mean over these, so that an example's own gradient is as many times its share
    own = counted * slope.reshape(n, -1)
    along = (own * tangent.reshape(n, -1)).sum(dim=1, keepdim=True)
    return (own * along / counted).reshape(output.shape)


def _gradient(
    outputs: Tensor, inputs: Tensor, v: Tensor, *, create_graph: bool = False, retain_graph: bool = False
) -> Tensor:
    (found,) = torch.autograd.grad(
        outputs,
        inputs,
        v,
        create_graph=create_graph,
        retain_graph=retain_graph or create_graph,
        materialize_grads=True,
    )
    return found
