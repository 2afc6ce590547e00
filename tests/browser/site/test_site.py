"""The site that ``make site`` has built, opened from its folder: it is whole, and asks for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ..browser import Watch
from ..hosts.network import Network

SITE = Path(__file__).parents[3] / "build" / "site"
PAGES = sorted(path for path in SITE.rglob("*.html") if path.parent.name != "gallery")

#: With the number of their pictures.
LESSONS = {
    "1_saddles": 1,
    "2_flat_and_sharp": 4,
    "3_shortcuts": 2,
    "4_edge_of_stability": 2,
    "5_your_own_model": 1,
}


@pytest.fixture
def page(browser: Browser, watches: list[Watch]) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        network = Network(context, packages=False)
        watch = Watch(context.new_page())
        watches.append(watch)
        yield watch.page
        network.check()


def test_all_pages_are_there() -> None:
    assert len(PAGES) >= 25
    names = {"index.html", "start.html", "views.html", "gallery.html", "howto.html", "reference.html"}
    assert names | {"1_saddles.html"} <= {path.name for path in PAGES}


def test_no_address_begins_at_a_server_s_root() -> None:
    """It would lead nowhere from a folder."""
    rooted = re.compile(r"""\b(?:href|src)=["']/""")
    assert [path.name for path in PAGES if rooted.search(path.read_text("utf-8"))] == []


def test_pages_open_without_asking_for_anything(page: Page) -> None:
    for path in PAGES:
        page.goto(path.as_uri())
        expect(page.locator("h1").first).to_be_visible()
        page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
        for picture in page.locator("article img").all():
            picture.scroll_into_view_if_needed()
            expect(picture).not_to_have_js_property("naturalWidth", 0)


def test_a_lesson_shows_its_pictures_to_those_who_have_made_their_prediction(page: Page) -> None:
    for name, count in LESSONS.items():
        page.goto((SITE / "notebooks" / "teaching" / f"{name}.html").as_uri())
        folded = page.locator("article details").filter(has=page.locator("img"))
        expect(folded).to_have_count(count)
        expect(page.locator("article img")).to_have_count(count)
        for each in folded.all():
            expect(each.locator("img")).to_be_hidden()
            each.get_by_text("What this cell shows").click()
            each.locator("img").scroll_into_view_if_needed()
            expect(each.locator("img")).not_to_have_js_property("naturalWidth", 0)


@pytest.mark.parametrize("name", ["index.html", "views.html"])
def test_a_page_holds_a_live_explorer(name: str, page: Page) -> None:
    page.goto((SITE / name).as_uri())
    explorer = page.frame_locator("iframe.live").get_by_test_id("landscape-explorer")
    expect(explorer.get_by_test_id("heatmap").locator(".js-plotly-plot")).to_be_visible(timeout=60_000)
    expect(explorer.get_by_test_id("verdict")).to_contain_text("Saddle")
    explorer.get_by_test_id("preset-random").check(force=True)
    expect(explorer.get_by_test_id("verdict")).to_contain_text("this plane hides it")


def test_the_gallery_opens_twelve_live_pages(page: Page) -> None:
    page.goto((SITE / "gallery.html").as_uri())
    cards = page.locator(".gallery .card")
    expect(cards).to_have_count(12)
    for address in [card.get_attribute("href") or "" for card in cards.all()]:
        page.goto((SITE / address).as_uri())
        heatmap = page.get_by_test_id("heatmap").locator(".js-plotly-plot")
        expect(heatmap).to_be_visible(timeout=60_000)


def test_formulas_are_drawn(page: Page) -> None:
    page.goto((SITE / "notebooks" / "02_paper_examples.html").as_uri())
    assert page.locator("math").count() > 5
    assert "$" not in re.sub(r"(?s)<(pre|code).*?</\1>", "", page.locator("article").inner_html())


def test_every_public_name_is_in_the_reference(page: Page) -> None:
    import landscape_widget

    page.goto((SITE / "reference.html").as_uri())
    there = {e.get_attribute("id") for e in page.locator("[id^='landscape_widget.']").all()}
    assert {f"landscape_widget.{name}" for name in landscape_widget.__all__} <= there


def test_words_are_found(page: Page) -> None:
    page.goto((SITE / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").fill("blindness")
    expect(page.locator(".md-search-result__item").first).to_be_visible(timeout=30_000)
