"""How long a page without a kernel takes to show another picture that it holds.

Pages that were saved by several versions are measured in turn, and each carries its own code::

    python -m tests.benchmarks.switch before.html after.html
"""

from __future__ import annotations

import sys
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

from ..browser.browser import launch

ROUNDS, SWITCHES = 3, 8

READY = """names => names.every(
  name => document.querySelector(`[data-testid=${name}]`)?.dataset.final === "true")"""
VIEWS = ["surface", "heatmap", "slices"]

#: Milliseconds from a click until each view tells of the new picture, and until the scene is painted.
SWITCH = """async ([preset, names]) => {
  const find = name => document.querySelector(`[data-testid=${name}]`);
  const told = names.map(name => new Promise(resolve => {
    const before = find(name).dataset.request;
    const look = () => find(name).dataset.request !== before && resolve(performance.now() - start);
    new MutationObserver(look).observe(find(name), { attributeFilter: ["data-request"] });
  }));
  const start = performance.now();
  find(preset).click();
  const times = await Promise.all(told);
  await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
  const painted = performance.now() - start;
  await new Promise(resolve => setTimeout(resolve, 500));
  return [...times, Math.max(...times), painted];
}"""


def main(paths: list[Path]) -> None:
    """Print least and median over all rounds; a page must hold a Hessian and a random plane."""
    found: dict[Path, list[list[float]]] = {path: [] for path in paths}
    with sync_playwright() as playwright:
        for _ in range(ROUNDS):
            for path in paths:
                browser = launch(playwright)
                page = browser.new_page(viewport={"width": 1300, "height": 1100})
                page.goto(path.resolve().as_uri())
                page.wait_for_function(READY, arg=VIEWS, timeout=120_000)
                presets = islice(cycle(["preset-random", "preset-hessian"]), 2 + SWITCHES)
                times = [page.evaluate(SWITCH, [preset, VIEWS]) for preset in presets]
                found[path] += times[2:]  # the first two warm up
                browser.close()
    for path, times in found.items():
        columns = zip([*VIEWS, "all of them", "painted"], zip(*times, strict=True), strict=True)
        print(path, *(f"{name} {min(each):.0f} / {median(each):.0f} ms" for name, each in columns), sep="  ")


if __name__ == "__main__":
    main([Path(path) for path in sys.argv[1:]])
