"""The weights of a checkpoint, held against those of an objective's model and put in their place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from landscape_widget.loss.batch_norm import STATISTICS, frozen_layers
from landscape_widget.loss.terms import Terms

if TYPE_CHECKING:
    from landscape_widget.objective.pure_function import PureFunction

#: Name of the one tensor of a state that is θ itself; all else stays the objective's own then.
THETA = "θ"

#: What torch.compile puts into the names of what it has compiled.
_COMPILED = "_orig_mod."

#: What DataParallel, and others that wrap whole models, put before all of the names.
_WRAPPED = "module."

#: Names that a message tells.
_TOLD = 5


def is_theta(keys: Collection[str]) -> bool:
    """Whether a state with these keys is θ alone: a model may have a tensor of that name beside others."""
    return len(keys) == 1 and THETA in keys


def keys_of(objective: PureFunction, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
    """Keys of a state by the names that the objective's model has for them, all of its state being there.

    Args:
        objective: The objective whose model tells what is wanted.
        shapes: Shapes of the tensors of the state by key.

    Raises:
        ValueError: If a tensor is missing, is not the model's, or has another shape, naming those.
    """
    wanted = {THETA: objective.theta.shape}
    if objective.layout is not None:
        held = {name: tensor.shape for name, tensor in _own(objective.terms).state.items()}
        if not is_theta(shapes) or held == shapes:
            wanted = held
    own = plain_names(wanted)
    keys = {own.get(plain, plain): key for plain, key in plain_names(shapes).items()}
    faults = {
        "lacks": [name for name in wanted if name not in keys],
        "has besides": [name for name in keys if name not in wanted],
        "has of another shape": [
            f"{name} {tuple(shapes[keys[name]])} for {tuple(shape)}"
            for name, shape in wanted.items()
            if name in keys and shapes[keys[name]] != shape
        ],
    }
    if any(faults.values()):
        told = [
            f"{fault} {', '.join(names[:_TOLD])}{', …' if len(names) > _TOLD else ''}"
            for fault, names in faults.items()
            if names
        ]
        raise ValueError(f"its tensors are not those of the objective's model: it {'; it '.join(told)}.")
    return keys


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Names by what they are without ``torch.compile`` and wrappers of the whole model."""
    plain = {name.replace(_COMPILED, ""): name for name in names}
    while plain and all(name.startswith(_WRAPPED) for name in plain):
        plain = {name.removeprefix(_WRAPPED): given for name, given in plain.items()}
    return plain


def names_in_theta(objective: PureFunction) -> dict[str, str]:
    """The parameters of θ in their order, and what each is called without ``torch.compile`` and wrappers.

    Nothing of an objective that is a function of θ alone.
    """
    if objective.layout is None:
        return {}
    own = {name: plain for plain, name in plain_names(_own(objective.terms).state).items()}
    return {name: own.get(name, name) for name in objective.layout.names}


def theta_of(objective: PureFunction, state: Mapping[str, Tensor], keys: Mapping[str, str]) -> Tensor:
    """θ of a state, shape (N,), in the state's own dtype.

    Raises:
        ValueError: If what is one parameter of the objective's model has several values there, naming them.
    """
    if is_theta(keys):
        return state[keys[THETA]].detach().reshape(-1)
    assert objective.layout is not None
    owners: dict[int, str] = {}
    for name, tensor in _own(objective.terms).state.items():
        owner = owners.setdefault(id(tensor), name)
        if name != owner and not _same(state[keys[name]], state[keys[owner]]):
            raise ValueError(
                f"its tensors {owner} and {name} differ, which are one parameter of the objective's model."
            )
    return objective.layout.flatten({name: state[keys[name]].detach() for name in objective.layout.names})


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are the same, NaN and all, as of a run that diverges."""
    return torch.equal(a, b) or bool(((a == b) | (a.isnan() & b.isnan())).all())


def full_state(objective: PureFunction, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state with all that the objective's model has, its own values where the state is θ alone."""
    if not is_theta(state) or objective.layout is None:
        return dict(state)
    parts = objective.layout.unflatten(state[THETA].reshape(-1))
    held = _own(objective.terms)
    moving = _moving(objective, held)
    own = {name: tensor.detach() for name, tensor in held.state.items()}
    return own | {name: parts[owner] for name, owner in moving.items()}


def others_of(
    objective: PureFunction, state: Mapping[str, Tensor], keys: Mapping[str, str]
) -> dict[str, Tensor]:
    """What a state has beside θ, in the objective's types, by the names that its model has for it.

    Nothing where all of that is equal to what the model has already.
    """
    if is_theta(keys):
        return {}
    held = _own(objective.terms)
    moving = _moving(objective, held)
    own = {name: t for name, t in held.state.items() if name not in moving}
    given = {name: state[keys[name]].detach().to(t.device, t.dtype) for name, t in own.items()}
    return {} if all(torch.equal(t, given[name]) for name, t in own.items()) else given


def statistics_of(objective: PureFunction) -> dict[str, Tensor]:
    """Running statistics of batch norm that the objective normalises with, by their names in a state."""
    layers = frozen_layers(objective.terms)
    with objective.terms.at_rest() as model:  # type: ignore[attr-defined]  # all but functions
        modules = dict(model.named_modules())
        mine = {id(getattr(modules[name], key)) for name in layers for key in STATISTICS}
        return {name: t.detach() for name, t in state_tensors(model).items() if id(t) in mine}


def moving_names(objective: PureFunction) -> set[str]:
    """The keys of a complete state that belong to θ, each further name of a tied parameter included."""
    return {THETA} if objective.layout is None else set(_moving(objective, _own(objective.terms)))


def _moving(objective: PureFunction, held: _Own) -> dict[str, str]:
    """Names in the layout of θ by the keys of the model's state, of which tied parameters have several."""
    assert objective.layout is not None
    in_layout = set(objective.layout.names)
    owners = {id(p): name for name, p in held.parameters.items() if name in in_layout}
    return {key: owners[id(t)] for key, t in held.state.items() if id(t) in owners}


def with_others(terms: Any, others: Mapping[str, Tensor]) -> Any:
    """The same terms with other frozen parameters and buffers."""

    def change(modules: dict[str, nn.Module]) -> None:
        tensors = state_tensors(modules[""])
        with torch.no_grad():
            for name, tensor in others.items():
                if not torch.equal(tensors[name], tensor):  # what is expanded cannot be written to
                    tensors[name].copy_(tensor)

    return terms.with_model(change)


class _Own(NamedTuple):
    """What the model holds that a loss is of, by name."""

    state: dict[str, Tensor]
    parameters: dict[str, nn.Parameter]


def _own(terms: Terms) -> _Own:
    """The objects themselves, not what another thread has put in their places for an evaluation."""
    with terms.at_rest() as model:  # type: ignore[attr-defined]  # all but functions
        return _Own(state_tensors(model), dict(model.named_parameters()))


def state_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers, the objects themselves, so that tied ones are told by identity.

    Raises:
        ValueError: If one is sparse or quantised.
    """
    state = model.state_dict(keep_vars=True)
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise unfit(name, tensor)
    return tensors


def unfit(name: str, tensor: Tensor) -> ValueError:
    """What is said of a tensor that is no block of numbers."""
    kind = tensor.dtype if tensor.layout == torch.strided else tensor.layout
    return ValueError(
        f"Expected a state dict of tensors that files and comparisons of weights have room for, got {name} "
        f"of {kind}. Keep it out of the state dict, by register_buffer(…, persistent=False) for example: it "
        "stays what it is then."
    )


def others_that_differ(
    objective: PureFunction, state: Mapping[str, Tensor], keys: Mapping[str, str]
) -> list[str]:
    """What a state has beside θ that is not the objective's own, "frozen parameters" and "buffers".

    The count of batches, which batch norm keeps and no loss depends on, is none of it.
    """
    others = others_of(objective, state, keys)
    own = _own(objective.terms).state if objective.layout else {}
    kinds = {
        "frozen parameters" if isinstance(own[name], nn.Parameter) else "buffers"
        for name, tensor in others.items()
        if name.rpartition(".")[2] != "num_batches_tracked" and not torch.equal(tensor, own[name].detach())
    }
    return sorted(kinds, reverse=True)
