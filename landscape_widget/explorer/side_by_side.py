"""Explorers of several models, of whatever shapes, side by side on one scale, with a table of curvature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from threading import Lock, local
from typing import Any
from uuid import uuid4

import ipywidgets
import traitlets as t

from landscape_widget.explorer.explorer import LandscapeExplorer
from landscape_widget.explorer.mailbox import Request
from landscape_widget.numerics.checks import told
from landscape_widget.planes.grid import Domain
from landscape_widget.results.comparison import Comparison
from landscape_widget.study.along import comparison_of, found_at
from landscape_widget.study.at_checkpoint import AtCheckpoint

#: Controls that all of them share, as far as each can take them.
SHARED = (
    "axes",
    "seed",
    "domain",
    "resolution",
    "accuracy",
    "samples",
    "face",
    "batch_norm",
    "split",
    "equal_axes",
)

#: What is said of what is none.
_NAMED = "Expected explorers by names, such as {'with shortcuts': explorer, 'without': other}"


class SideBySide(ipywidgets.VBox):  # type: ignore[misc]
    """Shows explorers beside each other, of models with other parameters, too.

    On the page they share camera, colours and heights, and how losses are shown. A control that is set in one
    of them is set in the others, the last one in all; what another cannot take, such as an axis toward a
    solution, stays as it is there. One that is set beside others later follows those alone. Where nobody
    chose a domain, each first finds its own, and then all reach as far as the farthest.
    Below stands a table of loss and curvature at each θ*.
    """

    explorers: Mapping[str, LandscapeExplorer] = {}
    """The explorers by their names."""

    def __init__(self, explorers: Mapping[str, LandscapeExplorer]) -> None:
        """Gives all of them the controls of the first one; computes nothing before they are shown.

        Args:
            explorers: Two explorers or more by the names that they are to have.

        Raises:
            TypeError: For anything else.
            ValueError: For fewer than two, one that is named twice, or an empty name.
        """
        if not isinstance(explorers, Mapping) or not all(
            isinstance(one, LandscapeExplorer) for one in explorers.values()
        ):
            raise TypeError(f"{_NAMED}, got {told(explorers)}.")
        for name in explorers:
            if not isinstance(name, str):
                raise TypeError(f"{_NAMED}, got {told(name)} as a name.")
            if not name.strip():
                raise ValueError(f"{_NAMED}, got {told(name)} as a name.")
        if len({*map(id, explorers.values())}) < max(2, len(explorers)):
            raise ValueError(f"Expected two explorers or more, each once, got {told([*explorers])}.")
        self.explorers = dict(explorers)
        self._wanted: dict[str, list[Any]] = {}  # in a list of its own each, which tells one from the next
        self._choosing = Lock()
        self._following = local()
        self._united: Domain | None = None
        self._table = ipywidgets.HTML()
        first, *others = self.explorers.values()
        self._group = uuid4().hex
        for name, explorer in self.explorers.items():
            explorer._group, explorer._label = self._group, name
        for other in others:
            for name in SHARED:
                with suppress(t.TraitError):
                    setattr(other, name, getattr(first, name))
        for explorer in self.explorers.values():
            explorer.observe(self._share, SHARED)
            explorer.observe(self._unite, "surface")
            explorer.observe(self._tabulate, ["eigenpairs", "evolution"])
        width = f"{100 / len(self.explorers):.4g}%"
        columns = [
            ipywidgets.VBox([ipywidgets.Label(name), explorer], layout={"width": width})
            for name, explorer in self.explorers.items()
        ]
        super().__init__([ipywidgets.HBox(columns), self._table])
        self._tabulate()

    @property
    def comparison(self) -> Comparison:
        """Loss, ‖∇L‖, λmax, λmin, tr(H) and verdict at each θ*, a row for each; NaN for what is not known."""
        found = [_found(explorer) for explorer in self.explorers.values()]
        provenance = {name: one.objective.provenance("comparison") for name, one in self._open().items()}
        return comparison_of([*self.explorers], found, provenance)

    def compute(self) -> SideBySide:
        """Computes what the controls ask for in all of them, and returns when it is done.

        Raises:
            RuntimeError: As ``LandscapeExplorer.compute``.
        """
        computed: tuple[object, ...] | None = None
        while computed != (controls := tuple(one._chosen() for one in self.explorers.values())):
            computed = controls
            for explorer in self.explorers.values():
                explorer.compute()
            self._settle()
        for explorer in self.explorers.values():
            _wait_for_all(explorer)
        return self

    def close(self) -> None:
        """Closes all explorers, and what shows them."""
        for explorer in self.explorers.values():
            explorer.close()
        super().close()

    def _open(self) -> dict[str, LandscapeExplorer]:
        return {name: one for name, one in self.explorers.items() if not one._worker.closed}

    def _members(self) -> list[LandscapeExplorer]:
        """The explorers, without those that others have been set beside since."""
        return [one for one in self.explorers.values() if one._group == self._group]

    def _settle(self) -> None:
        """Waits until what was set in one is set in the others."""
        for errand in [self._errand(explorer) for explorer in self.explorers.values()]:
            if errand is not None:  # after all that wait already
                errand.done.wait()

    def _errand(self, explorer: LandscapeExplorer, name: str = "") -> Request | None:
        """Has an explorer follow on its own thread: nobody ever holds the locks of two of them."""

        def job() -> Iterator[None]:
            if name:
                self._follow(explorer, name)
            yield

        with suppress(RuntimeError):  # it is closed
            return explorer._worker.errand(job)
        return None

    def _want(self, name: str, value: Any, since: object = ...) -> bool:
        """Has all of them take a value, unless another one was wanted ``since`` the one that is given."""
        with self._choosing:
            if since is not ... and self._wanted.get(name) is not since:
                return False
            self._wanted[name] = [value]
        for explorer in self._members():  # its own, too: it may be following an older one just now
            self._errand(explorer, name)
        return True

    def _follow(self, explorer: LandscapeExplorer, name: str) -> None:
        """Sets a control to what is wanted by now, which is no change for the others to follow."""
        with explorer._lock, suppress(t.TraitError):  # what it cannot take stays as it is there
            (value,) = self._wanted[name]
            self._following.change = explorer, name, value
            try:
                if getattr(explorer, name) != value:
                    setattr(explorer, name, value)
            finally:
                self._following.change = None

    def _share(self, change: Any) -> None:
        name, value, explorer = change["name"], change["new"], change["owner"]
        following = getattr(self._following, "change", None)
        if following == (explorer, name, value) or explorer._group != self._group:
            return
        if name == "axes" and self._united is not None and explorer.domain == self._united:
            self._united = None
            self._want("domain", None)  # other axes have other units
        self._want(name, value)

    def _unite(self, _: Any) -> None:
        """Once each has found a domain of its own, has all of them reach as far as the farthest."""
        while True:
            since, own = self._wanted.get("domain"), [_automatic(explorer) for explorer in self._members()]
            domains = [domain for domain in own if domain is not None]
            if not domains or len(domains) < len(own):
                return
            low_a, high_a, low_b, high_b = zip(*domains, strict=True)
            self._united = min(low_a), max(high_a), min(low_b), max(high_b)
            if self._want("domain", self._united, since):
                return

    def _tabulate(self, _: Any = None) -> None:
        table = self.comparison._repr_html_()
        for cell in ("<th", "<td"):  # which have no room of their own in the output of a widget
            table = table.replace(f"{cell}>", f'{cell} style="padding: 0 8px; text-align: right">')
        self._table.value = table


def _wait_for_all(explorer: LandscapeExplorer) -> None:
    """Returns when an explorer has found what the table asks for, too."""
    explorer._wait_while(lambda: [explorer._request, explorer._pastime])


def _automatic(explorer: LandscapeExplorer) -> Domain | None:
    """The domain that an explorer has chosen for the axes it is asked for; None while it has not."""
    gathered = explorer._publisher.gathered
    surface, controls = gathered.together.surface, gathered.controls
    if explorer.domain is not None or surface is None or gathered.together.preview:
        return None
    if controls is None or controls.domain is not None or controls.axes != explorer.axes:
        return None
    ends = (surface.alpha[0], surface.alpha[-1], surface.beta[0], surface.beta[-1])
    a0, a1, b0, b1 = map(float, ends)
    return a0, a1, b0, b1


def _found(explorer: LandscapeExplorer) -> AtCheckpoint | None:
    try:
        return found_at(explorer._study.centre, explorer.examples)
    except RuntimeError:  # it is closed
        return None
