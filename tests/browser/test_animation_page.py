"""A page of an evolution: the slider shows each checkpoint, and Play goes through all of them."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from landscape_widget import evolution_animation

from ..figures.test_animation import bowls, run
from .conftest import OpenPage
from .hosts.network import Network


def test_the_slider_shows_each_checkpoint_and_play_goes_through_all(
    open_page: OpenPage, tmp_path: Path
) -> None:
    evolution_animation(run(), {"bowl": bowls([1.0, 0.1, 0.01])}, tmp_path / "run.html", seconds=0.1)
    page = open_page().page
    network = Network(page.context, packages=False)
    page.goto((tmp_path / "run.html").as_uri())
    slider, play, picture = page.get_by_role("slider"), page.get_by_role("button"), page.get_by_role("img")
    shown = set()
    for i, step in enumerate((0, 10, 20)):
        slider.fill(str(i))
        assert str(picture.get_attribute("alt")).startswith(f"step {step}:  loss")
        assert slider.get_attribute("aria-valuetext") == picture.get_attribute("alt")
        shown.add(picture.get_attribute("src"))
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert len(shown) == 3
    play.click()  # from the first one on, since the last one is on show
    expect(slider).to_have_value("2")
    expect(play).to_have_text("Play")
    evolution_animation(run(), {"bowl": bowls([1.0, 0.1, 0.01])}, tmp_path / "run.html", seconds=90)
    page.reload()
    for words in ("Pause", "Play"):
        play.click()
        expect(play).to_have_text(words)
    expect(slider).to_have_value("0")
    play.click()
    slider.press("ArrowRight")  # is a pause, too
    expect(play).to_have_text("Play")
    expect(slider).to_have_value("1")
    network.check()
    page.close()
