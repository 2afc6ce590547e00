"""The state that page and kernel share: controls, which a person sets, and what the kernel answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from threading import RLock
from typing import Any, TypeVar

import anywidget
import traitlets as t

from landscape_widget.explorer.page import bundled, hold_weakly_in_scripts
from landscape_widget.explorer.points import Points
from landscape_widget.loss.batch_norm import MODES
from landscape_widget.numerics.checks import check_integer, check_seed
from landscape_widget.planes.directions import check_axes
from landscape_widget.planes.splits import SPLITS, check_split
from landscape_widget.planes.surface import check_domain, check_resolution
from landscape_widget.study.controls import Controls
from landscape_widget.study.study import Study

Trait = TypeVar("Trait", bound=t.TraitType[Any, Any])

#: The page holds integers up to this.
_LARGEST_SEED = 2**53 - 1

#: Random projections of one histogram.
_MOST_SAMPLES = 1_000_000

#: Names of all controls. A control is a field of the study's ``Controls`` and a trait of the same name here.
CONTROLS = tuple(field.name for field in fields(Controls))

#: Makes of a value what the control becomes; raises a ValueError for one that the study cannot take.
Check = Callable[[Any, Study], Any]


def _control(trait: Trait, check: Check, sync: bool = True) -> Trait:
    """A trait that the user sets, and the page where it is synced."""
    return trait.tag(sync=sync, check=check)


def _or_none(check: Check) -> Check:
    return lambda value, study: None if value is None else check(value, study)


def _axes(value: Any, study: Study) -> Any:
    return check_axes(value, study.objective)


def _domain(value: Any, _: Study) -> Any:
    return check_domain(value)


def _split(value: Any, study: Study) -> Any:
    return check_split(value, study.test)


class SharedState(anywidget.AnyWidget):
    """An explorer's traits, of which the page writes the controls and the kernel all others."""

    # a subclass makes it before it sets any trait
    _points: Points

    # as text: a file would keep every widget alive, since anywidget has it tell them of changes
    _esm = bundled("explorer.js").read_text(encoding="utf-8")
    _page = anywidget.WidgetTrait().tag(sync=True)
    _runtime = anywidget.WidgetTrait().tag(sync=True)

    axes = _control(t.Any(("hessian:max", "hessian:min")), _axes)
    """Directions of α and β: "hessian:max", "hessian:max:2" …, "hessian:min" …, "random", "random:filter"."""
    seed = _control(t.Int(0, min=0), lambda value, _: check_seed(value, most=_LARGEST_SEED))
    """Seed of random directions."""
    domain = _control(t.Any(None, allow_none=True), _or_none(_domain))
    """(α min, α max, β min, β max) in units of the directions; None: chosen by the kernel."""
    resolution = _control(t.Int(51), lambda value, _: check_resolution(value))
    """Nodes for each axis, odd."""
    examples = _control(
        t.Int(1), lambda value, study: study.objective.check_examples(check_integer(value, "examples"))
    )
    """Number of examples that the loss is averaged over."""
    samples = _control(
        t.Int(100, min=1), lambda value, _: check_integer(value, "samples", 1, _MOST_SAMPLES), sync=False
    )
    """Random projections in the curvature histogram; the page has no control for it."""
    face = _control(t.Enum(("projections", "spectrum", "trace"), "projections"), lambda value, _: value)
    """Face of the curvature panel; what it shows is computed first, the trace only for its own face."""
    batch_norm = _control(
        t.Enum(MODES, "frozen"), lambda value, study: study.objective.check_batch_norm(value)
    )
    """Batch-norm statistics in the pictures: "frozen", "recomputed" at every point, or the "difference"."""
    split = _control(t.Enum(SPLITS, "train"), _split)
    """What the loss in the picture is on: "train", "test", or the "difference" test − training."""
    compared_axes = _control(t.Any(None, allow_none=True), _or_none(_axes))
    """Directions of a second picture beside the first; None: those of the first."""
    compared_domain = _control(t.Any(None, allow_none=True), _or_none(_domain))
    """Domain of a second plane; None: chosen by the kernel."""
    compared_split = _control(t.Enum(SPLITS, None, allow_none=True), _or_none(_split))
    """Data of the second picture; None: those of the first. Without ``compared_axes``, too, there is none."""

    status = t.Enum(("idle", "computing", "done", "cancelled", "failed"), "idle").tag(sync=True)
    """What the kernel does; written by the kernel."""
    error = t.Unicode("").tag(sync=True)
    """Message of the last failure; written by the kernel."""
    progress = t.Dict().tag(sync=True)
    """request, stage, fraction, eta (seconds), elapsed, parts with their eta; written by the kernel."""

    _info = t.Dict().tag(sync=True)
    _surface = t.Instance(dict, allow_none=True).tag(sync=True)
    _compared = t.Instance(dict, allow_none=True).tag(sync=True)
    _eigenpairs = t.Instance(dict, allow_none=True).tag(sync=True)
    _projections = t.Instance(dict, allow_none=True).tag(sync=True)
    _spectrum = t.Instance(dict, allow_none=True).tag(sync=True)
    _trace = t.Instance(dict, allow_none=True).tag(sync=True)
    _pins = t.Dict().tag(sync=True)

    @property
    def _study(self) -> Study:
        return self._points.study

    @t.validate(*CONTROLS)
    def _valid_control(self, proposal: Any) -> Any:
        check: Check = proposal.trait.metadata["check"]
        try:
            return check(proposal.value, self._study)
        except ValueError as error:
            raise t.TraitError(str(error)) from None

    def open(self) -> None:
        """Makes the widget known to the page."""
        super().open()
        self._own_layout = self.layout  # ipywidgets makes it for each widget and never closes it
        hold_weakly_in_scripts(self, self.layout)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes the controls from the page; everything else is the kernel's to write."""
        with self._lock:
            super().set_state({name: v for name, v in sync_data.items() if name in CONTROLS})

    @property
    def _lock(self) -> RLock:
        """The lock under which traits are set; a subclass has it."""
        raise NotImplementedError

    def _chosen(self) -> Controls:
        """The controls as they stand."""
        return Controls(**{name: getattr(self, name) for name in CONTROLS})
