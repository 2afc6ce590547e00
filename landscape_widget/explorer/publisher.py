"""Which result goes to the page in which trait: a table of topics, and how often each is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from landscape_widget.explorer.gathered import Gathered, Kept, of_picture
from landscape_widget.explorer.in_flight import InFlight
from landscape_widget.export.news import PAYLOADS, News
from landscape_widget.export.payloads import Payload
from landscape_widget.results.lines import SOLUTIONS
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.progress import Throttle


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
    keeps: Callable[[Findings], dict[str, Any]]
    """The fields of the latest findings that it sets."""
    announces: tuple[str, ...]
    """Names of the explorer's results of which observers hear when it is sent."""
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
        _first_picture,
        ("surface", "plane", "surfaces", "quadratic"),
        rests_on=of_picture,
    ),
    Topic(
        "_compared",
        lambda n: (n.found.compared, n.found.pairs, n.found.quadratic, n.found.around),
        _fields("compared", "around"),
        ("compared", "surfaces", "comparison"),
        lambda controls: controls.compared() is not None,
        rests_on=of_picture,
    ),
    Topic(
        "_landmarks",
        lambda n: (n.found.landmarks, n.found.compared_landmarks),
        _fields("landmarks", "compared_landmarks"),
        ("landmarks", "compared_landmarks"),
    ),
    Topic(
        "_line_losses",
        lambda n: (n.found.line_losses,),
        _fields("line_losses"),
        ("line_losses",),
        lambda controls: controls.lines is not None,
        rests_on=lambda c: (c.lines, c.examples, c.batch_norm, c.lines != SOLUTIONS and c.seed),
    ),
    Topic(
        "_eigenpairs",
        # the verdict's sentence grows with what is known of planes; with the first comes the domain on show
        lambda n: (
            *(n.found.pairs, n.found.quadratic, n.found.projections, n.found.blindness, n.found.plane),
            n.found.turns,
        ),
        _certified,
        ("eigenpairs",),
        drawn=False,
    ),
    Topic(
        "_projections",
        # those of former planes wait for the curvatures of this one, which stand beside them
        lambda n: (n.found.quadratic and n.found.projections, n.found.quadratic, n.found.blindness),
        _fields("projections", "blindness"),
        ("projections", "blindness"),
    ),
    Topic(
        "_spectrum",
        lambda n: (n.found.density, n.found.blindness),
        _fields("density"),
        ("density", "blindness"),
    ),
    Topic(
        "_trace",
        _traces,
        _fields("traces"),
        ("traces",),
    ),
    Topic(
        "progress",
        lambda n: (n.elapsed,),
        _at_centre,
        (),
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
                payload = PAYLOADS[topic.trait](news)
                if topic.drawn:
                    payload, late = payload | {"sent": self.flight.send()}, False
                yield topic.trait, payload

    def forget_sent(self) -> None:
        """The page has nothing any more: all is to be sent again."""
        self._throttle.forget()

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
