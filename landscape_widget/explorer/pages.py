"""An explorer as a page that others open without a kernel: the pictures it holds, and what computes them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

from landscape_widget.explorer.latest import LatestResults
from landscape_widget.explorer.waiting import refuse_inside
from landscape_widget.export.along_payload import told_without_kernel
from landscape_widget.export.explorer_results import news_of
from landscape_widget.export.html_page import check_page, write_page
from landscape_widget.export.news import News, alone_of, pictures
from landscape_widget.export.payloads import Payload
from landscape_widget.numerics.checks import near, told
from landscape_widget.planes.presets import PRESETS
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.study import Study

log = logging.getLogger(__name__)

#: Pictures that are remembered around one centre.
_MOST = 12

#: What of the controls one picture can have of its own.
_OWN = ("axes", "seed", "domain", "resolution", "examples", "batch_norm", "split", "accuracy", "equal_axes")

_NAMES = ", ".join(f'"{preset.value}"' for preset in PRESETS)
_PLANE = f'as the name of a plane ({_NAMES}), two axes, or controls such as {{"split": "test"}}'


class SavedPages(LatestResults):
    """Remembers the pictures that were finished, and writes them to a page of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begins with no pictures, as ``LatestResults`` with all else."""
        self._finished: WeakKeyDictionary[Study, list[Payload]] = WeakKeyDictionary()
        super().__init__(*args, **kwargs)

    def to_html(
        self,
        path: str | os.PathLike[str],
        title: str = "Loss landscape",
        *,
        planes: Sequence[str | tuple[str, str] | Mapping[str, Any]] | None = None,
        resolutions: int | Sequence[int] | None = None,
        checkpoints: int | Sequence[int | None] | None = None,
    ) -> None:
        """Writes the explorer as a page that works without a kernel and a network (about 1 MB).

        Its views and controls are those of the explorer, and switch between the pictures that it holds; what
        it does not hold is grey. By default those are the last twelve that were finished around the present
        centre, beginning with that of ``figure()``, and of a closed explorer that one alone. Losses are
        rounded to 16 bits.

        Args:
            path: Replaced where it exists, once the new file is complete.
            title: Title of the page.
            planes: The pictures to hold instead, each the name of a plane ("hessian", "random", "filter",
                "trajectory"), two axes, or a mapping of controls: axes, seed, domain, split, batch_norm …
                What it does not name is as the explorer has it, but for the domain, which is chosen by the
                curvature. The page begins with the first. What is not known of them is computed now; the
                explorer's page and the log (level INFO) say which of how many. Its own controls stay.
            resolutions: Nodes for each axis; of several, every plane is held at each. Default: the present.
            checkpoints: Numbers of checkpoints, None in a list for the last one; every plane is held around
                each, and the page's slider goes from one to the other. Default: the present.

        Raises:
            TypeError: If ``title`` is no text, or ``path`` no path.
            ValueError: For planes, resolutions or checkpoints that the explorer cannot take.
            RuntimeError: If there is nothing to draw yet; if ``planes`` cannot be computed, with the cause
                chained, or this is cancelled; inside an observer, which the computation would wait for.
            OSError: If the file cannot be written.
        """
        check_page(path, title)
        if not (planes is None and resolutions is None and checkpoints is None):
            self._write(path, title, *self._computed(self._wanted(planes, resolutions, checkpoints)))
            return
        held: list[Payload] = []
        with self._lock:
            results = self.results
            news = news_of(results)
            if not self._worker.closed:
                whole = self._study.objective.n_examples
                news = replace(news, moved=self._points.centres.moved, given=self._given, whole=whole)
                held = self._finished.get(self._study, [])
        if results.surface is not None:
            shown = [_key(picture) for picture in pictures(news)]
            held = [picture for picture in held if _key(picture) not in shown]
        self._write(path, title, news, held)
        self._warn_of_changed(results.controls)

    def _write(self, path: str | os.PathLike[str], title: str, news: News, held: Sequence[Payload]) -> None:
        traits = {"_info": self._info, "_along": told_without_kernel(self._along)}
        traits |= {"face": self.face, "view": self.view}
        write_page(path, title, news, held, traits, self._pins)

    def _found_around(self, study: Study, controls: Controls) -> None:
        """Called with what all was found for, of each picture of a page."""

    def _finish(self, news: News) -> None:
        made = pictures(news)
        keys = [_key(picture) for picture in made]
        before = [p for p in self._finished.get(self._study, ()) if _key(p) not in keys]
        self._finished[self._study] = [*before, *made][-_MOST:]

    def _wanted(self, planes: Any, resolutions: Any, checkpoints: Any) -> list[Controls]:
        """The controls of each picture.

        Raises:
            ValueError: For what is none.
        """
        if planes is None:
            planes = [{}]
        if isinstance(planes, str | Mapping) or not isinstance(planes, Sequence) or not planes:
            raise ValueError(f"Expected planes as a list, each {_PLANE}; got {told(planes)}.")
        each = [
            _several("resolution", "an odd number of nodes", resolutions),
            _several("checkpoint", "the number of a checkpoint", checkpoints),
        ]
        wanted = []
        with self._lock:
            base = alone_of(self._chosen())
            for resolution, checkpoint in product(*each):
                further = resolution | checkpoint
                if further.get("checkpoint") == self._points.centres.last:
                    further["checkpoint"] = None
                alike = {"axes": ("random", "random"), "domain": None, **further}
                self._check_controls(replace(base, **alike), self._study)  # so that no plane is blamed
                for i, plane in enumerate(planes):
                    domain = base.domain if plane == {} else None
                    chosen = {"domain": domain, **_own(plane, i), **further}
                    try:
                        wanted.append(self._check_controls(replace(base, **chosen), self._study))
                    except ValueError as error:
                        raise ValueError(f"planes[{i}]: {error}") from None
        return list({repr(controls): controls for controls in wanted}.values())

    def _computed(self, wanted: Sequence[Controls]) -> tuple[News, list[Payload]]:
        """What the first of these controls lead to, and the pictures of all others.

        Computations that the controls start meanwhile go before.
        """
        refuse_inside("to_html")
        with self._lock:
            here, present, moved = self._study, self.checkpoint, self._points.centres.moved
        first: list[News] = []
        made: list[Payload] = []

        def job() -> Iterator[None]:
            for controls in wanted[len(first) + len(made) :]:
                words = f"Page: picture {len(first) + len(made) + 1} of {len(wanted)}"
                log.info(words)
                self._points.tell(words)
                away = controls.checkpoint != present
                with self._lock:
                    study = self._points.centres.beside(controls.checkpoint) if away else here
                found = Findings()
                for found in study.steps(controls):  # noqa: B007 - the last of them counts
                    yield
                self._found_around(study, controls)
                way = 0.0 if away else moved
                there = *self._points.centres.elsewhere(controls), study.objective.n_examples
                news = News(found, controls, 1, 0.0, study.theta_norm, way, self._given, *there)
                if first:
                    made.extend(pictures(news))
                else:
                    first.append(news)

        try:
            while len(first) + len(made) < len(wanted):
                self._wait_while(lambda: [self._request])
                before = self._request
                request = self._worker.submit(job)
                self._wait_while(lambda: [request])  # noqa: B023 - it is called at once
                if request.error is not None:
                    raise RuntimeError(
                        f"The pictures of the page could not be computed: {request.error}"
                    ) from request.error
                ended = len(first) + len(made) == len(wanted)
                if request.cancelled and self._request is before and not ended:
                    raise RuntimeError("The pictures of the page were not computed: this was cancelled.")
        except KeyboardInterrupt:
            self.cancel()
            raise
        finally:
            self._points.tell("")
        return first[0], made


def _several(name: str, what: str, given: Any) -> list[dict[str, Any]]:
    """What one control or several values of it add to each plane; nothing where none are given."""
    if given is None:
        return [{}]
    values = given if isinstance(given, list | tuple | range) else [given]
    if not values:
        raise ValueError(f"Expected {name}s as {what}, or several; got none.")
    return [{name: value} for value in values]


def _own(plane: Any, i: int) -> dict[str, Any]:
    """The controls that one of several planes is given with."""
    named = {preset.value: preset.axes for preset in PRESETS}
    given = dict(plane) if isinstance(plane, Mapping) else {"axes": plane}
    for name in given:
        if name not in _OWN:
            hint = near(name, _OWN) if isinstance(name, str) else ""
            raise ValueError(
                f"planes[{i}]: Expected controls among {', '.join(_OWN)}; got {told(name)}.{hint}"
            )
    if isinstance(axes := given.get("axes"), str):
        if axes not in named:
            hint = "" if ":" in axes else near(axes, named)  # an axis is no plane that is misspelt
            raise ValueError(f"planes[{i}]: Expected a plane {_PLANE}; got {told(axes)}.{hint}")
        given["axes"] = named[axes]
    return given


def _key(picture: Payload) -> tuple[object, ...]:
    """What tells a picture from another one around the same centre."""
    surface = picture["_surface"]
    names = ("plane", "n_examples", "split", "batch_norm", "equal_axes", "alpha", "beta")
    return (picture["automatic"], *(surface[name] for name in names))
