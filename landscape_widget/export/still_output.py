"""What a notebook keeps of an explorer for readers without a kernel or without scripts: a still picture."""

from __future__ import annotations

from base64 import b64encode
from html import escape

from landscape_widget.export.explorer_results import Results
from landscape_widget.figures.still import WIDTH, still_picture

#: What is said in place of a picture, by the explorer's status.
_NONE = {
    "failed": "The landscape could not be computed.",
    "cancelled": "The computation of the landscape was cancelled before there was a picture.",
}
_UNFINISHED = (
    "The landscape was not computed yet when this was saved. In a notebook that is executed without a page, "
    "end the cell with explorer.wait(), and its picture comes here."
)

_CAPTION = (
    "A still picture of the loss landscape. Run the notebook to explore it; "
    "explorer.to_html() writes a page that turns without a kernel."
)


def still_output(results: Results, status: str, error: str, name: str, label: str = "") -> dict[str, str]:
    """The same in every form that hosts choose from, by its MIME type.

    Args:
        results: What was found so far.
        status: What the kernel does.
        error: Message of the last failure.
        name: A class for the HTML, by which a page hides it where the explorer itself is on show.
        label: What the explorer is called among others.
    """
    classes = f'class="landscape-still {name}"'
    verdict = results.verdict
    if results.surface is None or (status == "computing" and not results.surface.final):
        words = _named(label, " ".join(filter(None, [_NONE.get(status, _UNFINISHED), error])))
        return {"text/plain": words, "text/html": f"<p {classes}>{escape(words)}</p>"}
    sentence = verdict.sentence if verdict else ""
    minima = {split: s.minimum for split, s in results.surfaces.items() if s.minimum}
    picture = still_picture(
        results.surface, results.plane, _named(label, sentence), minima=minima, quadratic=results.quadratic
    )
    data = b64encode(picture).decode()
    words = _named(label, sentence or results.surface.coverage)
    return {
        "text/plain": f"{words}\n{_CAPTION}",
        "text/html": (
            f'<figure {classes} style="margin: 0"><img width="{WIDTH}" alt="{escape(words)}" '
            f'style="max-width: 100%" src="data:image/png;base64,{data}">'
            f'<figcaption style="font-size: 85%; opacity: 0.75">{_CAPTION}</figcaption></figure>'
        ),
        "image/png": data,
    }


def _named(label: str, words: str) -> str:
    return f"{label}: {words}" if label and words else label or words
