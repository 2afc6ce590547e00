"""Embeddings whose gradients torch makes otherwise than those of all else."""

from __future__ import annotations

from torch import nn

from landscape_widget.loss.terms import ModelTerms, Terms
from landscape_widget.numerics.checks import few


def told_of_sparse(terms: Terms) -> str:
    """What is said of embeddings with sparse gradients; empty where there are none."""
    found = [_called(name, each) for name, each in _embeddings(terms).items() if each.sparse]
    if not found:
        return ""
    return (
        f"The cause is sparse=True of {few(found)}: a sparse gradient has no place in one of all parameters. "
        "Set the module's attribute sparse to False, which changes no value."
    )


def told_of_padding(terms: Terms) -> str:
    """What is said of embeddings with a row that gets no gradient; empty where there are none."""
    found = [
        f"padding_idx={each.padding_idx} of {_called(name, each)}"
        for name, each in _embeddings(terms).items()
        if isinstance(each, nn.Embedding) and each.padding_idx is not None
    ]
    if not found:
        return ""
    return (
        f"A likely cause is {few(found)}: where that row of the weight is looked up it gets no gradient, "
        "though the loss depends on it, there or by a tied weight. Set the module's attribute padding_idx to "
        "None, which changes no value, or mask what is padded. Else: "
    )


def _called(name: str, module: nn.Module) -> str:
    return f"module {name!r} ({type(module).__name__})"


def _embeddings(terms: Terms) -> dict[str, nn.Embedding | nn.EmbeddingBag]:
    if not isinstance(terms, ModelTerms):
        return {}
    modules = terms.named_modules().items()
    return {name: each for name, each in modules if isinstance(each, nn.Embedding | nn.EmbeddingBag)}
