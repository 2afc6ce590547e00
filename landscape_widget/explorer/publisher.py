"""Which result goes to the page in which trait: a table of topics, and how often each is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from landscape_widget.explorer.gathered import Gathered, Kept, of_picture
from landscape_widget.explorer.in_flight import InFlight
from landscape_widget.export import curvature_payloads as curvature
from landscape_widget.export import payloads as wire
from landscape_widget.export.landmark_payloads import landmarks
from landscape_widget.export.payloads import Payload
from landscape_widget.export.python_call import recipe
from landscape_widget.results.planes import Plane
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.progress import Throttle


@dataclass(frozen=True)
class News:
    """What a computation has found so far, with all else that payloads tell of it."""

    found: Findings
    controls: Controls
    request: int
    """Number of the computation's request."""
    elapsed: float
    """Seconds since it began."""
    theta_norm: float
    """‖θ*‖ of the present centre."""
    moved: float
    """‖Δθ‖ from the model's weights to the present centre."""
    given: Sequence[str]
    """The arguments that the explorer was made with, as they are written."""

    @property
    def python(self) -> str:
        """The call that makes the first picture again."""
        return recipe(self.found, self.controls, self.given, self.moved)

    @property
    def planes(self) -> dict[str, Plane | None]:
        """The planes of the pictures, by the traits that the pictures are sent in."""
        second = self.found.compared
        return {"_surface": self.found.plane, "_compared": second.plane if second else None}


def _fields(*names: str) -> Callable[[Findings], dict[str, Any]]:
    return lambda found: {name: getattr(found, name) for name in names}


def _first_picture(found: Findings) -> dict[str, Any]:
    """The first picture, with the quadratic model where that is of the picture's own plane."""
    return _fields("surface", "plane", "surfaces")(found) | {"quadratic": found.surface_model}


def _at_centre(found: Findings) -> dict[str, Any]:
    """What is known at θ*: a computation begins without it, and may have found it before."""
    known = _fields("centre_loss", "gradient_norm")(found)
    return {name: value for name, value in known.items() if value is not None}


def _certified(found: Findings) -> dict[str, Any]:
    """The eigenpairs once they are certified: estimates are for the page alone."""
    return _fields("pairs", "slopes")(found) if found.pairs_final else {}


def _traces(news: News) -> tuple[object, ...]:
    """Histories only grow, so the last estimate of each method tells whether there is a new one."""
    traces = news.found.traces
    return (traces, *(history[-1] for history in (traces or {}).values() if history))


@dataclass(frozen=True)
class Topic:
    """A result on its way to the page."""

    trait: str
    """The trait that it is sent in."""
    shows: Callable[[News], tuple[object, ...]]
    """The objects that its payload is made of, the result itself first.

    While that is None there is nothing to send; it is sent again when one of them is another object.
    """
    payload: Callable[[News], Payload]
    """Makes what is sent."""
    keeps: Callable[[Findings], dict[str, Any]]
    """The fields of the latest findings that it sets."""
    asked: Callable[[Controls], bool] = lambda _: True
    """Whether the controls ask for it; where they do not, it is taken from the page and forgotten."""
    rests_on: Callable[[Controls], object] = lambda controls: controls.examples
    """What of the controls those fields depend on."""
    drawn: bool = True
    """Whether it is a picture, which the page takes long to draw; all else is small and never waits."""


#: All that the page is sent of a computation; what it is doing comes last, with all of what was done before.
TOPICS = (
    Topic(
        "_surface",
        lambda n: (n.found.surface, n.found.surface_model),
        lambda n: wire.surface(n.found, n.controls, n.request, n.theta_norm, n.python),
        _first_picture,
        rests_on=of_picture,
    ),
    Topic(
        "_compared",
        lambda n: (n.found.compared, n.found.pairs, n.found.quadratic),
        lambda n: wire.compared(n.found, n.controls, n.request, n.theta_norm),
        _fields("compared"),
        lambda controls: controls.compared() is not None,
        rests_on=of_picture,
    ),
    Topic(
        "_landmarks",
        lambda n: (n.found.landmarks, n.found.compared_landmarks),
        lambda n: landmarks(n.found, n.controls, n.request),
        _fields("landmarks", "compared_landmarks"),
    ),
    Topic(
        "_eigenpairs",
        # the verdict's sentence grows with what is known of planes; with the first comes the domain on show
        lambda n: (n.found.pairs, n.found.quadratic, n.found.projections, n.found.blindness, n.found.plane),
        lambda n: curvature.eigenpairs(n.found, n.controls, n.request, n.theta_norm),
        _certified,
        drawn=False,
    ),
    Topic(
        "_projections",
        lambda n: (n.found.projections, n.found.quadratic, n.found.blindness),
        lambda n: curvature.projections(n.found, n.controls, n.request),
        _fields("projections", "blindness"),
    ),
    Topic(
        "_spectrum",
        lambda n: (n.found.density, n.found.blindness),
        lambda n: curvature.spectrum(n.found, n.request),
        _fields("density"),
    ),
    Topic(
        "_trace",
        _traces,
        lambda n: curvature.trace(n.found, n.request),
        _fields("traces"),
    ),
    Topic(
        "progress",
        lambda n: (n.elapsed,),
        lambda n: wire.progress(n.found, n.request, n.elapsed),
        _at_centre,
        drawn=False,
    ),
)


class Publisher:
    """Keeps the latest of each result, and tells what the page is to be sent now.

    Small messages go at once. Of the pictures one at a time is on its way: of each kind the newest is kept
    until there is room, and the kind that has waited longest goes first.
    """

    def __init__(self, interval: float, flight: InFlight | None = None) -> None:
        """Starts without results.

        Args:
            interval: The least number of seconds between two updates of one topic.
            flight: What is on its way to the page.
        """
        self.gathered = Gathered()
        """What was found; results of another request stay until there are new ones."""
        self.flight = flight or InFlight()
        """Pictures on their way to the page."""
        self.requests: dict[str, int] = {}
        """Number of the request that the latest result of each trait is of."""
        self.holds = False
        """Whether the last updates left a new picture behind, for want of room."""
        self.left: list[str] = []
        """The traits of all new pictures that the last updates left behind, after a cancel, too."""
        self._throttle = Throttle(interval)

    @property
    def latest(self) -> Findings:
        """The latest of each result."""
        return self.gathered.latest

    def updates(
        self, news: News, flush: bool, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[str, Payload | None]]:
        """Each trait that is to be set now, with its value.

        Args:
            news: What was found.
            flush: Whether nothing new may be held back, but for pictures while one is on its way.
            cancelled: Whether nobody wants pictures any more.
        """
        states = {topic: topic.shows(news) for topic in TOPICS if topic.asked(news.controls)}
        # known before any trait is set, for an observer of it may close the explorer
        kept = {}
        for topic in TOPICS:
            if topic not in states:
                fields: dict[str, Any] = dict.fromkeys(topic.keeps(news.found))
            elif states[topic][0] is not None and (fields := topic.keeps(news.found)):
                self.requests[topic.trait] = news.request
            else:
                continue
            kept[topic.trait] = Kept(fields, news.controls, topic.rests_on)
        self.gathered.take(kept, news.controls)
        late, self.holds, self.left = self.flight.late, False, []
        for topic in self._in_order():
            if topic not in states:
                yield topic.trait, None
                continue
            result, *others = states[topic]
            state = (news.request, result, *others)
            if result is None:
                continue
            unwanted = cancelled()
            if topic.drawn and (unwanted or not (late or self.flight.free)):
                if self._throttle.is_new(topic.trait, state):
                    self.left.append(topic.trait)
                    self.holds = self.holds or not unwanted
            elif self._throttle.due(topic.trait, state, flush):
                payload = topic.payload(news)
                if topic.drawn:
                    payload, late = payload | {"sent": self.flight.send()}, False
                yield topic.trait, payload

    def _in_order(self) -> list[Topic]:
        """The topics, of which pictures take each other's places by how long they have waited."""
        waiting = sorted(
            filter(lambda topic: topic.drawn, TOPICS), key=lambda t: self._throttle.passed(t.trait)
        )
        pictures = iter(waiting)
        return [next(pictures) if topic.drawn else topic for topic in TOPICS]


def gathered_of(found: Findings, controls: Controls) -> Gathered:
    """What a file holds, as if it had just been found."""
    gathered = Gathered()
    kept = {topic.trait: Kept(topic.keeps(found), controls, topic.rests_on) for topic in TOPICS}
    gathered.take(kept, controls)
    return gathered
