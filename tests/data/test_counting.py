"""How many examples data hold: told by their source, proved by the loss, or refused by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, default_collate

from landscape_widget import Objective
from landscape_widget.data.batches import cut
from landscape_widget.data.reading import read_batches

MSE = nn.MSELoss()
GENERATOR = torch.Generator().manual_seed(0)


def draws(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def sizes(data: Any, **options: Any) -> list[int]:
    return [batch.n for batch in read_batches(data, **options)]


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    GENERATOR.manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def encoder() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 4))


def signals() -> nn.Module:
    """Takes each number of a vector by itself, so that its loss does not tell features from examples."""
    return nn.Sequential(nn.Unflatten(0, (-1, 1)), nn.Linear(1, 1), nn.Flatten(0))


class Convolution(nn.Module):
    """Takes one image without a batch dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.head = nn.Conv2d(3, 2, 3), nn.Linear(72, 3)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.convolution(image).tanh().flatten())


class Recurrent(nn.Module):
    """Says something of each step of a sequence, with or without a batch dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.head = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0])


class Attending(nn.Module):
    """The same by attention, over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(5, 4), nn.Linear(4, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        return self.head((x @ x.mT).softmax(-1) @ x)


def of_mapping(model: nn.Module, batch: Any) -> Tensor:
    return MSE(model(batch["x"]), batch["y"])


def of_input(model: nn.Module, batch: Any) -> Tensor:
    return MSE(model(batch), batch)


def of_pair(model: nn.Module, batch: Any) -> Tensor:
    return (model(batch[0]) @ model(batch[1]) - float(batch[2])).square()


def of_arrays(model: nn.Module, batch: Any) -> Tensor:
    return MSE(*(model(torch.as_tensor(batch[0])), torch.as_tensor(batch[1])))


SINGLE: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Any], Callable[..., Tensor]]] = {
    "targets of one dimension": (encoder, lambda _: (draws(4), draws(4)), MSE),
    "mappings": (encoder, lambda _: {"x": draws(4), "y": draws(4)}, of_mapping),
    "inputs alone": (encoder, lambda _: draws(4), of_input),
    "three inputs": (encoder, lambda _: (draws(4), draws(4), torch.tensor(1.0)), of_pair),
    "a truth value": (encoder, lambda _: (draws(4), draws(4), True), of_pair),
    "arrays": (encoder, lambda _: (draws(4).numpy(), draws(4).numpy()), of_arrays),
    "images as rows": (
        lambda: nn.Sequential(nn.Flatten(0), nn.Linear(20, 20), nn.Unflatten(0, (5, 4))),
        lambda _: draws(5, 4),
        of_input,
    ),
    "channels as many as classes": (Convolution, lambda _: (draws(3, 8, 8), draws(3)), MSE),
    "sequences": (
        Recurrent,
        lambda i: (draws(3 + i, 2), torch.randint(3, (3 + i,), generator=GENERATOR)),
        nn.CrossEntropyLoss(),
    ),
    "tokens": (
        Attending,
        lambda _: tuple(torch.randint(3, (2, 6), generator=GENERATOR)),
        nn.CrossEntropyLoss(),
    ),
    "a first one of length 1": (signals, lambda i: (draws(1 + 3 * i), draws(1 + 3 * i)), MSE),
    "signals of many lengths": (signals, lambda i: (draws(4 + i), draws(4 + i)), MSE),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", SINGLE)
@pytest.mark.parametrize("source", ["list", "generator", "loader", "first of a list"])
def test_single_examples_in_place_of_batches_are_refused(kind: str, source: str) -> None:
    model, example, loss = SINGLE[kind]
    examples = [example(i) for i in range(4)]
    data = {
        "list": lambda: examples,
        "generator": lambda: iter(examples),
        "loader": lambda: DataLoader(examples, batch_size=None),
        "first of a list": lambda: DataLoader(examples, batch_size=1, collate_fn=lambda batch: batch[0]),
    }[source]()
    with pytest.raises(ValueError, match=r"DataLoader.*batch_size_fn=|batch_size_fn=.*DataLoader") as raised:
        Objective(model(), data, loss)
    assert "single example" in str(raised.value)


def test_both_ways_out_give_the_mean_over_examples() -> None:
    model, examples = encoder().double(), [(draws(4).double(), draws(4).double()) for _ in range(40)]
    expected = torch.stack([MSE(model(x), y) for x, y in examples]).mean()
    objectives = {
        "loader": Objective(model, DataLoader(examples, batch_size=16), MSE),
        "data set": Objective(model, TensorDataset(*map(torch.stack, zip(*examples, strict=True))), MSE),
        "told": Objective(model, examples, MSE, batch_size_fn=lambda _: 1),
    }
    for objective in objectives.values():
        assert objective.n_examples == 40
        assert objective.loss().item() == pytest.approx(expected.item(), rel=1e-12)


def test_weights_of_single_examples_that_are_told() -> None:
    """Sequences of 3 to 6 steps count alike."""
    model, example, loss = SINGLE["sequences"]
    examples, net = [example(i) for i in range(4)], model()
    objective = Objective(net, examples, loss, batch_size_fn=lambda _: 1)
    expected = torch.stack([loss(net(x), y) for x, y in examples]).double().mean()
    assert objective.loss().item() == pytest.approx(expected.item(), rel=1e-6)


class Factors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(5, 3), nn.Embedding(5, 3)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        return (self.users(user) * self.items(item)).sum(-1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("source", ["list", "loader", "collated"])
def test_numbers_in_batches_are_examples_where_the_loss_is_their_mean(source: str) -> None:
    """Batches whose tensors have one dimension, of a model that takes each row by itself."""
    user, item = torch.randint(5, (2, 11), generator=GENERATOR)
    rating = draws(11)
    triples = list(zip(user, item, rating, strict=True))

    def collate(batch: list[Any]) -> Any:
        users, items, ratings = zip(*batch, strict=True)
        return (torch.stack(users), torch.stack(items)), torch.stack(ratings)

    data = {
        "list": [collate(triples[:4]), collate(triples[4:8]), collate(triples[8:])],
        "loader": DataLoader([((u, i), r) for u, i, r in triples], batch_size=4),
        "collated": DataLoader(triples, batch_size=4, collate_fn=collate),
    }[source]
    model = Factors()
    objective = Objective(model, data, MSE)
    assert objective.n_examples == 11
    assert objective.loss().item() == pytest.approx(MSE(model(user, item), rating).item(), rel=1e-6)


def test_a_layer_that_takes_rows_one_by_one_is_no_sign_of_single_examples() -> None:
    class OneByOne(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = encoder()

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([self.net(row) for row in x])

    batches = [(draws(n, 4), draws(n, 4)) for n in (5, 5, 2)]
    assert Objective(OneByOne(), batches, MSE).n_examples == 12
    vmapped = [(draws(n, 4), draws(n, 4)) for n in (5, 5, 2)]
    loss = lambda model, batch: MSE(torch.func.vmap(model)(batch[0]), batch[1])  # noqa: E731
    assert Objective(encoder(), vmapped, loss).n_examples == 12


def test_single_examples_are_noticed_where_the_loss_says_little_in_single_precision() -> None:
    """A mixing of rows that moves the loss by less than a hundredth."""

    class Weak(Attending):
        def forward(self, tokens: Tensor) -> Tensor:
            x = self.embedding(tokens)
            return self.head(x + 1e-4 * x.mean(dim=0))

    examples = [tuple(torch.randint(3, (2, 6), generator=GENERATOR)) for _ in range(4)]
    with pytest.raises(ValueError, match="single example"):
        Objective(Weak(), examples, nn.CrossEntropyLoss())


# what a loader tells


def collated(**more: Tensor) -> Callable[[list[Any]], Any]:
    def collate(batch: list[Any]) -> Any:
        return {"x": torch.stack([x for x, _ in batch]), "y": torch.stack([y for _, y in batch]), **more}

    return collate


def test_a_triplet_from_a_loader_is_counted_and_cut() -> None:
    """Three tensors of one shape, also where there are three of them."""
    data = TensorDataset(*(draws(40, 4) for _ in range(3)))
    for batch_size in (16, 3, 64):
        read = read_batches(DataLoader(data, batch_size=batch_size))
        assert sum(batch.n for batch in read) == 40
        assert all(batch.divisible for batch in read)
    assert sizes(data) == [40]
    assert sizes(DataLoader(data, batch_size=16), max_examples=20) == [16, 4]


def test_a_triplet_loss_is_the_mean_over_triplets() -> None:
    parts = [draws(10, 4) for _ in range(3)]
    model, criterion = encoder(), nn.TripletMarginLoss()
    loss = lambda model, batch: criterion(*map(model, batch))  # noqa: E731
    objective = Objective(model, DataLoader(TensorDataset(*parts), batch_size=4), loss)
    assert objective.loss().item() == pytest.approx(criterion(*map(model, parts)).item(), rel=1e-6)
    assert objective.subset(5).n_examples == 5


def test_a_mapping_of_one_tensor_and_a_number() -> None:
    assert sizes({"x": draws(600, 4), "t": torch.tensor(2.0)}) == [600]
    collate = lambda batch: {"x": torch.stack([x for x, _ in batch]), "t": torch.tensor(2.0)}  # noqa: E731
    loader = DataLoader(TensorDataset(draws(10, 4), draws(10, 4)), batch_size=4, collate_fn=collate)
    assert sizes(loader) == [4, 4, 2]
    with pytest.raises(ValueError, match=r"single example.*batch_size_fn=lambda batch: len\(batch\['x'\]\)"):
        read_batches([{"x": draws(4, 4), "t": torch.tensor(2.0)}])


@pytest.mark.parametrize("shared", [4, 7, 40])
def test_a_shared_mask_is_counted_by_the_loader_and_never_cut(shared: int) -> None:
    data = TensorDataset(draws(10, 4), draws(10, 4))
    mask = torch.ones(shared, shared)
    loader = DataLoader(data, batch_size=4, collate_fn=collated(mask=mask))
    read = read_batches(loader)
    assert [batch.n for batch in read] == [4, 4, 2]
    assert not read[-1].divisible
    with pytest.raises(ValueError, match=r"len\(batch\['x'\]\)"):
        read_batches([collated(mask=torch.ones(7, 7))([data[0], data[1]])])


def test_a_loss_with_a_shared_mask_is_the_mean_over_examples() -> None:
    x, y, mask = draws(10, 4), draws(10, 4), torch.rand(4, 4, generator=GENERATOR)
    loader = DataLoader(TensorDataset(x, y), batch_size=4, collate_fn=collated(mask=mask))
    model = encoder()
    objective = Objective(model, loader, lambda model, b: MSE(model(b["x"] @ b["mask"]), b["y"]))
    assert objective.n_examples == 10
    assert objective.loss().item() == pytest.approx(MSE(model(x @ mask), y).item(), rel=1e-6)


def test_graphs_are_counted_by_the_loader() -> None:
    graphs = [(draws(nodes, 2), torch.tensor(float(nodes))) for nodes in (3, 5, 4, 2, 6)]

    def collate(batch: list[Any]) -> Any:
        nodes = torch.cat([x for x, _ in batch])
        of = torch.arange(len(batch)).repeat_interleave(torch.tensor([len(x) for x, _ in batch]))
        return nodes, of, torch.stack([y for _, y in batch])

    read = read_batches(DataLoader(graphs, batch_size=2, collate_fn=collate))
    assert [(batch.n, batch.divisible) for batch in read] == [(2, False), (2, False), (1, False)]


@pytest.mark.parametrize(
    "example",
    [
        lambda: {"image": draws(3, 8, 8), "label": torch.tensor(1)},
        lambda: {"image": draws(5, 8, 8), "box": draws(5)},
        lambda: (draws(2), draws(2)),
        lambda: (draws(5, 2), draws(5)),
    ],
    ids=["mappings", "mappings that agree", "pairs of two", "pairs of five"],
)
def test_lists_of_examples_are_counted_by_the_loader_or_refused(example: Callable[[], Any]) -> None:
    examples = [example() for _ in range(12)]
    read = read_batches(DataLoader(examples, batch_size=5, collate_fn=lambda batch: batch))
    assert [(batch.n, batch.divisible) for batch in read] == [(5, False), (5, False), (2, False)]
    with pytest.raises(ValueError, match=r"batch_size_fn=lambda batch: len\(batch\)"):
        read_batches([examples[:4]])


def test_a_loader_that_yields_otherwise_than_it_says_is_not_believed() -> None:
    """Half of each batch, as those that share one among processes do."""

    class Halving(DataLoader):
        def __iter__(self) -> Any:
            for batch in super().__iter__():
                yield {name: t[:2] if name != "mask" else t for name, t in batch.items()}

    data = TensorDataset(draws(8, 4), draws(8, 4))
    assert sizes(Halving(data, batch_size=4, collate_fn=collated())) == [2, 2]
    mask = torch.ones(4, 4)
    with pytest.raises(ValueError, match="2 or 4"):
        read_batches(Halving(data, batch_size=4, collate_fn=collated(mask=mask)))


def test_streams_of_single_examples_are_put_into_batches() -> None:
    class Stream(IterableDataset):
        def __iter__(self) -> Iterator[Any]:
            return iter([(draws(4), draws(4)) for _ in range(50)])

    assert Objective(encoder(), Stream(), MSE).n_examples == 50
    assert Objective(encoder(), DataLoader(Stream(), batch_size=8), MSE).n_examples == 50
    with pytest.raises(ValueError, match="single example"):
        Objective(encoder(), DataLoader(Stream(), batch_size=None), MSE)


# whole data that cannot be cut


def test_arrays_in_a_mapping_are_not_counted_twice() -> None:
    assert sizes({"x": np.zeros((1000, 4)), "y": np.zeros(1000)}) == [1000]


def test_a_mapping_with_a_list_of_long_signals_is_left_whole() -> None:
    signals = [draws(1000 + i) for i in range(20)]
    (batch,) = read_batches({"x": signals, "y": draws(20)})
    assert batch.n == 20
    assert [len(x) for x in batch.content["x"]] == [len(x) for x in signals]
    assert not batch.divisible


class Attributes(dict):
    """A mapping whose items are attributes, too."""

    __getattr__ = dict.__getitem__


def test_a_mapping_keeps_its_type_when_it_is_cut() -> None:
    (batch,) = read_batches(Attributes(x=draws(600, 4), y=draws(600)), max_examples=512)
    assert batch.content.x.shape == (512, 4)


# containers


class Items(MutableMapping):
    """A mapping that ``copy.copy`` does not copy: both hold one dictionary."""

    def __init__(self, items: dict[str, Any]) -> None:
        self.items_ = items

    def __getitem__(self, key: str) -> Any:
        return self.items_[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.items_[key] = value

    def __delitem__(self, key: str) -> None:
        del self.items_[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.items_)

    def __len__(self) -> int:
        return len(self.items_)


class Copied(Items):
    def __copy__(self) -> Copied:
        return Copied(dict(self.items_))


class Frozen(Items):
    """Whose items are not set."""

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError("items are fixed")


@pytest.mark.parametrize("kind", [Items, Frozen])
def test_a_mapping_that_cannot_be_copied_is_refused_and_left_alone(kind: type[Items]) -> None:
    x, y = draws(6, 4), draws(6)
    items = {"x": x, "y": y}
    with pytest.raises(TypeError, match=f"{kind.__name__}.*__copy__"):
        read_batches([kind(items)], max_examples=4)
    assert items["x"] is x
    assert items["y"] is y


def test_a_mapping_with_a_copy_of_its_own_is_cut() -> None:
    batch = Copied({"x": draws(6, 4), "y": draws(6)})
    (read,) = read_batches([batch], max_examples=4)
    assert type(read.content) is Copied
    assert (len(read.content["x"]), len(batch["x"])) == (4, 6)


class Store:
    """Holds tensors as attributes, and can be sent nowhere by itself."""

    def __init__(self, **items: Any) -> None:
        vars(self).update(items)


class Slots:
    __slots__ = ("x",)

    def __init__(self, x: Tensor) -> None:
        self.x = x


class Mapped(Copied):
    """A store as those of graph libraries: a mapping that knows whose it is."""

    def __copy__(self) -> Mapped:
        other = Mapped(dict(self.items_))
        other.parent = getattr(self, "parent", None)
        return other


class Graph:
    """A batch of graphs with stores."""

    def __init__(self, y: Tensor, **stores: Any) -> None:
        self.y = y
        vars(self).update(stores)

    def to(self, _: Any) -> Graph:
        return self


def test_nested_stores_that_are_mappings_work() -> None:
    """As of graphs with nodes and edges of many kinds."""
    nodes = {"paper": Mapped({"x": draws(9, 2)}), "author": Mapped({"x": draws(5, 2)})}
    graph = Graph(draws(3), _global_store=Mapped({}), _node_store_dict=nodes)
    for store in nodes.values():
        store.parent = graph
    net = nn.Linear(2, 1)

    def loss(model: nn.Module, batch: Graph) -> Tensor:
        total = sum(model(store["x"]).sum() for store in batch._node_store_dict.values())
        return (total - batch.y).square().mean()

    with pytest.raises(ValueError, match=r"batch_size_fn=lambda batch: len\(batch.y\)"):
        Objective(net, [graph], loss)
    objective = Objective(net, [graph], loss, batch_size_fn=lambda batch: len(batch.y))
    assert objective.loss().item() == pytest.approx(loss(net, graph).item(), rel=1e-6)
    before = objective.precise().loss().item()
    nodes["paper"]["x"].zero_()
    assert objective.precise().loss().item() == before == pytest.approx(objective.loss().item(), rel=1e-6)
    assert not objective.divisible


@pytest.mark.parametrize(
    "store",
    [
        lambda: Store(x=draws(6, 4)),
        lambda: Store(more={"x": [draws(6, 4)]}),
        lambda: Slots(draws(6, 4)),
        lambda: Store(inner=Store(x=draws(6, 4))),
    ],
    ids=["attributes", "deeper", "slots", "nested"],
)
@pytest.mark.parametrize("where", ["graph", "mapping", "tuple"])
def test_tensors_in_containers_that_are_not_known_are_refused(store: Callable[[], Any], where: str) -> None:
    held = store()
    if hasattr(held, "__dict__"):
        held.parent = held  # whoever looks for tensors must come to an end
    batch = {
        "graph": lambda: Graph(draws(6), _store=held),
        "mapping": lambda: {"x": draws(6, 4), "y": draws(6), "store": held},
        "tuple": lambda: (draws(6, 4), draws(6), held),
    }[where]()
    with pytest.raises(TypeError, match=rf"{type(held).__name__}.*mapping.*dataclass"):
        read_batches([batch])


def test_other_things_in_a_batch_are_left_alone() -> None:
    class Settings:
        def __init__(self) -> None:
            self.name, self.rate = "text", 0.1

    batch = {"x": draws(6, 4), "y": draws(6), "settings": Settings(), "kind": Store, "f": draws}
    (read,) = read_batches([batch])
    assert read.content["settings"] is batch["settings"]
    assert len(cut(read, slice(2)).content["x"]) == 2


# messages


@pytest.mark.parametrize(
    ("batch", "lines"),
    [
        ((draws(3, 4), draws(3, 4), draws(3, 4)), []),
        ([draws(5, 4), draws(5, 4), draws(5, 4)], ["5: batch_size_fn=lambda batch: len(batch[0])"]),
        ([draws(5, 4), draws(5, 4), draws(5, 4)], ["3: batch_size_fn=lambda batch: len(batch)"]),
        (
            {"x": draws(9, 2), "graph": torch.zeros(9), "y": draws(3)},
            [
                "9: batch_size_fn=lambda batch: len(batch['x'])",
                "3: batch_size_fn=lambda batch: len(batch['y'])",
            ],
        ),
        (Graph(draws(3), x=draws(9, 2)), ["9: batch_size_fn=lambda batch: len(batch.x)"]),
    ],
)
def test_the_message_has_a_line_for_the_very_batch(batch: Any, lines: list[str]) -> None:
    if not lines:  # both readings agree
        assert sizes([batch]) == [3]
        return
    with pytest.raises(ValueError, match="batch_size_fn") as raised:
        read_batches([batch])
    for line in lines:
        assert line in str(raised.value)
        n, _, function = line.partition(": batch_size_fn=")
        assert sizes([batch], batch_size_fn=eval(function)) == [int(n)]


def test_nothing_is_said_of_data_that_are_certain() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Objective(encoder(), (draws(20, 4), draws(20, 4)), MSE)
        Objective(encoder(), [(draws(20, 4), draws(20, 4))], MSE)


# what a loader draws, and what comes of it


def drawn(collate_fn: Any, n: int = 24, batch_size: int = 10) -> DataLoader:
    return DataLoader(
        TensorDataset(draws(n, 7, 4), draws(n, 7)), batch_size=batch_size, collate_fn=collate_fn
    )


def time_first(examples: Any) -> tuple[Tensor, Tensor]:
    xs, ys = zip(*examples, strict=True)
    return torch.stack(xs, dim=1), torch.stack(ys, dim=1)


def two_views(examples: Any) -> tuple[Tensor, Tensor]:
    xs, ys = zip(*examples, strict=True)
    return torch.stack([*xs, *xs]), torch.stack([*ys, *ys])


def without_the_first(examples: Any) -> tuple[Tensor, Tensor]:
    return default_collate(examples[1:])


def test_time_first_is_seen_by_what_the_loader_draws() -> None:
    read = read_batches(drawn(time_first))
    assert [batch.n for batch in read] == [10, 10, 4]
    assert not any(batch.divisible for batch in read)


@pytest.mark.parametrize(("collate_fn", "rows"), [(two_views, 20), (without_the_first, 9)])
def test_rows_that_are_not_what_the_loader_draws(collate_fn: Any, rows: int) -> None:
    told = rf"draws 10 examples and every part has {rows} rows.*{rows}: batch_size_fn.*10: batch_size_fn"
    with pytest.raises(ValueError, match=told):
        read_batches(drawn(collate_fn))
    read = read_batches(drawn(collate_fn), batch_size_fn=lambda batch: len(batch[0]))
    assert read[0].n == rows
