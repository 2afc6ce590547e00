"""What of a model in train mode behaves otherwise here, where it is looked at in eval mode."""

from __future__ import annotations

from torch import Tensor, nn

from landscape_widget.loss.dropout import drops


def told_of_mode(model: nn.Module, mode: str) -> dict[str, str]:
    """What provenance tells under "mode"; nothing where the mode of the user's model makes no difference.

    Args:
        model: The user's own.
        mode: The mode that it is looked at in.
    """
    if mode == "train":
        return {}
    kinds = {"batch norm": _normalises, "dropout": drops}
    training = [module for module in model.modules() if module.training]
    found = [name for name, differs in kinds.items() if any(map(differs, training))]
    return {"mode": f"{' and '.join(found)} as in eval mode (the model is in train mode)"} if found else {}


def _normalises(module: nn.Module) -> bool:
    """Whether a layer has running statistics, and in train mode takes those of the batch."""
    return isinstance(getattr(module, "running_mean", None), Tensor)
