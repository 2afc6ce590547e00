"""The saved page: what it carries, unpacked here by other means than the page's own."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import LandscapeExplorer, Objective, TrajectoryRecorder, load, save
from landscape_widget.export.packed import rounded

from ..support.cases import ONE_BATCH, case
from ..support.gates import gated_saddle
from ..support.logs import Log
from ..support.page import received

NETWORK = case("dense tanh")
HESSIAN, RANDOM = ["hessian:max", "hessian:min"], ["random", "random"]


def carried(path: Path) -> dict[str, Any]:
    """What a page carries, with its buffers as bytes."""
    found = re.search(r'id="data">([^<]*)<', path.read_text("utf-8"))
    assert found
    data = gzip.decompress(b64decode(found[1]))
    end = 4 + int.from_bytes(data[:4], "little")

    def whole(value: dict[str, Any]) -> Any:
        if "$bytes" not in value:
            return value
        start, length = value["$bytes"]
        return data[end + start : end + start + length]

    content: dict[str, Any] = json.loads(data[4:end], object_hook=whole)
    return content


def losses(told: dict[str, Any]) -> np.ndarray:
    """Losses of 16 bits, one by one."""
    told = told["$rounded"]
    first, last = (np.arcsinh((told[end] - told["about"]) / told["unit"]) for end in ("low", "high"))
    found = []
    for code in np.frombuffer(told["codes"], "<u2").tolist():
        share = code / 65_534
        t = first * (1 - share) + last * share
        loss = told["about"] + told["unit"] * np.sinh(t)
        found.append(np.nan if code == 65_535 else min(max(loss, told["low"]), told["high"]))
    for node, loss in told["exact"]:
        found[node] = loss
    return np.array(found)


def shown(path: Path) -> list[tuple[list[str], str, int]]:
    surfaces = [picture["_surface"] for picture in carried(path)["pictures"]]
    return [(s["axes"], s["split"], len(s["alpha"]) // 8) for s in surfaces]


def payload(loss: np.ndarray) -> dict[str, Any]:
    axis = np.linspace(-1, 1, len(loss))
    lowest = np.unravel_index(np.nanargmin(np.where(np.isfinite(loss), loss, np.inf)), loss.shape)
    minimum = {"alpha": axis[lowest[1]], "beta": axis[lowest[0]]} if np.isfinite(loss).any() else None
    buffers = {"alpha": axis.tobytes(), "beta": axis.tobytes(), "loss": loss.astype(np.float32).tobytes()}
    return {**buffers, "minimum": minimum}


A = np.linspace(-1, 1, 21)
BOWL = A**2 + A[:, None] ** 2
KINDS = {
    "bowl": 2 + BOWL,
    "saddle": 2.0 + A**2 - A[:, None] ** 2,
    "fifteen orders": 1e-6 + np.exp(20 * BOWL) - 1,
    "flat": np.full((21, 21), 3.0),
    "tiny": 1e-30 * BOWL,
    "huge": 1e30 * (1 + BOWL),
    "holes": np.where(BOWL > 1, np.inf, 1 + BOWL),
    "hole at θ*": np.where(BOWL < 0.05, np.nan, 1 + BOWL),
    "nothing": np.full((21, 21), np.nan),
}


@pytest.mark.parametrize("loss", KINDS.values(), ids=KINDS.keys())
def test_losses_of_16_bits(loss: np.ndarray) -> None:
    surface, error = rounded(payload(loss))
    back, exact = losses(surface["loss"]), loss.astype(np.float32).astype(np.float64).ravel()
    known = np.isfinite(exact)
    assert (np.isnan(back) == ~known).all()
    if not known.any():
        return
    away = np.abs(back - exact)[known]
    # float64's own rounding where it is decoded
    assert away.max() <= error + 1e-12 * np.abs(exact[known]).max()
    assert back[known].min() == back[known][exact[known].argmin()] == exact[known].min()
    centre = exact[len(exact) // 2]
    if not np.isfinite(centre):
        return
    assert back[len(exact) // 2] == centre
    # half a step of asinh, of which 65,534 span asinh(2e17 / 1e-6) = 54 at most
    distance = np.abs(exact - centre)[known]
    near = np.quantile(distance[distance > 0], 0.05) if distance.any() else 0.0
    assert (away <= 4.2e-4 * np.hypot(distance, near) + 1e-12 * np.abs(exact[known])).all()


def test_a_page_holds_the_planes_that_were_asked_for(tmp_path: Path) -> None:
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=7, samples=4, seed=2)
    path = tmp_path / "page.html"
    explorer.to_html(path, planes=["hessian", "random", {"axes": "random", "seed": 5}], resolutions=(7, 9))
    expected = [(axes, "train", n) for axes in (HESSIAN, RANDOM, RANDOM) for n in (7, 9)]
    assert sorted(shown(path)) == sorted(expected)
    content = carried(path)
    assert (content["axes"], content["seed"], content["resolution"]) == (HESSIAN, 2, 7), "the first of them"
    assert (explorer.axes, explorer.seed, explorer.resolution) == (tuple(HESSIAN), 2, 7)
    assert explorer.status == "idle"
    assert explorer.surface is None
    for picture in content["pictures"]:
        assert picture["_eigenpairs"]["sentence"]
        assert picture["_projections"]["samples"] == 4
        assert picture["_spectrum"]["final"]
        assert len(picture["sights"]) == 2


FACES = ("_projections", "_spectrum", "_trace")


def test_chosen_planes_hold_every_face_that_is_known_whichever_is_on_show(tmp_path: Path) -> None:
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=7, samples=4, face="trace").compute()
    explorer.face = "projections"
    explorer.compute()
    explorer.to_html(tmp_path / "page.html", planes=["hessian", "random"])
    for picture in carried(tmp_path / "page.html")["pictures"]:
        assert all(picture[face]["final"] for face in FACES)
        assert [method["name"] for method in picture["_trace"]["methods"]] == ["hutchinson", "curvature-fit"]
    assert explorer.results.traces is not None
    explorer.save(tmp_path / "run.npz")
    again = LandscapeExplorer(gated_saddle()[1], samples=4).load(tmp_path / "run.npz")
    again.to_html(tmp_path / "page.html", planes=["random"])
    assert all(picture["_trace"]["final"] for picture in carried(tmp_path / "page.html")["pictures"])


def test_pictures_hold_the_faces_that_became_known_before_and_after_them(tmp_path: Path) -> None:
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=7, samples=4, axes=tuple(RANDOM))
    explorer.compute("surface")
    explorer.axes, explorer.face = tuple(HESSIAN), "trace"
    explorer.compute()
    explorer.seed, explorer.face = 3, "spectrum"
    explorer.compute("surface")
    explorer.resolution = 9
    explorer.compute()
    explorer.to_html(tmp_path / "page.html")
    content = carried(tmp_path / "page.html")
    assert len(content["pictures"]) == 3
    for number, picture in enumerate(content["pictures"], 1):
        assert all(picture[face]["final"] for face in FACES)
        assert {picture[face]["request"] for face in FACES} == {number}, "former results would be provisional"
    assert content["pictures"][0]["_projections"]["plane"] is None, "that of another plane is not its own"


def test_faces_of_other_examples_are_not_held(tmp_path: Path) -> None:
    batches = NETWORK.batches(ONE_BATCH)
    explorer = LandscapeExplorer(
        NETWORK.model(), batches, NETWORK.loss_fn, resolution=7, samples=4, face="trace"
    )
    explorer.compute()
    explorer.examples, explorer.face = 5, "projections"
    explorer.compute()
    explorer.to_html(tmp_path / "page.html")
    held = {p["_surface"]["n_examples"]: "_trace" in p for p in carried(tmp_path / "page.html")["pictures"]}
    assert held == {13: True, 5: False}


def test_page_and_log_say_which_picture_of_how_many_is_computed(tmp_path: Path, caplog: Log) -> None:
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=7, samples=4)
    told: list[str] = []
    explorer.observe(lambda change: told.append(change["new"]["note"]), "_pins")
    with caplog.at_level("INFO", logger="landscape_widget.explorer.pages"):
        explorer.to_html(tmp_path / "page.html", planes=["hessian", "random"], resolutions=(7, 9))
    words = [f"Page: picture {k} of 4" for k in (1, 2, 3, 4)]
    assert [record.getMessage() for record in caplog.records] == words
    assert list(dict.fromkeys(told)) == [*words, ""]


def test_planes_are_computed_for_the_page_as_for_the_explorer(tmp_path: Path) -> None:
    make = lambda **controls: LandscapeExplorer(  # noqa: E731 - a line of its own for each test
        NETWORK.model(),
        NETWORK.batches(ONE_BATCH),
        NETWORK.loss_fn,
        test_loader=NETWORK.batches(ONE_BATCH),
        resolution=7,
        samples=4,
        **controls,
    )
    asked = [{"axes": ("random", "random"), "domain": (-0.1, 0.1, -0.2, 0.2)}, {"split": "test"}]
    path = tmp_path / "page.html"
    explorer = make()
    explorer.to_html(path, planes=asked)
    pictures = {picture["_surface"]["split"]: picture["_surface"] for picture in carried(path)["pictures"]}
    for controls in asked:
        other = make(**controls).compute()
        picture = pictures[other.split]
        np.testing.assert_array_equal(np.frombuffer(picture["alpha"]), other.surface.alpha)
        reach = np.ptp(other.surface.loss)
        np.testing.assert_allclose(losses(picture["loss"]), other.surface.loss.ravel(), atol=2e-4 * reach)


def test_by_default_a_page_holds_what_was_finished_around_this_centre(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=7, samples=4).compute()
    explorer.axes = tuple(RANDOM)
    explorer.compute()
    explorer.resolution = 9
    explorer.compute()
    pin = explorer.pin(0.1, 0.2)
    explorer.wait()
    explorer.to_html(path)
    assert shown(path) == [(HESSIAN, "train", 7), (RANDOM, "train", 7), (RANDOM, "train", 9)]
    content = carried(path)
    assert (content["axes"], content["resolution"]) == (RANDOM, 9)
    (told,) = content["_pins"]["pins"]
    assert told["fingerprint"] == pin.plane.fingerprint == content["pictures"][-1]["_surface"]["plane"]
    explorer.recentre(0.1, 0.2)
    explorer.compute()
    explorer.to_html(path)
    assert shown(path) == [(RANDOM, "train", 9)], "those of another centre are of another loss around θ*"
    explorer.go_back()
    explorer.compute().to_html(path)
    assert len(shown(path)) == 3
    explorer.close()
    explorer.to_html(path)
    assert shown(path) == [(RANDOM, "train", 9)]


def test_what_is_told_of_points_is_whole(tmp_path: Path) -> None:
    """All that the page reads of pins; the cell that sets them is that of the explorer alone."""
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=5, samples=7).compute()
    explorer.pin(0.1, 0.1)
    explorer.wait()
    explorer.to_html(tmp_path / "page.html")
    told, sent = carried(tmp_path / "page.html")["_pins"], received(explorer, "_pins")
    assert told.keys() == sent.keys()
    assert sent["python"]
    assert told["python"] == ""


def test_two_pictures_on_show_are_both_held(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=7, samples=4, compared_axes=tuple(RANDOM))
    explorer.compute().to_html(path)
    save(explorer.results, tmp_path / "run.npz")
    for _ in range(2):
        content = carried(path)
        assert content["compared_axes"] == RANDOM
        assert shown(path) == [(HESSIAN, "train", 7), (RANDOM, "train", 7)]
        first, second = content["pictures"]
        assert [first["sights"], second["sights"]] == received(explorer, "_compared")["sights"]
        load(tmp_path / "run.npz").to_html(path)  # the same without a model


def test_six_planes_of_101_by_101_nodes_are_small(tmp_path: Path, record_property: Any) -> None:
    objective = Objective.from_function(
        lambda t: (t**2 * torch.arange(-2.0, 6)).sum() + t.sin().prod(), 0.1 * torch.ones(8)
    )
    explorer = LandscapeExplorer(objective, samples=10, face="trace")
    path = tmp_path / "page.html"
    planes = ["hessian", "random", *({"axes": "random", "seed": seed} for seed in range(1, 5))]
    explorer.to_html(path, planes=planes, resolutions=101)
    assert len(shown(path)) == 6
    record_property("bytes", path.stat().st_size)
    assert path.stat().st_size < 4e6


def test_a_page_is_text_whatever_names_say(tmp_path: Path) -> None:
    path, title = tmp_path / "page.html", "A<very>&</script>Long</title>Name $title"
    explorer = LandscapeExplorer(gated_saddle()[1], resolution=7, samples=4).compute()
    explorer.to_html(path, title=title)
    html = path.read_text("utf-8")
    assert html.count("<very>") == 0
    assert unescape(re.findall("<h1>(.*?)</h1>", html)[0]) == title
    assert html.count("</script>") == 3
    assert explorer.results.verdict.sentence in unescape(html), "for readers without scripts"
    assert not re.search(r"""(src|href)\s*=|url\(["']?http""", re.sub(r'id="(code|data)">[^<]*<', "", html))


BAD = {
    "no such plane": ({"planes": ["hesian"]}, r"planes\[0\].*'hesian'. Did you mean 'hessian'"),
    "an axis": ({"planes": ["random:filter"]}, r"\"filter\", .* two axes, .* got 'random:filter'\.$"),
    "one name": ({"planes": "random"}, "Expected planes as a list"),
    "one mapping": ({"planes": {"axes": "random"}}, "Expected planes as a list"),
    "none": ({"planes": []}, "Expected planes as a list"),
    "a number": ({"planes": 3}, "Expected planes as a list"),
    "no control": ({"planes": ["random", {"axess": 1}]}, r"planes\[1\].*'axess'. Did you mean 'axes'"),
    "a control of the page": ({"planes": [{"face": "trace"}]}, "Expected controls among axes"),
    "one direction twice": ({"planes": [("hessian:max", "hessian:max")]}, "two different Hessian axes"),
    "no axes": ({"planes": ["random", 3]}, r"planes\[1\].*Expected axes as two names"),
    "no domain": ({"planes": [{"domain": (1, 0, 0, 1)}]}, "Expected a domain with α min < α max"),
    "no test data": ({"planes": [{"split": "test"}]}, "test"),
    "no path of training": ({"planes": ["trajectory"]}, "trajectory"),
    "an even resolution": ({"resolutions": 50}, "Use 51"),
    "no resolution": ({"resolutions": ()}, "Expected resolutions as"),
    "words": ({"resolutions": "many"}, "^Expected .*resolution"),
    "no such checkpoint": ({"checkpoints": [99]}, "^Expected .*checkpoint as None or 0.*99"),
}


@pytest.mark.parametrize(("asked", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_no_plane_is_refused_before_anything_is_computed(
    tmp_path: Path, asked: dict[str, Any], message: str
) -> None:
    gate, objective = gated_saddle()
    explorer = LandscapeExplorer(objective)
    calls = gate.calls
    with pytest.raises(ValueError, match=message):
        explorer.to_html(tmp_path / "page.html", **asked)
    assert gate.calls == calls
    assert not list(tmp_path.iterdir())


def test_planes_that_fail_leave_no_page(tmp_path: Path) -> None:
    gate, objective = gated_saddle()
    explorer = LandscapeExplorer(objective, resolution=7, samples=4)
    gate.fail(ZeroDivisionError("in the loss"))
    with pytest.raises(RuntimeError, match=r"pictures of the page could not be computed.*in the loss"):
        explorer.to_html(tmp_path / "page.html", planes=["hessian"])
    assert not list(tmp_path.iterdir())
    explorer.to_html(tmp_path / "page.html", planes=["hessian"])


def test_a_control_that_is_moved_meanwhile_goes_first(tmp_path: Path) -> None:
    gate, objective = gated_saddle()
    explorer = LandscapeExplorer(objective, resolution=7, samples=4).compute()

    def move() -> None:
        explorer.resolution = 9

    gate.then(move)
    explorer.to_html(tmp_path / "page.html", planes=["random"])
    explorer.wait()
    assert explorer.surface.loss.shape == (9, 9)
    assert shown(tmp_path / "page.html") == [(RANDOM, "train", 7)]


def test_checkpoints_are_held_with_their_own_curvature(tmp_path: Path) -> None:
    model, (x, y) = nn.Linear(3, 1).double(), (torch.randn(12, 3).double(), torch.randn(12, 1).double())
    with TrajectoryRecorder(model) as recorder:
        for step in range(4):
            nn.init.constant_(model.bias, step)
            recorder.record(step)
    truth = [nn.functional.mse_loss(x @ model.weight.detach().T + b, y).item() for b in range(4)]
    explorer = LandscapeExplorer(model, (x, y), nn.MSELoss(), trajectory=recorder, resolution=5, samples=4)
    path = tmp_path / "page.html"
    explorer.to_html(path, planes=["hessian", "random"], checkpoints=(3, 0, 1))
    content = carried(path)
    found = {(p["_surface"]["checkpoint"], *p["_surface"]["axes"]): p for p in content["pictures"]}
    assert {key[0] for key in found} == {None, 0, 1}
    assert len(found) == 6
    for (number, *_), picture in found.items():
        centre = losses(picture["_surface"]["loss"])[12]
        assert centre == pytest.approx(truth[-1 if number is None else number], rel=1e-4)
        assert picture["_eigenpairs"]["request"] == picture["_surface"]["request"]
    assert (content["checkpoint"], explorer.checkpoint, explorer.status) == (None, None, "idle")
    for wrong, words in (([], "got none"), (4, "between 0 and 3, got 4"), ("last", "as an integer")):
        with pytest.raises(ValueError, match=words):
            explorer.to_html(path, checkpoints=wrong)
    explorer.close()


def test_a_page_saved_while_curves_are_computed_offers_nothing_of_it(tmp_path: Path) -> None:
    x, y = torch.randn(8, 2, generator=torch.manual_seed(1)), torch.zeros(8, 1)
    model = nn.Linear(2, 1)
    states = [{name: t + step for name, t in model.state_dict().items()} for step in (2, 1, 0)]
    explorer = LandscapeExplorer(model, (x, y), nn.MSELoss(), trajectory=states, resolution=5, samples=4)
    explorer.compute()
    words = "Curvature at 1 of 3 checkpoints, more is being computed."
    explorer._along = {**explorer._along, "asked": True, "offer": "Stop", "words": words}
    explorer.to_html(tmp_path / "page.html")
    sent = carried(tmp_path / "page.html")["_along"]
    assert (sent["asked"], sent["offer"], sent["words"]) == (False, "", "Curvature at 1 of 3 checkpoints.")
    explorer.close()
