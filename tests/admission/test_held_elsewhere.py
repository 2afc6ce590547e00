"""Models that have their parameters in another place, too, where θ does not reach them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from landscape_widget import Objective

X, Y = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3


class Plain(nn.Module):
    """A linear layer, whose weight it takes from a place of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)
        self.last: Tensor | None = None
        self.set_up()

    def set_up(self) -> None:
        pass

    def weight(self) -> Tensor:
        return self.layer.weight

    def forward(self, x: Tensor) -> Tensor:
        self.last = x @ self.weight().T + self.layer.bias
        return self.last


class Listed(Plain):
    def set_up(self) -> None:
        self.all = list(self.parameters())

    def weight(self) -> Tensor:
        return self.all[0]


class Kept(Plain):
    def set_up(self) -> None:
        self.kept: Tensor | None = None

    def made(self) -> Tensor:
        return 2 * self.layer.weight

    def weight(self) -> Tensor:
        if self.kept is None:
            self.kept = self.made()
        return self.kept


class KeptView(Kept):
    def made(self) -> Tensor:
        return self.layer.weight.view(3, 4)


class Modules(Plain):
    def set_up(self) -> None:
        self.layers = [self.layer]

    def weight(self) -> Tensor:
        return self.layers[0].weight


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("kind", "called"), [(Listed, True), (Kept, False), (KeptView, False), (KeptView, True)]
)
def test_a_parameter_that_is_held_in_another_place_is_refused(
    kind: type[Plain], called: bool, dtype: torch.dtype
) -> None:
    model, x = kind().to(dtype), X.to(dtype)
    if called:
        model(x)
    with pytest.raises(ValueError, match=r"take the parameters by their names.*layer\.weight"):
        Objective(model, (x, Y), nn.CrossEntropyLoss())


class Decay:
    """A loss with weight decay, which holds the parameters themselves or the model that has them."""

    def __init__(self, model: nn.Module, listed: bool) -> None:
        self.model, self.all = model, list(model.parameters()) if listed else []

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        decay = sum(p.square().sum() for p in self.all or self.model.parameters())
        return nn.functional.cross_entropy(output, target) + 0.1 * decay


def test_a_list_of_parameters_that_a_loss_holds_is_refused() -> None:
    model = Plain()
    with pytest.raises(ValueError, match=r"some are held in another place.*loss_fn model\.parameters\(\)"):
        Objective(model, (X, Y), Decay(model, listed=True))
    found = Objective(model, (X, Y), Decay(model, listed=False)).gradient()
    plain = Objective(model, (X, Y), nn.CrossEntropyLoss())
    torch.testing.assert_close(found, plain.gradient() + 0.2 * plain.theta)


@pytest.mark.parametrize("kind", [Plain, Modules])
def test_what_a_model_keeps_beside_its_parameters_is_its_own_matter(kind: type[Plain]) -> None:
    model = kind()
    model(X)
    assert Objective(model, (X, Y), nn.CrossEntropyLoss()).gradient().all()


def test_a_buffer_that_is_rounded_does_not_count() -> None:
    class Scaled(Plain):
        def set_up(self) -> None:
            self.register_buffer("scale", torch.tensor(1 / 3, dtype=torch.float64))

        def weight(self) -> Tensor:
            return self.layer.weight * self.scale

    Objective(Scaled().double(), (X.double(), Y), nn.CrossEntropyLoss(), dtype=torch.float32)
