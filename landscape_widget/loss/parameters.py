"""Named tensors and the flat parameter vector θ: layout, selection, filters as blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from landscape_widget.engine.derivatives import unseen
from landscape_widget.loss.compiled import named_parameters, plain_names
from landscape_widget.numerics.checks import few, told
from landscape_widget.numerics.storage import reach

#: Chooses parameters: a glob over names ("layer4.*"), a module of the model (model.layer4), several of
#: either, or a predicate (name, parameter) -> bool.
Selection = str | nn.Module | Iterable[str | nn.Module] | Callable[[str, nn.Parameter], bool] | None

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True)
class Entry:
    """Where one named parameter lies in θ."""

    name: str
    shape: torch.Size
    start: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def stop(self) -> int:
        """One past the last index in θ."""
        return self.start + self.size


class Layout:
    """The order in which named tensors make up the flat vector θ, shape (N,).

    Shared (tied) parameters occur once, under the name at which ``named_parameters`` first meets them.
    """

    def __init__(self, named: Iterable[tuple[str, Tensor]]) -> None:
        entries, start = [], 0
        for name, tensor in named:
            entries.append(Entry(name, tensor.shape, start))
            start += tensor.numel()
        self.entries = tuple(entries)
        self._sizes = [entry.size for entry in entries]
        self.size = start

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of θ."""
        return tuple(entry.name for entry in self.entries)

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """The named tensors as one vector, shape (N,)."""
        return torch.cat([tensors[entry.name].reshape(-1) for entry in self.entries])

    def unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        """Views of θ, one for each name; differentiable with respect to θ."""
        with unseen():
            # one split, whose derivative joins the parts at once; that of a slice is a vector as long as θ
            parts = torch.split_with_sizes(theta, self._sizes)
            return {
                e.name: part if len(e.shape) == 1 else part.view(e.shape)
                for e, part in zip(self.entries, parts, strict=True)
            }


def select_parameters(model: nn.Module, selection: Selection) -> dict[str, nn.Parameter]:
    """The trainable parameters of ``model`` that ``selection`` admits, tied ones once, empty ones never.

    Raises:
        ValueError: If the model has no trainable parameter, or the selection admits none, or gradients can
            not be taken of it.
    """
    lazy = [name for name, p in model.named_parameters() if is_lazy(p)]
    if lazy:
        raise ValueError(
            f"Expected a model whose parameters have a shape, got lazy ones: {few(lazy)}. Call "
            "the model on one batch first."
        )
    states = [*model.named_parameters(), *model.named_buffers()]
    if missing := [name for name, tensor in states if tensor.device.type == "meta"]:
        raise ValueError(
            f"Expected parameters and buffers with values, got some on the meta device: {few(missing)}. Load "
            "the weights first (model.to_empty(device=…), then load_state_dict), and give buffers that are "
            "not stored their values."
        )
    if inference := [name for name, tensor in states if tensor.is_inference()]:
        raise ValueError(
            "Expected a model that gradients can be taken of, got one that was made or loaded under "
            f"torch.inference_mode(): {few(inference)}. Make it outside, or give copy.deepcopy(model)."
        )
    sparse = [name for name, p in model.named_parameters() if p.layout is not torch.strided]
    if sparse:
        raise ValueError(
            f"Expected dense parameters, got sparse ones: {few(sparse)}. Hold the values in a dense one, and "
            "make the sparse tensor in forward: torch.sparse_coo_tensor(self.indices, self.values, size)."
        )
    trainable = {name: p for name, p in named_parameters(model).items() if p.requires_grad and p.numel()}
    if not trainable:
        frozen = sum(1 for _ in model.parameters())
        raise ValueError(
            "Expected a model with trainable parameters, got one with none "
            f"({frozen} parameters, all with requires_grad=False or without elements). "
            "Set requires_grad=True on those whose landscape you want to see."
        )
    if selection is None:
        return _usable(model, trainable)
    if isinstance(selection, type) or not (callable(selection) or isinstance(selection, str | Iterable)):
        raise TypeError(
            "Expected `parameters` as a glob over names, a module of the model, several of either, or a "
            f"predicate (name, parameter), got {told(selection)}."
        )
    if isinstance(selection, str | nn.Module):  # modules are callable and often iterable, too
        selection = (selection,)
    if callable(selection):
        chosen = {name: p for name, p in trainable.items() if selection(name, p)}
    else:
        selection = tuple(selection)
        globs = [part for part in selection if isinstance(part, str)]
        held = {id(p) for part in selection if isinstance(part, nn.Module) for p in part.parameters()}
        held |= {  # by the names of a compiled model, too
            id(p) for name, p in model.named_parameters() if any(fnmatchcase(name, glob) for glob in globs)
        }
        chosen = {
            name: p
            for name, p in trainable.items()
            if id(p) in held or any(fnmatchcase(name, glob) for glob in globs)
        }
    if not chosen:
        some = ", ".join(list(trainable)[:6])
        raise ValueError(
            f"Expected `parameters` to admit at least one trainable parameter, got none from "
            f"{selection!r}. The trainable ones are named: {some}{', …' if len(trainable) > 6 else ''}."
        )
    return _usable(model, chosen)


def _check_memory(model: nn.Module, chosen: Iterable[nn.Parameter]) -> None:
    """Sees that no parameter is one in memory with another, as after ``b.weight.data = a.weight.data``.

    Parts of one tensor that do not overlap are no such case; a transpose, as in a tied autoencoder, is.

    Raises:
        ValueError: If one is, which training moves together and derivatives take apart.
    """
    own = set(map(id, chosen))
    places = sorted(
        (str(p.device), *place, name, id(p) in own)
        for name, p in model.named_parameters()
        if p.layout is torch.strided and (place := reach(p)) and _is_dense(p)
    )
    for (device, _, end, name, moves), (there, start, _, other, others) in pairwise(places):
        if device == there and start < end and (moves or others):
            raise ValueError(
                f"Expected parameters with memory of their own, got {name!r} and {other!r}, which share it. "
                "To tie them, let both be one parameter (b.weight = a.weight, and a.weight.T in forward "
                "for a transpose), else give one of them a copy (b.weight.data = a.weight.data.clone())."
            )


def _is_dense(tensor: Tensor) -> bool:
    """Whether it fills its memory from first to last, in whatever order."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    return 1 + sum((n - 1) * step for n, step in steps) == tensor.numel()


def _usable(model: nn.Module, parameters: dict[str, nn.Parameter]) -> dict[str, nn.Parameter]:
    """The parameters, if all of them are where their names say, with real numbers in memory of their own."""
    plain = plain_names(model)
    held = {plain(name): p for name, p in nn.Module.named_parameters(model, remove_duplicate=False)}
    if elsewhere := [name for name, p in parameters.items() if held.get(name) is not p]:
        raise ValueError(
            "Expected parameters named by the attributes that hold them, got others by named_parameters() of "
            f"{type(model).__name__}: {few(elsewhere)}. θ is put in by these names: keep that method as "
            "nn.Module has it, and modules in attributes or an nn.ModuleList; or pass the model inside."
        )
    _check_memory(model, parameters.values())
    for name, parameter in parameters.items():
        kind = str(parameter.dtype).removeprefix("torch.")
        if parameter.is_complex():
            raise ValueError(
                f"Expected real parameters, got {name!r} of {kind}. Hold it as pairs of real numbers "
                "(torch.view_as_real, and torch.view_as_complex in forward), or leave it out by `parameters`."
            )
    return parameters


def filter_blocks(model: nn.Module, layout: Layout) -> Tensor:
    """Which filter each element of θ belongs to, shape (N,), −1 where to none.

    A filter is the set of weights that feed one output unit: one output channel of a convolution, one
    row of a dense layer's matrix, one embedding vector (Li et al. 2018, Section 4). Biases and the
    parameters of normalisation layers are vectors; they belong to no filter.
    """
    owners = {id(p): module for module in model.modules() for p in module.parameters(recurse=False)}
    parameters = named_parameters(model)
    blocks = torch.full((layout.size,), -1, dtype=torch.long)
    count = 0
    for entry in layout.entries:
        if len(entry.shape) < 2:
            continue
        module = owners[id(parameters[entry.name])]
        index, n = _output_units(module, entry.shape)
        blocks[entry.start : entry.stop] = index.reshape(-1) + count
        count += n
    return blocks


def _output_units(module: nn.Module, shape: torch.Size) -> tuple[Tensor, int]:
    """Returns for each element of a weight of ``shape`` the number of the output unit that it feeds."""
    if isinstance(module, _TRANSPOSED):
        # stored as (in, out/groups, …): the output channel depends on the group of the input channel
        per_group, groups = shape[1], module.groups
        group = torch.arange(shape[0]) // (shape[0] // groups)
        unit = group[:, None] * per_group + torch.arange(per_group)
        index, n = unit.view(shape[0], per_group, *[1] * (len(shape) - 2)), groups * per_group
    else:
        index, n = torch.arange(shape[0]).view(-1, *[1] * (len(shape) - 1)), shape[0]
    return index.expand(shape), n
