"""LandscapeExplorer: the traits that page and kernel share, and their wiring to the study."""

from __future__ import annotations

import difflib
import inspect
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import RLock
from time import monotonic
from typing import Any

import anywidget
import plotly.graph_objects as go
import torch
import traitlets as t
from torch import nn

from landscape_widget import wire
from landscape_widget.batch_norm import MODES
from landscape_widget.bundle import Results
from landscape_widget.checks import check_integer, check_seed
from landscape_widget.directions import check_axes
from landscape_widget.held_out import SPLITS, check_split
from landscape_widget.objective import Objective
from landscape_widget.pins import Pictures, Points
from landscape_widget.points import Pin, check_coordinates, place_words
from landscape_widget.progress import Throttle
from landscape_widget.quadratic import QuadraticModel
from landscape_widget.recipe import given_arguments, recipe
from landscape_widget.results import (
    EigenPairs,
    Plane,
    ProjectedCurvatures,
    SaddleBlindness,
    ScoreTable,
    SpectralDensity,
    Surface,
    TraceEstimate,
)
from landscape_widget.runtime import ExplorerPage, PlotlyRuntime, bundled, hold_weakly_in_scripts, shared
from landscape_widget.saving import load_run, save_run
from landscape_widget.scheduler import CLOSED, Request, Worker, others_wait, stay_at_the_end
from landscape_widget.selfcheck import SecondDerivativeError
from landscape_widget.study import Controls, Findings, Picture, Study
from landscape_widget.surface import check_domain, check_resolution
from landscape_widget.threads import leave_a_core_free
from landscape_widget.vectors import FloatArray
from landscape_widget.weights import Weights

log = logging.getLogger(__name__)

#: Least seconds between two updates of one result: above about ten messages a second pages fall behind.
UPDATE_INTERVAL = 0.15

#: The page holds integers up to this.
_LARGEST_SEED = 2**53 - 1

#: Random projections of one histogram.
_MOST_SAMPLES = 1_000_000

_CONTROLS = (
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


class LandscapeExplorer(anywidget.AnyWidget):
    """Explores L(θ* + αη + βδ) of a PyTorch model in a notebook.

    Nothing is computed until it is shown or ``compute()`` is called. From then on every change of a
    control starts a computation in the background, and the newest one wins. Results are read as
    ``surface``, ``plane``, ``eigenpairs`` and ``projections``.
    """

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

    def __init__(
        self,
        model: nn.Module | Objective,
        data: Any = None,
        loss_fn: Callable[..., torch.Tensor] | None = None,
        *,
        test_loader: Any = None,
        **options: Any,
    ) -> None:
        """Reads the data and checks model and loss; computes nothing else.

        Args:
            model: A model, whose present weights are θ*; or an ``Objective``, and then nothing but
                ``test_loader`` and controls may follow.
            data: As for ``Objective``.
            loss_fn: As for ``Objective``.
            test_loader: Data held out for testing, of the same kinds as ``data``.
            **options: Controls (``axes``, ``seed``, ``domain``, ``resolution``, ``examples``,
                ``samples``, ``face``, ``batch_norm``, ``split``, ``compared_axes``, ``compared_domain``,
                ``compared_split``) and keywords of ``Objective`` (``metrics``, ``device``, ``dtype``,
                ``max_examples``, ``parameters``, ``mode``).

        Raises:
            TypeError: For an unknown keyword, or what ``Objective`` raises.
            ValueError: What ``Objective`` raises.
            traitlets.TraitError: For a control out of its range.
        """
        controls = {name: options.pop(name) for name in _CONTROLS if name in options}
        objective = _objective(model, data, loss_fn, options)
        names = ("objective",) if isinstance(model, Objective) else ("model", "data", "loss_fn")
        held_out = {} if test_loader is None else {"test_loader": test_loader}
        self._given = given_arguments(names, options | held_out)
        self._worker = Worker("landscape-explorer", self._on_end, leave_a_core_free)
        self._points = Points(
            objective,
            Weights(model, objective.layout) if isinstance(model, nn.Module) and objective.layout else None,
            self._worker.errand,
            self._send_pins,
            _test_objective(objective, test_loader, options.get("max_examples")),
        )
        self._best = Findings()
        self._request: Request | None = None
        self._number = 0
        self._taking = False
        self._throttle = Throttle(UPDATE_INTERVAL)
        super().__init__(
            _page=shared(ExplorerPage),
            _runtime=shared(PlotlyRuntime),
            _info=wire.info(objective, self._study.theta_norm, self._study.test),
            _pins=self._points.payload(),
            **{"examples": objective.n_examples, **controls},
        )
        self.on_msg(self._on_message)
        self.observe(self._on_control, names=list(_CONTROLS))

    @property
    def _lock(self) -> RLock:
        """Handlers may run on another thread than the worker; both set traits under this lock."""
        return self._worker.lock

    @property
    def _study(self) -> Study:
        return self._points.study

    @property
    def objective(self) -> Objective:
        """The loss as a function of θ, over all examples; its θ* is the present centre."""
        return self._study.objective

    @property
    def surface(self) -> Surface | None:
        """The latest loss surface, None while there is none."""
        return self._best.surface

    @property
    def plane(self) -> Plane | None:
        """The plane that ``surface`` lies on."""
        return self._best.plane

    @property
    def quadratic(self) -> QuadraticModel | None:
        """The loss to second order in that plane, a function of α and β."""
        return self._best.quadratic

    @property
    def surfaces(self) -> Mapping[str, Surface]:
        """Surfaces of that plane by their split, "train" and "test", as far as a picture shows them."""
        second = self._best.compared
        beside = second.surfaces if second is not None and self.compared_axes is None else {}
        return {**beside, **self._best.surfaces}

    @property
    def compared(self) -> Picture | None:
        """The second picture, None unless ``compared_axes`` or ``compared_split`` asks for one."""
        return self._best.compared

    @property
    def eigenpairs(self) -> EigenPairs | None:
        """Certified eigenpairs of the Hessian, None while there are none."""
        return self._best.pairs

    @property
    def projections(self) -> ProjectedCurvatures | None:
        """Curvatures of random projections so far."""
        return self._best.projections

    @property
    def density(self) -> SpectralDensity | None:
        """Spectral density of the Hessian so far."""
        return self._best.density

    @property
    def traces(self) -> Mapping[str, Sequence[TraceEstimate]] | None:
        """Running estimates of tr(H) by method, None unless the face "trace" was on show."""
        return self._best.traces

    @property
    def blindness(self) -> SaddleBlindness | None:
        """Probability that a random plane hides the saddle, measured and predicted."""
        return self._best.blindness

    @property
    def results(self) -> Results:
        """All of the latest results in one object that needs no model."""
        with self._lock:
            return Results.of(self._best, self._chosen())

    def figure(self, kind: str = "surface", *, log: bool = False) -> go.Figure:
        """A plotly figure fit for a paper, see ``Results.figure``."""
        return self.results.figure(kind, log=log)

    def to_html(self, path: str | os.PathLike[str], title: str = "Loss landscape") -> None:
        """Writes a page of all figures for readers without a kernel, see ``Results.to_html``."""
        self.results.to_html(path, title)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes controls, results, pins and every point evaluated so far to one npz file.

        It may be asked for while it computes.

        Args:
            path: Replaced where it exists, once the new file is complete.

        Raises:
            OSError: If the file cannot be written; then ``path`` is what it was before.
        """
        with self._lock:
            results, study, pins = self.results, self._study, self._points.memory()
        save_run(path, results, study, pins)

    def load(self, path: str | os.PathLike[str]) -> LandscapeExplorer:
        """Goes on from what ``save`` wrote; nothing in the file is evaluated again.

        Controls, results and pins become those of the file. A computation that runs is replaced; one that the
        file holds half way is finished by ``compute()``, or at once where the explorer is on show.

        Args:
            path: A file that was saved of the same model, data and loss.

        Whatever goes wrong, nothing changes.

        Raises:
            OSError: If the file cannot be opened.
            ValueError: If it is no regular file, damaged, of a later version, of another objective, or holds
                what an explorer does not write.
            RuntimeError: If an observer or another thread moves the centre meanwhile, loads, or closes.
        """
        here = self._study
        results, study, pins = load_run(path, here.objective, here.test)
        with self._lock:
            controls, best, request = self._chosen(), self._best, self._request
            self._check_unmoved(here)
            try:
                self._take_controls(results.controls)
                self._check_unmoved(here)
                with self._points.resuming(study, pins):
                    self._best = results.findings()
                    if request is not None:
                        self._submit()
            except BaseException:
                if self._unmoved(here):
                    self._best = best
                    self._take_controls(controls)
                    if self._request is not request:
                        self._submit()
                raise
        return self

    def compute(self) -> LandscapeExplorer:
        """Computes what the controls ask for and returns when it is done.

        Raises:
            RuntimeError: If the computation fails, with the cause chained, or is cancelled; if the explorer
                is closed meanwhile; inside an observer, which the computation would wait for.
            KeyboardInterrupt: On an interrupt of the kernel; the computation is cancelled.
        """
        if others_wait():
            raise RuntimeError(
                "Expected compute() outside of observers and of what an explorer calls, got it inside: it "
                "would wait for itself. Call it in a thread of its own, "
                "threading.Thread(target=explorer.compute).start(), or set a control, which does not wait."
            )
        try:
            request = self._submit()
            while not (self._worker.closed or (request.done.is_set() and request is self._request)):
                request = self._request or request  # a control moved on the page starts another one
                request.done.wait(0.1)  # in slices, or an interrupt would wait for the end
        except KeyboardInterrupt:
            self.cancel()
            raise
        if self._worker.closed:
            stay_at_the_end()
            raise RuntimeError(f"The computation was not finished. {CLOSED}")
        if request.error is not None:
            raise RuntimeError(f"The landscape could not be computed: {self.error}") from request.error
        if request.cancelled:
            raise RuntimeError("The computation was cancelled.")
        return self

    @property
    def pins(self) -> tuple[Pin, ...]:
        """The points that were pinned, with what is known of them."""
        return self._points.pins

    def pin(self, alpha: float, beta: float) -> Pin:
        """Marks a point of the plane and has loss, metrics, gradient norm and Hessian computed there.

        Raises:
            RuntimeError: If no plane is there yet.
            ValueError: For coordinates that are not finite.
        """
        with self._lock:
            return self._points.add(self._shown_plane(), alpha, beta)

    def unpin(self, number: int) -> None:
        """Removes a pin.

        Raises:
            KeyError: If there is none of this number.
        """
        with self._lock:
            self._points.remove(number)

    def recentre(self, alpha: float | Pin, beta: float | None = None) -> None:
        """Explores around another point: it becomes θ*, with eigenvectors of its own.

        Args:
            alpha: Coordinate on the plane on show; or a pin, which keeps the plane that it was set on.
            beta: The other coordinate.

        Raises:
            RuntimeError: If no plane is there yet.
            ValueError: For coordinates that are not finite.
        """
        with self._lock:
            self._points.recentre(self._point(alpha, beta), self._number)
            self._moved()

    def go_back(self) -> None:
        """Returns to the centre before the present one; what was computed there is still known.

        Raises:
            RuntimeError: At the first centre, the model's weights.
        """
        with self._lock:
            self._points.go_back(self._number)
            self._moved()

    def table(self) -> ScoreTable:
        """Loss and metrics at θ* and at the lowest node of each plane on show, on training and test data.

        Like Table II of Böttcher & Wheeler where ``compared_axes`` puts a random plane beside the Hessian
        one. It is evaluated when asked for, on all examples.

        Raises:
            RuntimeError: If no plane is there yet.
        """
        with self._lock:
            pictures = self._pictures()
        return self._points.table(pictures)

    def parameters_at(self, alpha: float | Pin, beta: float | None = None) -> dict[str, Any]:
        """A complete state dict at (α, β), for ``model.load_state_dict``; the model stays as it is.

        Frozen parameters and buffers are those that the model had when the explorer was made.

        Args:
            alpha: Coordinate on the plane on show; or a pin, which keeps the plane that it was set on.
            beta: The other coordinate.

        Raises:
            RuntimeError: If no plane is there yet, or the explorer was made of an ``Objective``.
            ValueError: For coordinates that are not finite.
        """
        return self._points.parameters_at(self._point(alpha, beta))

    def apply(self, alpha: float | Pin, beta: float | None = None) -> None:
        """Writes the weights at (α, β) into your model, in place. ``restore()`` undoes it.

        Args:
            alpha: Coordinate on the plane on show; or a pin, which keeps the plane that it was set on.
            beta: The other coordinate.

        Raises:
            RuntimeError: If no plane is there yet, the explorer was made of an ``Objective``, or the
                model has other parameters by now.
            ValueError: For coordinates that are not finite.
        """
        with self._lock:
            theta = self._point(alpha, beta)
            if isinstance(alpha, Pin):
                name = f"pin {alpha.number}"
            else:
                name = place_words(self._shown_plane(), *check_coordinates(alpha, beta))
            self._points.apply(theta, name)

    def restore(self, force: bool = False) -> None:
        """Puts back, bit for bit, the weights that your model held before ``apply()``.

        Args:
            force: Even if the model was trained on since, which is lost then.

        Raises:
            RuntimeError: If there is nothing to undo, or the model was changed since.
        """
        with self._lock:
            self._points.restore(force)

    def cancel(self) -> None:
        """Ends the running computation after its present step; finished results stay."""
        self._worker.cancel()

    def close(self) -> None:
        """Ends the worker, lets go of data, model and all that could be computed on, and closes the widget.

        It may be called at any time, also in an observer. A computation ends after its present step. Results
        and pins stay readable, with the figures and the page that are made of them. What needs the data or
        your model raises a RuntimeError from then on: ``compute``, ``objective``, ``save``, ``load``,
        ``table``, ``pin``, ``recentre``, ``apply``, ``restore`` and changed controls.

        An explorer of a plain script that nobody refers to any more is closed by itself, when garbage is
        collected. In a kernel, ipywidgets holds each one for the page until it is closed.
        """
        # a widget whose construction failed is closed too, by its destructor
        if hasattr(self, "_points"):
            if self._worker.forked:  # a copy, whose page is that of the explorer in the other process
                return
            self._worker.close(timeout=0.0)
            with self._lock:
                self._number += 1  # nothing more is published
                self._points.close()
                if self._request is not None:
                    self._request.error = None  # its traceback leads to the data
        if hasattr(self, "_own_layout"):
            self._own_layout.close()
        super().close()

    def open(self) -> None:
        """Makes the widget known to the page."""
        super().open()
        self._own_layout = self.layout  # ipywidgets makes it for each widget and never closes it
        hold_weakly_in_scripts(self, self.layout)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes the controls from the page; everything else is the kernel's to write."""
        with self._lock:
            super().set_state({name: v for name, v in sync_data.items() if name in _CONTROLS})

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self._start()
        return super()._repr_mimebundle_(**kwargs)

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

    def _on_message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        match content.get("type"):
            case "shown":
                self._start()
            case "compute":
                self._submit()
            case "cancel":
                self.cancel()
            case "table":
                self._points.tabulate(self._sent)
            case "pin" | "unpin" | "recentre" | "back" | "apply" | "restore":
                with self._lock:
                    if self._points.handle(content, self._number):
                        self._moved()

    def _on_control(self, _change: Any) -> None:
        if self._request is not None and not self._taking:
            self._submit()

    def _start(self) -> None:
        if self._request is None:
            self._submit()

    def _submit(self) -> Request:
        with self._lock:
            self._number += 1
            number = self._number
            study, controls = self._study, self._chosen()
            self._request = self._worker.submit(lambda: self._steps(study, controls, number))
            self.status, self.error = "computing", ""
            return self._request

    def _take_controls(self, controls: Controls) -> None:
        """Sets all controls at once, or none, without starting a computation."""
        taking, self._taking = self._taking, True
        try:
            with self.hold_trait_notifications():
                for name in _CONTROLS:
                    setattr(self, name, getattr(controls, name))
        except t.TraitError as error:
            raise ValueError(f"Expected controls that this explorer can take: {error}") from error
        finally:
            self._taking = taking  # which it is still where an observer of a control had it load

    def _unmoved(self, study: Study) -> bool:
        """Whether ``study`` is still that of the centre, which observers and other threads may change."""
        return not self._worker.closed and self._study is study

    def _check_unmoved(self, study: Study) -> None:
        if not self._unmoved(study):
            raise RuntimeError(
                "Expected the centre to stay where it was while a file was loaded; an observer or another "
                "thread moved it, loaded a file or closed the explorer. Load the file again."
            )

    def _moved(self) -> None:
        """The centre is another one: nothing that was found before is about it."""
        self._best = Findings()
        self._info = wire.info(self.objective, self._study.theta_norm, self._study.test)
        if self._request is not None:
            self._submit()

    def _send_pins(self) -> None:
        with self._lock:
            if not self._worker.closed:
                self._pins = self._points.payload()

    def _pictures(self) -> Pictures:
        """The planes on show with their surfaces."""
        first, second = (self._shown_plane(), self.surfaces), self._best.compared
        if second is None or self.compared_axes is None:
            return [first]
        return [first, (second.plane, second.surfaces)]

    def _sent(self) -> tuple[Pictures, int]:
        """The same with the number of their request."""
        with self._lock:
            return self._pictures(), self._surface["request"] if self._surface else 0

    def _shown_plane(self) -> Plane:
        if self._best.plane is None:
            if self._worker.closed:
                raise RuntimeError(CLOSED)
            raise RuntimeError("Expected a plane to find the point on; call compute() or wait for a picture.")
        return self._best.plane

    def _point(self, alpha: float | Pin, beta: float | None) -> FloatArray:
        """θ of a pin, or at coordinates of the plane on show."""
        if not isinstance(alpha, Pin):
            return self._shown_plane().point(*check_coordinates(alpha, beta))
        if beta is not None:
            raise ValueError(
                f"Expected a pin or (α, β), got a pin and {beta!r}. A pin has coordinates of its own."
            )
        return alpha.theta

    def _chosen(self) -> Controls:
        return Controls(**{name: getattr(self, name) for name in _CONTROLS})

    def _steps(self, study: Study, controls: Controls, number: int) -> Iterator[None]:
        """On the worker's thread: one computation, publishing what it finds."""
        started, found, stage = monotonic(), Findings(), ""
        try:
            for found in study.steps(controls):
                # a first picture on part of the examples means long stages: none begins with news held back
                long = found.preview > 0 and found.stage != stage
                self._publish(found, controls, number, monotonic() - started, flush=long)
                stage = found.stage
                yield
        finally:  # what was found before a failure or a cancel is on show, too
            self._publish(found, controls, number, monotonic() - started, flush=True)

    def _publish(
        self, found: Findings, controls: Controls, number: int, elapsed: float, flush: bool = False
    ) -> None:
        """Keeps what was found, and sends the page what it has not been sent lately."""
        with self._lock:
            if number != self._number:
                return
            # known before any trait is set, for an observer of it may close the explorer
            best, theta_norm, moved = self._best, self._study.theta_norm, self._points.moved
            best.centre_loss, best.gradient_norm = found.centre_loss, found.gradient_norm
            if found.surface is not None:
                best.surface, best.plane, best.quadratic = found.surface, found.plane, found.surface_model
                best.surfaces = found.surfaces
                if self._throttle.due("surface", (number, found.surface, best.quadratic), flush):
                    python = recipe(found, controls, self._given, moved)
                    self._surface = wire.surface(found, controls, number, theta_norm, python)
                    self._show(0, found.plane, found.preview or controls.examples, number)
            self._publish_compared(found, controls, number, theta_norm, flush)
            if found.pairs is not None:
                certified = found if found.pairs_final else best
                best.pairs, best.slopes = certified.pairs, certified.slopes
                # the verdict's sentence grows with what is known of planes
                state = (number, found.pairs, found.quadratic, found.projections, found.blindness)
                if self._throttle.due("eigenpairs", state, flush):
                    self._eigenpairs = wire.eigenpairs(found, controls, number, theta_norm)
            if found.projections is not None:
                best.projections, best.blindness = found.projections, found.blindness
                shown = (number, found.projections, found.quadratic, found.blindness)
                if self._throttle.due("projections", shown, flush):
                    self._projections = wire.projections(found, controls, number)
            if found.density is not None:
                best.density = found.density
                if self._throttle.due("spectrum", (number, found.density, found.blindness), flush):
                    self._spectrum = wire.spectrum(found, number)
            if found.traces is not None:
                best.traces = found.traces
                newest = [history[-1] for history in found.traces.values() if history]
                if self._throttle.due("trace", (number, *newest), flush):
                    self._trace = wire.trace(found, number)
            if self._throttle.due("progress", (number, elapsed), flush):
                fraction, eta = found.meter.left()
                self.progress = {
                    "request": number,
                    "stage": found.stage,
                    "fraction": fraction,
                    "eta": eta,
                    "elapsed": elapsed,
                }

    def _publish_compared(
        self, found: Findings, controls: Controls, number: int, theta_norm: float, flush: bool
    ) -> None:
        """The second picture, which goes when it is not asked for any more."""
        if controls.compared() is None:
            self._best.compared = self._compared = None
        elif found.compared is not None:
            self._best.compared = found.compared
            parts = (number, found.compared, found.pairs, found.quadratic)
            if self._throttle.due("compared", parts, flush):
                self._compared = wire.compared(found, controls, number, theta_norm)
                self._show(1, found.compared.plane, controls.examples, number)

    def _show(self, which: int, plane: Plane | None, n_examples: int, number: int) -> None:
        """A picture is on its way to the page; pins may lie elsewhere on it than on the one before."""
        assert plane is not None
        if self._points.shows(plane, n_examples, number, which):
            self._send_pins()

    def _on_end(self, request: Request) -> None:
        """Tells how the newest request ended."""
        with self._lock:
            if request is not self._request:
                return
            refused = isinstance(request.error, SecondDerivativeError)
            if not request.cancelled and refused is self._info["differentiable"]:
                self._info = {**self._info, "differentiable": not refused}
            if request.error is not None:
                log.error("The landscape could not be computed.", exc_info=request.error)
                self.error = f"{type(request.error).__name__}: {request.error}"
                self.status = "failed"
            else:
                self.status = "cancelled" if request.cancelled else "done"


def _objective(model: Any, data: Any, loss_fn: Any, options: dict[str, Any]) -> Objective:
    """The objective that the constructor's arguments describe."""
    known = [
        name
        for name, parameter in inspect.signature(Objective.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, [*known, *_CONTROLS, "test_loader"], n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"LandscapeExplorer got an unexpected keyword {name!r}.{hint}")
    if isinstance(model, Objective):
        if data is not None or loss_fn is not None or options:
            raise TypeError(
                "Expected an Objective and controls only, since it holds data and loss already; "
                "got further arguments. Give them to Objective."
            )
        return model
    if data is None or loss_fn is None:
        raise TypeError(
            "Expected LandscapeExplorer(model, data, loss_fn) or LandscapeExplorer(objective), got "
            f"no {'data' if data is None else 'loss_fn'}."
        )
    return Objective(model, data, loss_fn, **options)


def _test_objective(objective: Objective, loader: Any, max_examples: int | None) -> Objective | None:
    """The objective on test data, None without any."""
    if loader is None:
        return None
    try:
        return objective.with_data(loader, max_examples)
    except (TypeError, ValueError) as error:
        raise type(error)(f"test_loader: {error}") from error
