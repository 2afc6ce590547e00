"""Parts by ``torch.nn.utils.parametrize``, whose classes torch makes and does not let be pickled."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations


def take_apart(module: nn.Module) -> None:
    """Gives parts the classes that they were of, which can be pickled and do not compute anything."""
    for part in _parametrized(module):
        part.__class__ = type_before_parametrizations(part)


def put_together(module: nn.Module) -> None:
    """Gives parts that were taken apart classes that compute their tensors at each access."""
    for part in _parametrized(module):
        own = type(part)
        names = part.get_submodule("parametrizations")._modules
        computed = {name: property(partial(_computed, name)) for name in names}
        part.__class__ = type(f"Parametrized{own.__name__}", (own,), computed)


def _computed(name: str, part: nn.Module) -> Tensor:
    tensor: Tensor = part.get_submodule(f"parametrizations.{name}")()
    return tensor


def _parametrized(module: nn.Module) -> Iterator[nn.Module]:
    return filter(is_parametrized, list(module.modules()))
