"""The call that makes a picture again: run as it stands, it gives the same losses."""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import LandscapeExplorer, Objective
from landscape_widget.export.python_call import recipe
from landscape_widget.export.written import written
from landscape_widget.study.findings import Findings

from ..support.cases import ONE_BATCH, case
from ..support.gates import HUNG, gated_saddle
from ..support.page import received

Make = Callable[..., LandscapeExplorer]


def assert_close(a: np.ndarray, b: np.ndarray) -> None:
    """Equal but for rounding in float32: a strategy, chosen by its speed, sums in an order of its own."""
    np.testing.assert_allclose(a, b, rtol=1e-5)


def run(source: str, what: str = "all", **names: Any) -> LandscapeExplorer:
    """Executes a call as a cell would, and has something computed."""
    exec(source, names)
    made: LandscapeExplorer = names["explorer"]
    return made.compute(what)


CASES: dict[str, dict[str, Any]] = {
    "as usual, said": {"resolution": 51, "samples": 100, "examples": 13, "equal_axes": False},
    "a domain that is moved": {"domain": (-0.37, 0.411, -0.1, 1 / 3), "resolution": 9},
    "random axes, part of the data": {
        "axes": ("random:filter", "random"),
        "seed": 12,
        "domain": None,
        "examples": 5,
        "samples": 3,
        "face": "trace",
        "lines": "random:filter",
    },
    "inner eigenvectors, two planes": {
        "axes": ("hessian:max:2", "hessian:min:2"),
        "compared_axes": ("random", "hessian:max"),
        "compared_domain": None,
    },
}


@pytest.mark.parametrize("name", CASES)
def test_the_call_gives_the_same_losses(make_explorer: Make, name: str) -> None:
    network = case("dense tanh")
    names = {"model": network.model(), "data": network.batches(ONE_BATCH), "loss_fn": network.loss_fn}
    explorer = make_explorer(*names.values(), **CASES[name]).compute()
    source = received(explorer, "_surface")["python"]
    assert ("    domain=" in source) == (explorer.domain is not None), "what the kernel chose is left to it"
    assert "compared_domain=" not in source
    call = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    written_out = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    begun = vars(make_explorer(*names.values(), resolution=51, samples=100)._chosen())
    chosen = vars(explorer._chosen())
    assert written_out == {control: value for control, value in chosen.items() if value != begun[control]}
    again = run(source, **names)
    assert np.array_equal(again.surface.alpha, explorer.surface.alpha)
    assert np.array_equal(again.surface.beta, explorer.surface.beta)
    assert_close(again.surface.loss, explorer.surface.loss)
    assert np.array_equal(again.projections.kappa_plus, explorer.projections.kappa_plus)
    if explorer.compared is not None:
        assert_close(again.compared.surface.loss, explorer.compared.surface.loss)
    controls = explorer._chosen()
    for control, value in vars(again._chosen()).items():
        assert value == getattr(controls, control)


def test_a_domain_that_would_be_chosen_otherwise_is_written_out(make_explorer: Make) -> None:
    """Before a picture is final its domain may rest on estimates; another centre has a domain of its own."""
    explorer = make_explorer(gated_saddle()[1]).compute()
    surface = explorer.surface
    low, high = surface.alpha[[0, -1]].tolist()
    begun = replace(surface, done=np.zeros_like(surface.done), error_bound=None)
    for found, moved, written_out in ((surface, 0.0, False), (begun, 0.0, True), (surface, 0.5, True)):
        source = recipe(Findings(surface=found), explorer._chosen(), ["objective"], moved)
        assert (f"    domain=({low}, {high}, " in source) == written_out
        assert ("domain=" in source) == written_out


def test_it_does_not_depend_on_what_was_shown_before(make_explorer: Make) -> None:
    """Eigenvectors of another run are the same within a tolerance only."""
    objective = case("dense tanh").objective(ONE_BATCH)
    explorer = make_explorer(objective, axes=("hessian:max:3", "random")).compute()
    explorer.axes = ("hessian:max", "hessian:min")
    explorer.wait(HUNG)
    again = run(received(explorer, "_surface")["python"], objective=objective)
    assert_close(again.surface.loss, explorer.surface.loss)
    assert np.array_equal(again.eigenpairs.vectors, explorer.eigenpairs.vectors)


def test_keywords_of_the_objective(make_explorer: Make) -> None:
    network = case("dense tanh")
    names = {"model": network.model(), "data": network.batches(ONE_BATCH), "loss_fn": network.loss_fn}
    parameters = lambda name, _: name.startswith("0.")  # noqa: E731
    given = {
        "parameters": parameters,
        "dtype": torch.float32,
        "max_examples": 7,
        "device": torch.device("cpu"),
    }
    explorer = make_explorer(*names.values(), **given).compute("surface")
    source = received(explorer, "_surface")["python"]
    assert (
        "    device='cpu',\n    dtype=torch.float32,\n    max_examples=7,\n    parameters=parameters,\n"
        in source
    )
    again = run(source, "surface", **names, parameters=parameters)
    assert again.surface.provenance["n_parameters"] == 30
    assert_close(again.surface.loss, explorer.surface.loss)


def test_of_a_function(make_explorer: Make) -> None:
    _, objective = gated_saddle()
    explorer = make_explorer(objective, domain=(-1, 1, -1, 1)).compute("surface")
    source = received(explorer, "_surface")["python"]
    assert source.startswith(
        "from landscape_widget import LandscapeExplorer\n\n"
        "# objective is to be defined first: no variable here has that name\n"
        "explorer = LandscapeExplorer(\n    objective,\n"
    )
    assert "    domain=(-1.0, 1.0, -1.0, 1.0),\n" in source
    assert source.endswith(")\nexplorer\n")
    assert isinstance(objective, Objective)
    assert_close(run(source, "surface", objective=objective).surface.loss, explorer.surface.loss)


def test_test_data_and_metrics_stand_as_variables(make_explorer: Make) -> None:
    network = case("dense tanh")
    x, y = network.examples()
    names = {"model": network.model(), "data": (x, y), "loss_fn": network.loss_fn}
    names["loss_fn"] = partial(network.loss_fn)
    more = {
        "metrics": {"accuracy": lambda out, t: (out.argmax(1) == t).double().mean()},
        "test_loader": (x[:5], y[:5]),
    }
    explorer = make_explorer(*names.values(), **more).compute("surface")
    source = received(explorer, "_surface")["python"]
    assert "yours" not in source, "none of them has a name in the notebook"
    assert "# model, data, loss_fn, metrics and test_loader are to be defined first" in source
    assert "    metrics=metrics,\n    test_loader=test_loader,\n" in source
    assert_close(run(source, "surface", **names, **more).surface.loss, explorer.surface.loss)


def test_variables_have_the_names_that_a_person_gave_them(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the notebook or script; IPython's own history of outputs does not count."""
    network = case("dense tanh")
    x, y = network.examples()
    names = {"net": network.model(), "train_loader": network.batches(ONE_BATCH), "held_out": (x[:5], y[:5])}
    notebook = sys.modules["__main__"]
    monkeypatch.setattr(notebook, "_7", names["net"], raising=False)
    for name, value in names.items():
        monkeypatch.setattr(notebook, name, value, raising=False)
    own = partial(network.loss_fn)
    explorer = make_explorer(names["net"], names["train_loader"], own, test_loader=names["held_out"]).compute(
        "surface"
    )
    source = received(explorer, "_surface")["python"]
    assert "# net, train_loader and held_out are yours\n# loss_fn is to be defined first" in source
    assert "(\n    net,\n    train_loader,\n    loss_fn,\n    test_loader=held_out,\n" in source
    assert_close(run(source, "surface", **names, loss_fn=own).surface.loss, explorer.surface.loss)


def test_another_centre_is_told(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], domain=(-1, 1, -1, 1)).compute()
    assert "centre" not in received(explorer, "_surface")["python"]
    explorer.recentre(0.5, 0)
    explorer.wait(HUNG)
    assert (
        "# the centre was not the weights given but a point ‖Δθ‖ = 0.5 away"
        in received(explorer, "_surface")["python"]
    )


@pytest.mark.parametrize("axes", [("hessian:max", "hessian:min"), ("random", "random:filter")])
def test_the_call_sets_the_pins_of_its_plane_without_blocking(
    make_explorer: Make, axes: tuple[str, str]
) -> None:
    network = case("dense tanh")
    names = {"model": network.model(), "data": network.batches(ONE_BATCH), "loss_fn": network.loss_fn}
    explorer = make_explorer(*names.values(), axes=axes, seed=3).compute()
    assert received(explorer, "_pins")["python"] == ""
    first, second = explorer.pin(1 / 3, -0.2), explorer.pin(1e-7, 0)
    cell, act = (received(explorer, trait)["python"] for trait in ("_surface", "_pins"))
    head, _, last = cell.rpartition("explorer\n")
    assert last == ""
    again = run(f"{head}{act}assert explorer.surface is None\nexplorer\n", **names)
    again.wait()
    assert [(pin.alpha, pin.beta) for pin in again.pins] == [(1 / 3, -0.2), (1e-7, 0)]
    for pin, copy in zip((first, second), again.pins, strict=True):
        np.testing.assert_allclose(copy.theta, pin.theta, rtol=1e-6, atol=1e-9)
    again.unpin(1)
    again.resolution = 7
    again.compute()
    assert [pin.number for pin in again.pins] == [2], "they are set once"
    again.close()


def test_calls_that_run_one_after_another_set_each_its_own_pins(make_explorer: Make) -> None:
    """As "run all" does: the second has made an explorer of the same name before the first has its plane."""
    network = case("dense tanh")
    names = {"model": network.model(), "data": network.batches(ONE_BATCH), "loss_fn": network.loss_fn}
    cells, made, places = [], [], [(0.25, 0.5), (-0.125, 0.0)]
    for seed, place in enumerate(places):
        explorer = make_explorer(*names.values(), axes=("random", "random"), seed=seed).compute()
        explorer.pin(*place)
        cell, act = (received(explorer, trait)["python"] for trait in ("_surface", "_pins"))
        cells.append(cell.removesuffix("explorer\n") + act)
    for cell in cells:
        exec(cell, names)
        made.append(names["explorer"])
    for explorer, place in zip(made, places, strict=True):
        explorer.compute()
        assert [(pin.alpha, pin.beta) for pin in explorer.pins] == [place]
        explorer.close()


def test_pins_are_set_on_the_plane_of_all_examples_not_on_a_first_one(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eigenvectors of a few examples span another plane."""
    monkeypatch.setattr("landscape_widget.study.preview.PREVIEW_SECONDS", 0.0)
    network = case("dense tanh")
    x = torch.randn(200, *network.examples()[0].shape[1:], dtype=torch.float64)
    y = torch.arange(200) % 3
    names = {"model": network.model(), "data": (x, y), "loss_fn": network.loss_fn}
    explorer = make_explorer(*names.values(), resolution=7).compute()
    pinned = explorer.pin(0.25, 0.5)
    cell, act = (received(explorer, trait)["python"] for trait in ("_surface", "_pins"))
    surfaces: list[int] = []
    exec(cell.removesuffix("explorer\n") + act, names)
    again = names["explorer"]
    again.on_result(lambda name, surface: surfaces.append(surface.final) if name == "surface" else None)
    again.compute()
    assert len(surfaces) > 1
    assert not surfaces[0]
    np.testing.assert_allclose(again.pins[0].theta, pinned.theta, rtol=1e-6, atol=1e-9)
    again.close()


def test_pins_on_other_planes_are_left_out_of_the_call_and_all_around_another_centre(
    make_explorer: Make,
) -> None:
    network = case("dense tanh")
    explorer = make_explorer(network.model(), network.batches(ONE_BATCH), network.loss_fn).compute()
    explorer.pin(0.25, 0.5)
    explorer.axes = ("random", "random")
    explorer.compute()
    told = "# pins on other planes are left out\n"
    assert received(explorer, "_pins")["python"] == told
    there = explorer.pin(0.5, 0.75)
    python = received(explorer, "_pins")["python"]
    assert python.startswith(told)
    assert "[(0.5, 0.75)]" in python
    explorer.recentre(there)
    explorer.compute()
    assert received(explorer, "_pins")["python"] == ""


def test_what_was_given_inline_is_told_and_what_has_a_variable_is_not(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = case("dense tanh")
    names = {"net": network.model(), "data": network.batches(ONE_BATCH), "criterion": network.loss_fn}
    for name, value in names.items():
        monkeypatch.setattr(sys.modules["__main__"], name, value, raising=False)
    solutions = {"other": {name: t + 1 for name, t in network.model().state_dict().items()}}
    for given, words in (
        ({}, ""),
        ({"solutions": solutions}, "solutions is"),
        ({"solutions": solutions, "test_loader": network.examples()}, "test_loader and solutions are"),
    ):
        explorer = make_explorer(*names.values(), **given, axes=("random", "random"), resolution=3)
        source = received(explorer.compute("surface"), "_surface")["python"]
        assert source.count("to be defined first") == bool(words)
        assert f"# {words} to be defined first" in source or not words


def test_slices_of_variables_are_written_as_they_were(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = case("dense tanh")
    x, y = network.examples()
    names = {"net": network.model(), "X": x, "y": y, "criterion": network.loss_fn}
    for name, value in names.items():
        monkeypatch.setattr(sys.modules["__main__"], name, value, raising=False)
    data, test = (x[:8], y[:8]), (x[8:12], y[8:12])
    explorer = make_explorer(names["net"], data, names["criterion"], test_loader=test, resolution=3)
    source = received(explorer.compute("surface"), "_surface")["python"]
    assert "    (X[:8], y[:8]),\n    criterion,\n    test_loader=(X[8:12], y[8:12]),\n" in source
    assert "# net, X, y and criterion are yours\n" in source
    assert "to be defined first" not in source
    assert_close(run(source, **names).surface.loss, explorer.surface.loss)


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (lambda x: x[:4], "x[:4]"),
        (lambda x: x[2:], "x[2:]"),
        (lambda x: x[1:3], "x[1:3]"),
        (lambda x: x.view(6, 2)[:], "x[:]"),
        (lambda x: x[:4].clone(), None),
        (lambda x: x[::2], None),
        (lambda x: x[:, :1], None),
        (lambda x: x.view(4, 3)[:2], None),
        (lambda x: x.view(torch.int32)[:2], None),
        (lambda x: x[3:3], None),
        (lambda x: nn.Parameter(x[:2]), None),
    ],
    ids=[
        "first",
        "last",
        "middle",
        "all",
        "copy",
        "every other",
        "columns",
        "shape",
        "dtype",
        "empty",
        "parameter",
    ],
)
def test_a_slice_is_told_by_what_it_holds(cut: Callable[[torch.Tensor], Any], expected: str | None) -> None:
    x = torch.arange(12, dtype=torch.float32).reshape(6, 2)
    assert written(cut(x), {"other": x + 1, "_x": x, "x": x}) == expected
    assert written(cut(x), {"scalar": torch.tensor(1.0), "empty": x[:0]}) is None


def test_a_variable_that_is_something_else_is_not_taken_for_what_was_given(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = case("dense tanh")
    names = {"net": network.model(), "criterion": network.loss_fn, "data": "another thing"}
    for name, value in names.items():
        monkeypatch.setattr(sys.modules["__main__"], name, value, raising=False)
    batches = network.batches(ONE_BATCH)
    explorer = make_explorer(names["net"], batches, names["criterion"], resolution=3)
    source = received(explorer.compute("surface"), "_surface")["python"]
    assert "# net and criterion are yours\n# data_ is to be defined first" in source
    assert_close(run(source, **names, data_=batches).surface.loss, explorer.surface.loss)


LOSSES: dict[str, tuple[Any, str]] = {
    "as torch makes it": (nn.CrossEntropyLoss(), "nn.CrossEntropyLoss()"),
    "a function": (nn.functional.cross_entropy, "nn.functional.cross_entropy"),
    "with weights": (nn.CrossEntropyLoss(weight=torch.ones(3)), "loss_fn"),
    "a module of one's own": (type("CrossEntropyLoss", (nn.CrossEntropyLoss,), {})(), "loss_fn"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_given_inline_of_variables_is_written_as_it_was(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    loss_fn, expression = LOSSES[name]
    x, y = torch.randn(12, 4, generator=torch.manual_seed(0)), torch.arange(12) % 3
    names = {
        "net": nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)),
        "x": x,
        "y": y,
        "x_test": x[:5],
    }
    names |= {"y_test": y[:5], "held": names["net"].state_dict()}
    for variable, value in names.items():
        monkeypatch.setattr(sys.modules["__main__"], variable, value, raising=False)
    explorer = make_explorer(
        names["net"],
        (x, y),
        loss_fn,
        test_loader=(names["x_test"], names["y_test"]),
        solutions={"other": names["held"]},
        axes=("random", "random"),
        resolution=3,
    )
    source = received(explorer.compute("surface"), "_surface")["python"]
    assert f"(\n    net,\n    (x, y),\n    {expression},\n    test_loader=(x_test, y_test),\n" in source
    assert "    solutions={'other': held},\n" in source
    assert ("to be defined first" in source) == (expression == "loss_fn")
    assert ("from torch import nn\n" in source) == expression.startswith("nn.")
    own = {} if expression.startswith("nn.") else {"loss_fn": loss_fn}
    assert_close(run(source, "surface", **names, **own).surface.loss, explorer.surface.loss)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((), None),
        ((1.5,), "(1.5,)"),
        ((np.float64(0.5), np.str_("a"), True), "(0.5, 'a', True)"),
        ((math.inf, -math.inf), '(float("inf"), float("-inf"))'),
        (nn.Threshold(0.1, -math.inf), 'nn.Threshold(threshold=0.1, value=float("-inf"))'),
        (nn.CrossEntropyLoss(label_smoothing=np.float64(0.1)), "nn.CrossEntropyLoss(label_smoothing=0.1)"),
        ([1, "a"], "[1, 'a']"),
        ({1: 2}, None),
        ((1, object()), None),
        ([0] * 9, None),
        (nn.MSELoss(reduction="sum"), "nn.MSELoss(reduction='sum')"),
        (nn.MSELoss().eval(), None),
        (nn.Linear(1, 1), None),
        (nn.Sequential(nn.Tanh()), None),
    ],
)
def test_what_can_be_written(value: Any, expected: str | None) -> None:
    assert written(value, {}) == expected
