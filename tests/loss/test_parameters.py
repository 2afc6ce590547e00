"""The flat vector θ: layout and back, selection, tied parameters."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import torch
from torch import nn

from landscape_widget import Objective, hessian_eigenpairs
from landscape_widget.loss.copying import deep_copy
from landscape_widget.loss.parameters import Layout, filter_blocks, select_parameters

from ..support.cases import EACH, Case, case


@pytest.mark.parametrize("case", EACH, ids=str)
def test_flatten_and_unflatten_are_inverse(case: Case) -> None:
    named = select_parameters(case.model(), None)
    layout = Layout(named.items())
    tensors = {name: p.detach() for name, p in named.items()}
    theta = layout.flatten(tensors)
    assert theta.shape == (layout.size,)
    back = layout.unflatten(theta)
    assert list(back) == list(tensors) == list(layout.names)
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


def test_tied_parameters_occur_once() -> None:
    model = case("tied").model()
    assert "head.weight" not in select_parameters(model, None)
    assert len(select_parameters(model, None)) == len(list(model.parameters()))


def test_frozen_parameters_are_never_selected() -> None:
    assert list(select_parameters(case("frozen").model(), "*")) == ["2.weight", "4.weight", "4.bias"]


class Renaming(nn.Module):
    """Names its parameters as a wrapper of it does, and one that no attribute holds."""

    def __init__(self, *, hidden: bool) -> None:
        super().__init__()
        self.inner, self.hidden = nn.Linear(2, 2), hidden
        self.others = [nn.Linear(2, 2)]

    def named_parameters(self, *args: Any, **options: Any) -> Iterator[tuple[str, nn.Parameter]]:
        own = super().named_parameters(*args, **options)
        if not self.hidden:
            return ((name.replace("inner", "net"), p) for name, p in own)
        return chain(own, self.others[0].named_parameters("others"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.others[0](self.inner(x))


@pytest.mark.parametrize(("hidden", "named"), [(False, r"net\.weight"), (True, r"others\.weight")])
def test_names_that_no_attribute_has_are_refused(hidden: bool, named: str) -> None:
    x = torch.ones(3, 2)
    with pytest.raises(ValueError, match=rf"attributes that hold them.* of Renaming: {named}"):
        Objective(Renaming(hidden=hidden), (x, x), nn.MSELoss())


def test_filters_are_numbered_without_gaps_over_all_layers() -> None:
    model = case("convolution, batch norm").model()
    layout = Layout(select_parameters(model, None).items())
    blocks = filter_blocks(model, layout)
    assert sorted(set(blocks.tolist())) == [-1, *range(3 + 3)]
    in_none = {e.name for e in layout.entries if (blocks[e.start : e.stop] == -1).all()}
    assert in_none == {"0.bias", "1.weight", "1.bias", "5.bias"}


def test_filters_of_a_selection_lie_where_its_parameters_lie() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    layout = Layout(select_parameters(model, "1.*").items())
    assert filter_blocks(model, layout).tolist() == [0, 0, 1, 1, 2, 2, -1, -1, -1]


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(4, 0), nn.Linear(0, 2, bias=False), nn.ParameterList([torch.empty(0), torch.empty(0, 5)])],
    ids=str,
)
def test_parameters_without_elements_are_left_out(layer: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Identity())
    model[1].empty = layer
    data = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3
    objective = Objective(model, data, nn.CrossEntropyLoss())
    assert (objective.n_parameters, list(objective.spans)) == (15, ["0.weight", "0.bias"])
    assert hessian_eigenpairs(objective).converged.all()
    assert objective.with_state(model.state_dict()).loss() == objective.loss()


def test_parameters_that_are_one_in_memory_are_refused() -> None:
    """Training moves them together, and what is tied like that has another curvature."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    model[2].weight.data = model[0].weight.data
    with pytest.raises(
        ValueError, match=r"'0\.weight' and '2\.weight', which share it.*b\.weight = a\.weight"
    ):
        select_parameters(model, None)
    model[2].weight.data = model[0].weight.data.clone()
    assert len(select_parameters(model, None)) == 4


def test_a_transpose_in_the_same_memory_is_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 3))
    model[2].weight = nn.Parameter(model[0].weight.t())
    with pytest.raises(ValueError, match=r"'0\.weight' and '2\.weight', which share it.*T in forward"):
        select_parameters(model, None)


def test_parameters_outside_theta_may_share_memory() -> None:
    """Such as tied ones that were loaded one by one, and frozen for an adapter."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight.data = model[0].weight.data
    assert len(select_parameters(model, model[2])) == 2
    model[:2].requires_grad_(False)
    assert len(select_parameters(model, None)) == 2
    model[0].requires_grad_()
    with pytest.raises(ValueError, match="which share it"):
        select_parameters(model, None)


def test_parameters_may_be_parts_of_one_tensor() -> None:
    model = nn.Linear(3, 3)
    nn.utils.vector_to_parameters(torch.arange(12.0), model.parameters())
    assert len(select_parameters(model, None)) == 2


def test_a_view_of_a_part_is_one_of_its_copy() -> None:
    layer = nn.Linear(3, 2)
    nn.utils.vector_to_parameters(torch.arange(8.0), layer.parameters())
    layer.kept = [layer.bias[1:], layer.weight.T, layer.weight * 2]
    copied = deep_copy(layer)
    with torch.no_grad():
        copied.weight.fill_(1)
        copied.bias.fill_(2)
    assert [tensor.flatten()[0] for tensor in copied.kept] == [2, 1, 0]
    assert layer.bias.tolist() == [6, 7]


def test_a_view_as_another_type_stays_what_it_is() -> None:
    layer = nn.Linear(2, 3)
    layer.poles = nn.Parameter(torch.tensor([1 + 2j, 3 + 4j]))
    kept = [torch.view_as_complex(layer.weight), torch.view_as_real(layer.poles), layer.poles.conj()]
    layer.kept = kept
    for copied, own in zip(deep_copy(layer).kept, kept, strict=True):
        torch.testing.assert_close(copied, own.detach(), rtol=0, atol=0)


def test_a_copy_that_shares_tensors_with_the_model_is_refused() -> None:
    """It would be converted and frozen, and the user's model with it."""

    class Shared(nn.Linear):
        def __deepcopy__(self, memo: dict[int, object]) -> Shared:
            return self

    model = nn.Sequential(nn.Linear(4, 3), Shared(3, 3)).requires_grad_()
    data = torch.zeros(8, 4), torch.arange(8) % 3
    with pytest.raises(TypeError, match=r"shares model\.1\.weight, model\.1\.bias with its copy"):
        Objective(model, data, nn.CrossEntropyLoss(), parameters="0.*", dtype=torch.float64)
    assert all(p.requires_grad and p.dtype is torch.float32 for p in model.parameters())


def test_tensors_that_are_attributes_of_parameters_are_copied_with_them() -> None:
    model = nn.Linear(4, 3)
    model.weight.anchor, model.bias.other = model.weight.detach() + 1, model.weight
    model.weight.computed = 2 * model.weight
    copied = deep_copy(model)
    assert copied.bias.other is copied.weight
    assert torch.equal(copied.weight.computed, 2 * model.weight)
    model.weight.anchor.zero_()
    assert torch.equal(copied.weight.anchor, model.weight + 1)


class Child(nn.Module):
    """A layer that knows the module it is part of, without being one of its parts in turn."""

    def __init__(self, parent: nn.Module) -> None:
        super().__init__()
        self.parent = weakref.ref(parent)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.parent().scale


class Parent(nn.Module):
    """A layer whose scale another one of its parts takes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.scale, self.child = nn.Linear(4, 3), nn.Parameter(torch.tensor(2.0)), Child(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.child(self.layer(x))


def test_empty_dictionaries_are_copied_as_they_are() -> None:
    layer = nn.Linear(2, 2)
    layer.one = layer.same = OrderedDict[str, int]()
    layer.other, layer.told = OrderedDict[str, int](), OrderedDict[str, int]()
    layer.told.version = 2
    copied = deep_copy(layer)
    copied.one["a"] = 1
    assert (copied.same, copied.other, layer.one) == ({"a": 1}, {}, {})
    assert copied.told.version == 2


class Trainer:
    """What cannot be copied."""

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("a trainer is not copied")


def test_weak_references_in_a_copy_lead_to_the_copy() -> None:
    torch.manual_seed(0)
    model, elsewhere, trainer = Parent(), nn.Linear(2, 2), Trainer()
    model.layer.elsewhere, model.layer.stands = weakref.ref(elsewhere), weakref.proxy(trainer)
    copied = deep_copy(model)
    assert copied.child.parent() is copied
    assert copied.layer.elsewhere() is elsewhere
    assert copied.layer.stands.__class__ is Trainer
    assert model.child.parent() is model
    data = torch.randn(8, 4), torch.arange(8) % 3
    objective = Objective(model, data, nn.CrossEntropyLoss())
    span = objective.spans["scale"]
    loss = nn.functional.cross_entropy(model(data[0]), data[1])
    (expected,) = torch.autograd.grad(loss, model.scale)
    torch.testing.assert_close(objective.gradient()[span], expected.reshape(1))
