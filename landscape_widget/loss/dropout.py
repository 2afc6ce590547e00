"""Which modules drop units at random in train mode."""

from __future__ import annotations

from numbers import Real

from torch import nn

#: Modules that drop units by a number of their own, without a layer for it.
_DROP = (nn.RNNBase, nn.MultiheadAttention)


def drops(module: nn.Module) -> bool:
    """Whether it does; a rate that is no number may be any, such as a parameter that is learned."""
    if isinstance(module, _DROP):
        share = module.dropout
    elif "Dropout" in type(module).__name__:
        share = getattr(module, "p", 0)
    else:  # a user's own p or dropout may be anything
        return False
    return not (isinstance(share, Real) and share == 0)
