"""The state that page and kernel share: controls, which a person sets, and what the kernel answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets as t

from landscape_widget.explorer.page import bundled, hold_weakly_in_scripts
from landscape_widget.explorer.points import Points
from landscape_widget.explorer.worker import ObservedLock
from landscape_widget.loss.batch_norm import MODES
from landscape_widget.numerics.checks import check_integer, check_seed
from landscape_widget.planes.directions import check_axes
from landscape_widget.planes.splits import SPLITS, check_split
from landscape_widget.planes.surface import check_domain, check_resolution
from landscape_widget.study.study import Controls, Study

#: The page holds integers up to this.
_LARGEST_SEED = 2**53 - 1

#: Random projections of one histogram.
_MOST_SAMPLES = 1_000_000

CONTROLS = (
    "axes",
    "seed",
    "domain",
    "resolution",
    "examples",
    "samples",
    "face",
    "batch_norm",
    "split",
    "compared_axes",
    "compared_domain",
    "compared_split",
)


class SharedState(anywidget.AnyWidget):
    """An explorer's traits, of which the page writes the controls and the kernel all others."""

    # a subclass makes both before it sets any trait
    _lock: ObservedLock
    _points: Points

    # as text: a file would keep every widget alive, since anywidget has it tell them of changes
    _esm = bundled("explorer.js").read_text(encoding="utf-8")
    _page = anywidget.WidgetTrait().tag(sync=True)
    _runtime = anywidget.WidgetTrait().tag(sync=True)

    axes = t.Any(("hessian:max", "hessian:min")).tag(sync=True)
    """Directions of α and β: "hessian:max", "hessian:max:2" …, "hessian:min" …, "random", "random:filter"."""
    seed = t.Int(0, min=0).tag(sync=True)
    """Seed of random directions."""
    domain = t.Any(None, allow_none=True).tag(sync=True)
    """(α min, α max, β min, β max) in units of the directions; None: chosen by the kernel."""
    resolution = t.Int(51).tag(sync=True)
    """Nodes for each axis, odd."""
    examples = t.Int(1).tag(sync=True)
    """Number of examples that the loss is averaged over."""
    batch_norm = t.Enum(MODES, "frozen").tag(sync=True)
    """Batch-norm statistics in the pictures: "frozen", "recomputed" at every point, or the "difference"."""
    split = t.Enum(SPLITS, "train").tag(sync=True)
    """What the loss in the picture is on: "train", "test", or the "difference" test − training."""
    compared_axes = t.Any(None, allow_none=True).tag(sync=True)
    """Directions of a second picture beside the first; None: those of the first."""
    compared_domain = t.Any(None, allow_none=True).tag(sync=True)
    """Domain of a second plane; None: chosen by the kernel."""
    compared_split = t.Enum(SPLITS, None, allow_none=True).tag(sync=True)
    """Data of the second picture; None: those of the first. Without ``compared_axes``, too, there is none."""
    samples = t.Int(100, min=1)
    """Random projections in the curvature histogram."""

    face = t.Enum(("projections", "spectrum", "trace"), "projections").tag(sync=True)
    """Face of the curvature panel; what it shows is computed first, the trace only for its own face."""

    status = t.Enum(("idle", "computing", "done", "cancelled", "failed"), "idle").tag(sync=True)
    """What the kernel does; written by the kernel."""
    error = t.Unicode("").tag(sync=True)
    """Message of the last failure; written by the kernel."""
    progress = t.Dict().tag(sync=True)
    """request, stage, fraction, eta (seconds) and elapsed; written by the kernel."""

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

    @t.validate(
        "axes",
        "seed",
        "domain",
        "resolution",
        "examples",
        "samples",
        "batch_norm",
        "split",
        "compared_axes",
        "compared_domain",
        "compared_split",
    )
    def _valid_control(self, proposal: Any) -> Any:
        objective, test = self._study.objective, self._study.test
        value, name = proposal.value, proposal.trait.name
        if value is None and name in ("domain", "compared_axes", "compared_domain", "compared_split"):
            return None
        checks: dict[str, Callable[[], Any]] = {
            "axes": lambda: check_axes(value, objective),
            "domain": lambda: check_domain(value),
            "resolution": lambda: check_resolution(value),
            "examples": lambda: objective.check_examples(check_integer(value, "examples")),
            "seed": lambda: check_seed(value, most=_LARGEST_SEED),
            "samples": lambda: check_integer(value, "samples", 1, _MOST_SAMPLES),
            "batch_norm": lambda: objective.check_batch_norm(value),
            "split": lambda: check_split(value, test),
        }
        try:
            return checks[name.removeprefix("compared_")]()
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

    def _chosen(self) -> Controls:
        """The controls as they stand."""
        return Controls(**{name: getattr(self, name) for name in CONTROLS})
