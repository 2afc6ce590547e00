"""The explorer as one page that needs neither a kernel nor a network, and switches between held pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import cache
from html import escape
from string import Template
from typing import Any

from landscape_widget.export.bundle import bundled
from landscape_widget.export.news import News, pictures
from landscape_widget.export.packed import packed, rounded
from landscape_widget.export.payloads import Payload, info_of
from landscape_widget.results.files import check_replaceable, replacing
from landscape_widget.results.tables import brief
from landscape_widget.study.verdict import verdict_of

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --text: #1f2328; --muted: #626a73; --paper: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --text: #e3e5e8; --muted: #9aa2ab; --paper: #111111; } }
body { margin: 0 auto; max-width: 1500px; padding: 1rem; color: var(--text); background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 0 .5rem; font-size: 1.4rem; overflow-wrap: anywhere; }
details { margin: 0 .5rem; }
pre { overflow-x: auto; }
pre, details p { color: var(--muted); font-size: 12px; }
@media print {
  :root { --text: #1f2328; --muted: #626a73; --paper: #ffffff; color-scheme: light; }
  body { padding: 0; }
  .lw-root :is(button, .lw-bar, .lw-options, .lw-segments) { display: none !important; }
  .lw-root :is(.lw-field, .lw-check, .lw-kernel, .lw-holds) { display: none !important; }
  .lw-views > * { break-inside: avoid; }
}
</style>
<style id="paper"></style>
</head>
<body>
<h1>$title</h1>
<main id="explorer">
<p>$sentence</p>
<noscript><p>The pictures need scripts, which this page brings along.</p></noscript>
</main>
<details><summary>What it rests on</summary>
<p>$rounding</p>
<pre>$provenance</pre></details>
<script type="text/plain" id="code">$code</script>
<script type="text/plain" id="data">$data</script>
<script type="module">
$script
</script>
</body>
</html>
""")

#: Traits of a page that nobody computes for: it has no weights to write to, and no centre to go back to.
_AT_REST: dict[str, Any] = {
    "_runtime": "runtime",
    "status": "done",
    "error": "",
    "progress": {},
    "view": {},
    **dict.fromkeys(
        (
            *("_surface", "_compared", "_landmarks", "_line_losses"),
            *("_eigenpairs", "_projections", "_spectrum", "_trace"),
        )
    ),
}
_NO_POINTS: dict[str, Any] = {
    "pins": [],
    "table": None,
    "csv": "",
    "writable": False,
    "applied": None,
    "note": "",
    "centre": {"depth": 0, "request": 0, "moved": 0},
    "checkpoint": 0,
    "drift": None,
    "python": "",
}


def check_page(path: str | os.PathLike[str], title: object) -> None:
    """Raises what ``write_page`` raises for a path or a title, before anything is computed for it."""
    if not isinstance(title, str):
        raise TypeError(f"Expected title as a string, got {type(title).__name__}.")
    check_replaceable(path)


def write_page(
    path: str | os.PathLike[str],
    title: str,
    news: News,
    held: Sequence[Payload] = (),
    traits: Mapping[str, Any] | None = None,
    points: Mapping[str, Any] | None = None,
) -> None:
    """Writes a page of its own, with the page's bundle in it; light or dark as the reader's system is.

    Args:
        path: Replaced where it exists, once the new file is complete.
        title: Title of the page.
        news: What the page begins with.
        held: Other pictures, as ``news.pictures`` makes them, the newest last.
        traits: What the page is to know beside that.
        points: Pins and table, as the page gets them from a kernel.

    Raises:
        TypeError: If ``title`` is no text, or ``path`` no path.
        RuntimeError: If there is nothing to draw yet.
        OSError: If the file cannot be written.
    """
    check_page(path, title)
    found, controls = news.found, news.controls
    if found.surface is None:
        raise RuntimeError(
            "Expected results to show, there are none yet. Compute them first, by explorer.compute()."
        )
    verdict = verdict_of(found, controls, news.theta_norm)
    if controls.compared_checkpoint is not None:  # whose picture is no part of the page
        controls = replace(controls, compared_axes=None, compared_split=None, compared_checkpoint=None)
    chosen = {f.name: getattr(controls, f.name) for f in fields(controls) if f.metadata["synced"]}
    html = _page(
        title,
        verdict.sentence if verdict else "",
        _completed([*held, *pictures(news)]),
        {**chosen, "_info": info_of(found, controls, news.theta_norm), **(traits or {})},
        {"controls": asdict(controls), **found.surface.provenance},
        points or {},
    )
    with replacing(path) as file:
        file.write(html.encode())


def _completed(pictures: Sequence[Payload]) -> list[Payload]:
    """Pictures, each with what another one knows of the curvature at the same θ* on the same examples."""

    def place(picture: Payload) -> tuple[object, ...]:
        return tuple(picture["_surface"][name] for name in ("checkpoint", "n_examples"))

    known = {
        (place(picture), name): picture[name] | ({"plane": None} if name == "_projections" else {})
        for picture in pictures
        for name in ("_projections", "_spectrum", "_trace")
        if name in picture
    }
    return [
        {name: result for (where, name), result in known.items() if where == place(picture)} | picture
        for picture in pictures
    ]


def _page(
    title: str,
    sentence: str,
    pictures: Sequence[Payload],
    traits: Mapping[str, Any],
    provenance: Mapping[str, Any],
    points: Mapping[str, Any],
) -> str:
    held, errors = [], []
    for number, picture in enumerate(pictures, 1):  # requests of several computations may have one number
        numbered = {
            name: {**result, "request": number} if isinstance(result, Mapping) else result
            for name, result in picture.items()
        }
        surface, error = rounded(numbered["_surface"])
        held.append(numbered | {"_surface": surface})
        errors.append(error)
    known = {name: value for name, value in points.items() if name in ("pins", "table", "csv")}
    data = {**_AT_REST, **traits, "_pins": {**_NO_POINTS, **known}, "pictures": held}
    return _PAGE.substitute(
        title=escape(title),
        sentence=escape(sentence),
        rounding=escape(
            f"Losses on this page are rounded to 16 bits, which moves them by {brief(max(errors))} at most; "
            "those at θ* and at the lowest points are exact to seven digits."
        ),
        provenance=escape(json.dumps(provenance, indent=2, ensure_ascii=False, default=str)),
        code=_code(),
        data=packed(data),
        script=bundled("saved.js").read_text(encoding="utf-8").replace("</", "<\\/"),
    )


@cache
def _code() -> str:
    """The page's bundle, packed: the same for all pages of a process, and most of the time that one takes."""
    code: dict[str, Any] = {name: bundled(f"{name}.js").read_bytes() for name in ("page", "runtime")}
    return packed(code | {"css": bundled("page.css").read_text(encoding="utf-8")})
