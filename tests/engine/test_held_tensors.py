"""A module that is called with other tensors in its places, against ``torch.func.functional_call``."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape_widget.engine.held_tensors import HeldTensors

from ..support.cases import EACH, Case


class Counting(nn.Module):
    """Counts its calls in a buffer that two parts have, and fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.inner = nn.Linear(2, 2)
        self.inner.register_buffer("calls", self.calls)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if not x.ndim:
            raise ValueError("no rows")
        return self.inner(x) + self.inner.calls


def states(module: nn.Module) -> list[tuple[int, int, Tensor]]:
    """Which tensors a module holds, whether they were written into, and what is in them."""
    held = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    return [(id(tensor), tensor._version, tensor.clone()) for _, tensor in held]


def assert_same(before: list[tuple[int, int, Tensor]], after: list[tuple[int, int, Tensor]]) -> None:
    for (own, version, tensor), (other, written, now) in zip(before, after, strict=True):
        assert (own, version) == (other, written)
        torch.testing.assert_close(tensor, now, rtol=0, atol=0)


@pytest.mark.parametrize("case", EACH, ids=str)
def test_it_is_that_of_torch_and_nothing_changes(case: Case) -> None:
    model, inputs = case.model(), case.examples()[0]
    parameters = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    before = states(model)
    found = HeldTensors(model).call(parameters, {}, inputs)
    torch.testing.assert_close(found, functional_call(model, parameters, (inputs,)), rtol=0, atol=0)
    assert not torch.equal(found, model(inputs))
    assert_same(before, states(model))


def test_buffers_are_copies_unless_they_are_given() -> None:
    model, x = Counting(), torch.zeros(3, 2)
    places, before, mine = HeldTensors(model), states(model), torch.full((), 5.0)
    plain = places.call({}, {}, x)
    torch.testing.assert_close(places.call({}, {}, x), plain, rtol=0, atol=0)  # one that counts would add 1
    torch.testing.assert_close(plain, functional_call(model, {"calls": torch.zeros(())}, (x,)))
    for name in ("calls", "inner.calls"):
        torch.testing.assert_close(places.call({}, {name: mine.clone()}, x), plain + 5)
    places.call({}, {"calls": mine}, x)
    assert mine == 6
    assert_same(before, states(model))


def test_after_an_error_everything_is_in_its_place() -> None:
    model = Counting()
    before = states(model)
    with pytest.raises(ValueError, match="no rows"):
        HeldTensors(model).call({"inner.bias": torch.ones(2)}, {}, torch.zeros(()))
    assert_same(before, states(model))


class Moving(nn.Module):
    """Holds its tensors or a part in another place from the first call on, or has parts change places."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.one, self.other = what, nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.one(x) + 2 * self.other(x) if "other" in self._modules else self.one(x)
        match self.what:
            case "places":
                self.one._parameters = dict(self.one._parameters)
            case "a further name":
                self.first, self.last = self.other, nn.Linear(2, 2)
            case "parts":
                self.one, self.other = self.other, self.one
            case "away" if "other" in self._modules:
                del self.other
        return found


@pytest.mark.parametrize("what", ["places", "a further name"])
def test_what_a_forward_moves_is_found_anew(what: str) -> None:
    model, reference, x = Moving(what), Moving(what), torch.ones(1, 2)
    reference.load_state_dict(model.state_dict())
    places, names = HeldTensors(model), [*dict(model.named_parameters())]
    for _ in range(3):
        parameters = {name: torch.randn(2, 2) if "weight" in name else torch.randn(2) for name in names}
        found = places.call(parameters, {}, x)
        torch.testing.assert_close(found, functional_call(reference, parameters, (x,)), rtol=0, atol=0)


@pytest.mark.parametrize("what", ["parts", "away"])
def test_parameters_that_a_forward_takes_from_their_places_are_named(what: str) -> None:
    model, x = Moving(what), torch.ones(1, 2)
    places, parameters = HeldTensors(model), dict(model.named_parameters())
    places.call(parameters, {}, x)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"stay where they are.*removes .*other\.weight"):
            places.call(parameters, {}, x)
