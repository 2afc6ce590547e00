"""The latest results of an explorer, as its attributes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import plotly.graph_objects as go
import traitlets as t

from landscape_widget.explorer.gathered import of_picture
from landscape_widget.explorer.points import Pictures
from landscape_widget.explorer.publisher import TOPICS
from landscape_widget.explorer.waiting import Waiting
from landscape_widget.explorer.worker import CLOSED
from landscape_widget.export.explorer_results import Results
from landscape_widget.export.still_output import still_output
from landscape_widget.numerics.checks import near
from landscape_widget.objective.objective import Objective
from landscape_widget.results.blindness import SaddleBlindness
from landscape_widget.results.comparison import Comparison
from landscape_widget.results.curvature import EigenPairs, ProjectedCurvatures
from landscape_widget.results.evolution import Evolution
from landscape_widget.results.landmarks import LandmarksOnPlane
from landscape_widget.results.lines import LineLosses
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.results.spectrum import SpectralDensity, TraceEstimate
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Picture

#: Results by the trait in which the page gets them.
_RESULTS = {topic.trait: topic.announces for topic in TOPICS} | {"_along": ("evolution", "comparison")}

#: Results that are put together anew whenever they are read: new is what holds something else.
_BY_CONTENT = (Mapping, Evolution, Comparison)

#: Names of all results.
RESULTS = tuple(dict.fromkeys(name for names in _RESULTS.values() for name in names))


class LatestResults(Waiting):
    """Shows the latest of what was computed; a result is None while there is none."""

    def __repr__(self) -> str:
        results = self.results
        verdict, controls = results.verdict, results.controls
        told = [
            self.status,
            verdict.sentence.partition(". ")[0] if verdict else "no verdict yet",
            f"{' × '.join(controls.axes)}, {controls.resolution}×{controls.resolution} nodes",
        ]
        if drift := self._look():
            told.append(drift[0].lower() + drift.rstrip(".")[1:])
        return f"{type(self).__name__}({'; '.join(told)})"

    def observe(
        self,
        handler: Callable[[Any], object],
        names: Any = t.All,
        type: Any = "change",  # noqa: A002 - the name that traitlets gives it
    ) -> None:
        """Has a handler called on changes, as that of every widget, for the names of results, too.

        Args:
            handler: It is called with a dictionary of "name", "new", "old" and "owner". New results come on
                the thread that computes, at most as often as the page gets them, the last one always.
            names: One name or several, of traits and of results, such as "surface"; all traits by default.
            type: The kind of notification.

        Raises:
            ValueError: For a name that is neither.
        """
        for name in [names] if isinstance(names, str) else names if names is not t.All else ():
            if name is not t.All and name not in RESULTS and not self.has_trait(name):
                hint = near(name, [*RESULTS, *self.trait_names()])
                raise ValueError(f"Expected the name of a trait or a result, got {name!r}.{hint}")
        super().observe(handler, names, type)

    def on_result(self, callback: Callable[[str, Any], object]) -> Callable[[], None]:
        """Has ``callback(name, result)`` called whenever there is a new result, such as a finer "surface".

        It is called on the thread that computes, at most as often as the page gets a result, and with the
        last one always; with None where a result is no more.

        Returns:
            What ends that.
        """
        if not callable(callback):
            raise TypeError(
                f"Expected a callback as a function (name, result), got {type(callback).__name__}."
            )

        def handler(change: Any) -> None:
            callback(change["name"], change["new"])

        self.observe(handler, RESULTS)

        def stop() -> None:
            with suppress(ValueError):  # it has ended already
                self.unobserve(handler, RESULTS)

        return stop

    def _announce(self, sent: Iterable[str] | None = None) -> None:
        names = RESULTS if sent is None else [name for trait in sent for name in _RESULTS.get(trait, ())]
        for name in dict.fromkeys(names):
            if self._worker.closed:  # by an observer
                return
            new, old = getattr(self, name), self._announced.get(name)
            if new is not old and not (isinstance(new, _BY_CONTENT) and new == old):
                self._announced[name] = new
                # not ``notify_change``, which holds back in user's code what only traits can be
                self._notify_observers(t.Bunch(name=name, old=old, new=new, owner=self, type="change"))

    @property
    def objective(self) -> Objective:
        """The loss as a function of θ, over all examples; its θ* is the present centre."""
        return self._study.objective

    @property
    def surface(self) -> Surface | None:
        """The latest loss surface, None while there is none."""
        return self._publisher.latest.surface

    @property
    def plane(self) -> Plane | None:
        """The plane that ``surface`` lies on."""
        return self._publisher.latest.plane

    @property
    def quadratic(self) -> QuadraticModel | None:
        """The loss to second order in that plane, a function of α and β."""
        return self._publisher.latest.quadratic

    @property
    def surfaces(self) -> Mapping[str, Surface]:
        """Surfaces of that plane by their split, "train" and "test", as far as a picture shows them."""
        second = self._publisher.latest.compared
        beside = second.surfaces if second is not None and self._same_plane(second) else {}
        return {**beside, **self._publisher.latest.surfaces}

    @property
    def compared(self) -> Picture | None:
        """The second picture, None unless ``compared_axes`` or ``compared_split`` asks for one."""
        return self._publisher.latest.compared

    @property
    def landmarks(self) -> LandmarksOnPlane | None:
        """The path of training and other solutions on that plane so far, None without any."""
        return self._publisher.latest.landmarks

    @property
    def compared_landmarks(self) -> LandmarksOnPlane | None:
        """The same on the plane of the second picture."""
        return self._publisher.latest.compared_landmarks

    @property
    def line_losses(self) -> LineLosses | None:
        """Losses along the lines that ``lines`` asks for so far, None unless it does."""
        return self._publisher.latest.line_losses

    @property
    def eigenpairs(self) -> EigenPairs | None:
        """Certified eigenpairs of the Hessian, None while there are none."""
        return self._publisher.latest.pairs

    @property
    def projections(self) -> ProjectedCurvatures | None:
        """Curvatures of random projections so far."""
        return self._publisher.latest.projections

    @property
    def density(self) -> SpectralDensity | None:
        """Spectral density of the Hessian so far."""
        return self._publisher.latest.density

    @property
    def traces(self) -> Mapping[str, Sequence[TraceEstimate]] | None:
        """Running estimates of tr(H) by method, None unless the face "trace" was on show."""
        traces = self._publisher.latest.traces
        return None if traces is None else {method: tuple(found) for method, found in traces.items()}

    @property
    def blindness(self) -> SaddleBlindness | None:
        """Probability that a random plane hides the saddle, measured and predicted."""
        return self._publisher.latest.blindness

    @property
    def results(self) -> Results:
        """The latest picture and what was found for its controls, in one object that needs no model.

        ``results.controls`` are those of the picture. They differ from the explorer's own from a change of
        one until there is the first picture for it.
        """
        with self._lock:
            gathered = self._publisher.gathered
            return Results.of(gathered.together, gathered.controls or self._chosen())

    def figure(self, kind: str = "surface", *, scale: str = "auto", log: bool = False) -> go.Figure:
        """A plotly figure fit for a paper, see ``Results.figure``.

        It is of ``results``: where a control was changed and there is no picture for it yet, of the former
        picture, and a ``UserWarning`` says so.
        """
        results = self.results
        figure = results.figure(kind, scale=scale, log=log)
        self._warn_of_changed(results.controls)
        return figure

    def _warn_of_changed(self, controls: Controls) -> None:
        """Warns, where ``figure`` or ``to_html`` was called, if a picture is not of the controls as they are.

        Args:
            controls: The controls of the picture.
        """
        was, now = asdict(of_picture(controls)), asdict(of_picture(self._chosen()))
        changed = [f"{name}={was[name]!r}, now {now[name]!r}" for name in was if was[name] != now[name]]
        if changed:
            warnings.warn(
                "Expected a picture of the explorer's controls as they are, got that from before some of "
                f"them were changed ({'; '.join(changed)}), which says what it is of. For the new one call "
                "wait() or compute() first.",
                stacklevel=3,
            )

    def _still(self) -> dict[str, str]:
        """A still picture in the forms that hosts choose from, by MIME type."""
        return still_output(self.results, self.status, self.error, self._still_class, self._label)

    def _still_key(self) -> object:
        """What is another one where the still picture is."""
        results = self.results
        return self.status, id(results.surface), results.verdict

    def _later(self, act: Callable[[], object]) -> None:
        """Has the worker do something between two steps of the computation."""

        def job() -> Iterator[None]:
            act()
            yield

        with suppress(RuntimeError):  # it is closed
            self._errand(job)

    def _same_plane(self, second: Picture) -> bool:
        """Whether a second picture lies on the plane of the first: then it is one of other data."""
        plane = self._publisher.latest.plane
        return plane is not None and plane.fingerprint == second.plane.fingerprint

    def _pictures(self) -> Pictures:
        """The planes on show with their surfaces."""
        first, second = (self._shown_plane(), self.surfaces), self._publisher.latest.compared
        if second is None or self._same_plane(second) or self.compared_checkpoint is not None:
            return [first]
        return [first, (second.plane, second.surfaces)]

    def _sent(self) -> tuple[Pictures, int]:
        """The same with the number of their request; the page may not have been sent them yet."""
        with self._lock:
            return self._pictures(), self._publisher.requests.get("_surface", 0)

    def _shown_plane(self) -> Plane:
        if self._publisher.latest.plane is None:
            if self._worker.closed:
                raise RuntimeError(CLOSED)
            raise RuntimeError("Expected a picture, got none yet: call compute(), or wait for one.")
        return self._publisher.latest.plane
