"""The state that page and kernel share: controls, which a person sets, and what the kernel answers."""

from __future__ import annotations

from dataclasses import Field, fields
from threading import RLock
from typing import Any

import anywidget
import traitlets as t

from landscape_widget.explorer.page import ExplorerPage, PlotlyRuntime, Sent, shared
from landscape_widget.explorer.points import Points
from landscape_widget.explorer.view_options import check_view
from landscape_widget.export.bundle import bundled
from landscape_widget.numerics.checks import check_choice
from landscape_widget.study.controls import Controls
from landscape_widget.study.study import Study

#: Names of all controls. A control is a field of the study's ``Controls`` and a trait of the same name here.
CONTROLS = tuple(control.name for control in fields(Controls))


def _trait(control: Field[Any]) -> t.TraitType[Any, Any]:
    """The trait that a control becomes."""
    default: Any = control.default
    declared = control.metadata
    options: dict[str, Any] = {"allow_none": default is None}
    # a trait of its own type would refuse values with messages in another style than the checks'
    trait: t.TraitType[Any, Any] = t.Any(default, **options)
    trait.allow_none = default is None  # any other ``Any`` takes None without a check
    return trait.tag(sync=declared["synced"], check=declared["check"], values=declared["values"])


#: The traits of all controls.
_ControlTraits: Any = type("_ControlTraits", (t.HasTraits,), {c.name: _trait(c) for c in fields(Controls)})


class SharedState(Sent, _ControlTraits):  # type: ignore[misc] # a base that is made
    """An explorer's traits, of which the page writes the controls and the kernel all others."""

    # a subclass makes it before it sets any trait
    _points: Points

    _judge: Study | None = None
    """What tells which controls can be had, if not the present study: one that is about to take its place."""

    _esm = bundled("explorer.js").read_text(encoding="utf-8")
    _css = ""  # every explorer has its own, which hides its still picture in documents where it is itself
    _page = anywidget.WidgetTrait().tag(sync=True)
    _runtime = anywidget.WidgetTrait().tag(sync=True)

    status = t.Enum(("idle", "computing", "done", "cancelled", "failed"), "idle").tag(sync=True)
    """What the kernel does; written by the kernel."""
    error = t.Unicode("").tag(sync=True)
    """Why the last computation failed, or the page's last choice was refused; written by the kernel."""
    progress = t.Dict().tag(sync=True)
    """request, stage, fraction, eta (seconds), elapsed, parts with their eta; written by the kernel."""

    view = t.Any().tag(sync=True)
    view.allow_none = False
    """How pages show losses at first, as ``view_options`` has it; each may change it for itself."""

    _group = t.Unicode("").tag(sync=True)
    """Explorers with one name here share cameras and scale on the page; "" for one that is alone."""

    _info = t.Dict().tag(sync=True)
    _surface = t.Instance(dict, allow_none=True).tag(sync=True)
    _compared = t.Instance(dict, allow_none=True).tag(sync=True)
    _landmarks = t.Instance(dict, allow_none=True).tag(sync=True)
    _line_losses = t.Instance(dict, allow_none=True).tag(sync=True)
    _eigenpairs = t.Instance(dict, allow_none=True).tag(sync=True)
    _projections = t.Instance(dict, allow_none=True).tag(sync=True)
    _spectrum = t.Instance(dict, allow_none=True).tag(sync=True)
    _trace = t.Instance(dict, allow_none=True).tag(sync=True)
    _pins = t.Dict().tag(sync=True)

    @t.default("view")
    def _usual_view(self) -> dict[str, Any]:
        return {}

    # the layout is the first of an explorer's widgets that is open
    @t.default("_page")
    def _session_page(self) -> ExplorerPage:
        return shared(ExplorerPage, self.layout)

    @t.default("_runtime")
    def _session_runtime(self) -> PlotlyRuntime:
        return shared(PlotlyRuntime, self.layout)

    @property
    def _study(self) -> Study:
        return self._points.study

    @t.validate(*CONTROLS)
    def _valid_control(self, proposal: Any) -> Any:
        if proposal.value is None and proposal.trait.default_value is None:
            return None
        study, declared = self._judge or self._study, proposal.trait.metadata
        check, values = declared["check"], declared["values"]
        try:
            if values:
                check_choice(proposal.value, values, proposal.trait.name)
            return check(proposal.value, study.centre)
        except ValueError as error:
            raise t.TraitError(str(error)) from None

    @t.validate("view")
    def _valid_view(self, proposal: Any) -> dict[str, Any]:
        try:
            return check_view(proposal.value)
        except ValueError as error:
            raise t.TraitError(str(error)) from None

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes the controls from the page; everything else is the kernel's to write.

        Where one is refused none is taken: the page gets all of them back as they stand, and is told why.

        Raises:
            traitlets.TraitError: For a control that is refused.
        """
        asked = {name: value for name, value in sync_data.items() if name in CONTROLS}
        with self._lock:
            try:
                super().set_state(asked)
            except t.TraitError as error:
                self.send_state([*asked])
                self.error = str(error)
                raise

    @property
    def _lock(self) -> RLock:
        """The lock under which traits are set; a subclass has it."""
        raise NotImplementedError

    def _chosen(self) -> Controls:
        """The controls as they stand."""
        return Controls(**{name: getattr(self, name) for name in CONTROLS})
