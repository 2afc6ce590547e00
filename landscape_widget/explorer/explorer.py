"""LandscapeExplorer: what it is made of, and what a person does with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from inspect import getattr_static, signature
from pathlib import Path
from typing import Any

import torch
from torch import nn

from landscape_widget.data.reading import BatchSize
from landscape_widget.explorer.arguments import objective_of, sorted_arguments, test_objective_of
from landscape_widget.explorer.autosave import Autosave
from landscape_widget.explorer.cells import follow_cells
from landscape_widget.explorer.followed import FollowedByAFile
from landscape_widget.explorer.messages import AT_POINTS, obey
from landscape_widget.explorer.model_weights import Weights
from landscape_widget.explorer.page import hold
from landscape_widget.explorer.publisher import gathered_of
from landscape_widget.explorer.traits import CONTROLS
from landscape_widget.explorer.way import by_way, way_of
from landscape_widget.export.python_call import given_arguments
from landscape_widget.export.runs import fits, load_run, save_run
from landscape_widget.loss.parameters import Selection
from landscape_widget.numerics.checks import near
from landscape_widget.objective.objective import Metrics, Objective
from landscape_widget.paths.landmarks import GivenTrajectory, Landmarks
from landscape_widget.paths.solutions import Solution
from landscape_widget.planes.grid import Domain
from landscape_widget.results.lines import SOLUTIONS
from landscape_widget.study.controls import Controls

#: What is said of a file that is of the weights that the model holds by now.
_PRESENT = (
    "It was saved of the weights that the model holds by now, which are other ones than this explorer's θ*: "
    "call update() first, or make a new explorer."
)

#: What is said until weights come with batch-norm statistics of their own.
_RECOMPUTED = "Batch-norm statistics are being recomputed there, from all training examples."

#: Least seconds between two updates of one result: above about ten messages a second pages fall behind.
UPDATE_INTERVAL = 0.15


class LandscapeExplorer(FollowedByAFile):
    """Explores L(θ* + αη + βδ) of a PyTorch model in a notebook.

    Nothing is computed until it is shown or ``compute()`` is called. From then on every change of a
    control starts a computation in the background, and the newest one wins. Results are read as
    ``surface``, ``plane``, ``eigenpairs`` and ``projections``.
    """

    def __init__(
        self,
        model: nn.Module | Objective,
        data: Any = None,
        loss_fn: Callable[..., torch.Tensor] | None = None,
        *,
        test_loader: Any = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        max_examples: int | None = None,
        parameters: Selection = None,
        mode: str = "eval",
        metrics: Metrics | None = None,
        batch_size_fn: BatchSize = None,
        trajectory: GivenTrajectory | None = None,
        solutions: Mapping[str, Solution] | None = None,
        executor: Any = None,
        autosave: str | os.PathLike[str] | None = None,
        axes: tuple[str, str] = Controls.axes,
        seed: int = Controls.seed,
        domain: Domain | None = Controls.domain,
        resolution: int = Controls.resolution,
        accuracy: float = Controls.accuracy,
        examples: int | None = None,
        samples: int = Controls.samples,
        face: str = Controls.face,
        batch_norm: str = Controls.batch_norm,
        split: str = Controls.split,
        equal_axes: bool = Controls.equal_axes,
        lines: str | None = Controls.lines,
        compared_axes: tuple[str, str] | None = Controls.compared_axes,
        compared_domain: Domain | None = Controls.compared_domain,
        compared_split: str | None = Controls.compared_split,
        compared_checkpoint: int | str | None = Controls.compared_checkpoint,
        checkpoint: int | None = Controls.checkpoint,
        view: Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        """Reads the data and checks model and loss; computes nothing else.

        Args:
            model: A model, whose present weights are θ*; or an ``Objective``, and then nothing but
                ``test_loader``, ``trajectory``, ``solutions``, ``executor``, ``autosave`` and controls may
                follow.
            data: See ``Objective``.
            loss_fn: See ``Objective``.
            test_loader: Data held out for testing, of the same kinds as ``data``.
            device: See ``Objective``, also for those up to ``batch_size_fn``.
            dtype: Floating-point type; default: that of the model's parameters.
            max_examples: At most so many examples, of ``test_loader``, too.
            parameters: Which trainable parameters make up θ.
            mode: "eval" or "train".
            metrics: Further quantities by name, such as {"accuracy": accuracy}.
            batch_size_fn: ``batch_size_fn(batch)`` → examples in it.
            trajectory: The path of training: a ``Trajectory``, a ``TrajectoryRecorder``, its folder, or a
                list of state dicts or files; or several of these by name, such as {"SGD": "runs/0", "Adam":
                "runs/1"}: every plane shows all of them, and all else is about the first. Axes
                "trajectory:1", "trajectory:2" … run along its components.
            solutions: Other solutions by name, such as {"small batch": state}, each a state dict, a model,
                or a file. Axes "toward:small batch" … lead to them, and every plane shows where they are.
            executor: Whose workers take the nodes of planes and the Hessian-vector products, if not this
                process; see ``evaluate_plane``.
            autosave: A file that is written, as by ``save``, every few seconds while it computes, at the end,
                and after changes of pins and controls. Where it is there already, as after a kernel was
                killed, the explorer goes on from it, as by ``load``, with the controls that are given here,
                but for those at their defaults; set these afterwards. A former explorer with this file
                first writes what has changed, and then no more.
            axes: Names of the directions of α and β: "hessian:max", "hessian:max:2" …, "hessian:min" …,
                "random", "random:filter", and those above. This and all that follow are controls,
                attributes to be set later.
            seed: Seed of random directions.
            domain: (α min, α max, β min, β max) in units of the directions; None: chosen by the curvature.
            resolution: Nodes for each axis, odd.
            accuracy: How far interpolated losses may be off, as a share of their range; 0: evaluate all.
            examples: How many examples the loss is averaged over; None: all.
            samples: Random projections of the histogram.
            face: Face of the curvature panel on show: "projections", "spectrum" or "trace".
            batch_norm: Batch norm's statistics in the pictures: "frozen", "recomputed" at every point, or the
                "difference". Pins and what is done with points follow it.
            split: What the loss in the picture is on: "train", "test", or the "difference" test − training.
            equal_axes: Whether an automatic domain reaches equally far along two eigenvectors; else by their
                curvatures.
            lines: What the losses along several lines from θ* follow: "solutions", or "random" and
                "random:filter" with this seed and the next four; None for none.
            compared_axes: Axes of a second picture beside the first; None: those of the first.
            compared_domain: The domain of the second picture; None: chosen by the curvature.
            compared_split: The data of the second picture; None: those of the first. There is no second
                picture where ``compared_axes`` are not given either.
            compared_checkpoint: The checkpoint that the second picture is around, or the name of a solution;
                None for that of the first.
            checkpoint: Which checkpoint of the trajectory θ* is, counted from 0; None for the model's own
                weights, as they were last taken.
            view: How pages show losses at first, such as {"scale": "log"}; ``docs/guide.md`` has all options.
            **unknown: Refused, with the nearest known name.

        Raises:
            TypeError: For an unknown keyword, or what ``Objective`` raises.
            ValueError: What ``Objective`` raises; and what ``load`` does of the file of ``autosave``, such as
                one of another model, data or loss.
            traitlets.TraitError: For a control out of its range.
        """
        options, controls = sorted_arguments(locals())
        objective = objective_of(model, data, loss_fn, options).by_workers(executor)
        whole = {"objective": model}
        positional = (
            whole if isinstance(model, Objective) else {"model": model, "data": data, "loss_fn": loss_fn}
        )
        further = {  # without the file of autosave, which would bring its own controls and pins
            "test_loader": test_loader,
            "trajectory": trajectory,
            "solutions": solutions,
            "executor": executor,
        }
        further = {name: value for name, value in further.items() if value is not None}
        self._autosave = Autosave(None, self._save, self._is_ready)  # until the file was read
        super().__init__(
            objective,
            test_objective_of(objective, test_loader, options.get("max_examples")),
            Weights(model, objective.layout) if isinstance(model, nn.Module) and objective.layout else None,
            given_arguments(positional, options | further),
            UPDATE_INTERVAL,
            controls | ({} if view is None else {"view": view}),
            Landmarks.of(objective, trajectory, solutions),
        )
        file = Autosave(autosave, self._save, self._is_ready)
        if file.open(self.load):
            for name, value in controls.items():
                setattr(self, name, value)
        self._autosave = file
        self.on_msg(self._on_message)
        follow_cells()

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            given = {*signature(type(self).__init__).parameters} - {"self", "unknown"}
            if name in given:
                raise AttributeError(
                    f"Expected an attribute that can be set, got {name!r}, which is given only when an "
                    f"explorer is made. Make another one: {type(self).__name__}(…, {name}=…)."
                )
            others = [known for known in dir(type(self)) if not known.startswith("_")]
            hints = (near(name, known) for known in ([*CONTROLS, "view"], given, others))  # methods last
            raise AttributeError(
                f"Expected an attribute of {type(self).__name__}, got {name!r}, which it has not."
                f"{next(filter(None, hints), '')}"
            )
        if not name.startswith("_") and callable(getattr_static(type(self), name)) and not callable(value):
            raise AttributeError(
                f"Expected an attribute that can be set, got {name!r}, which is a method: explorer.{name}(…)."
            )
        super().__setattr__(name, value)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes controls, results, pins and every point evaluated so far to one npz file.

        It may be asked for while it computes.

        Args:
            path: Replaced where it exists, once the new file is complete.

        Raises:
            OSError: If the file cannot be written; then ``path`` is what it was before.
        """
        self._save(path)
        self._autosave.take(self._autosave.seen(path))

    def _save(self, path: str | os.PathLike[str], before: Callable[[Path], object] | None = None) -> None:
        with self._lock:
            results, study, pins = self.results, self._study, self._points.pins.memory()
            controls, way = self._chosen(), way_of(self._points.centres)
        save_run(path, results, study, pins, controls, self._points.centres.steps, way, before)

    def load(self, path: str | os.PathLike[str]) -> LandscapeExplorer:
        """Goes on from what ``save`` wrote; nothing in the file is evaluated again.

        Controls, results and pins become those of the file. A computation that runs is replaced; one that the
        file holds half way is finished by ``compute()``, or at once where the explorer is on show.

        Args:
            path: A file that was saved of the same model, data and loss. One that was saved at an earlier
                checkpoint, or with one beside, asks for an explorer with that run. One that was saved after
                ``recentre()`` or ``update()`` leads from the present centre to where that led.

        Whatever goes wrong, nothing changes.

        Raises:
            OSError: If the file cannot be opened.
            ValueError: If it is no regular file, damaged, of a later version, of another objective, or holds
                what an explorer does not write.
            RuntimeError: If an observer or another thread moves the centre meanwhile, loads, or closes.
        """
        here, found = self._study, self._autosave.seen(path)
        centres = self._points.centres
        try:
            moved = bool(self._points.look())
            leads = None if moved else partial(by_way, centres)
            loaded = load_run(path, here, centres.spots.study_at, centres.steps, leads)
        except ValueError as error:
            if moved and fits(path, self._points.present_objective):
                raise ValueError(f"{error} {_PRESENT}") from error
            raise
        results, study, chosen = loaded.results, loaded.study, loaded.controls
        if chosen.lines == SOLUTIONS and not centres.landmarks.solutions:  # a file holds none
            chosen = replace(chosen, lines=None)
            results = replace(results, controls=replace(results.controls, lines=None))
        if loaded.here or loaded.way:  # whatever its number was where the file was written
            chosen = replace(chosen, checkpoint=self.checkpoint)
            results = replace(results, controls=replace(results.controls, checkpoint=self.checkpoint))
        with self._lock:
            controls, best, request = self._chosen(), self._publisher.gathered, self._request
            self._check_unmoved(here)
            self._check_controls(results.controls, study)
            try:
                self._take_controls(chosen, study)
                self._check_unmoved(here)
                with self._points.resuming(study, loaded.pins, chosen.checkpoint, loaded.way, loaded.begun):
                    self._publisher.gathered = gathered_of(results.findings(), results.controls)
                    self._around[study] = self._publisher.gathered
                    self._announce()
                    if request is not None:
                        self._submit()
            except BaseException:
                if self._unmoved(here):
                    self._publisher.gathered = best
                    self._announce()
                    self._take_controls(controls)
                    if self._request is not request:
                        self._submit()
                raise
            if self._unmoved(study):
                self._info = self._informed()  # a file may hold axes of its own
        self._autosave.take(found)
        return self

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        hold(self)
        self._start()
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        data, *metadata = bundle if isinstance(bundle, tuple) else (bundle,)
        if not follow_cells():
            data = {**self._still(), **data}
        elif self.status == "computing":
            # In cells the picture is an output of its own, which is replaced; these words would stay.
            data = {**data, "text/plain": f"{type(self).__name__}: a still picture of it is below."}
        return (data, *metadata) if metadata else data

    def _on_message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        match content:
            case {"type": "shown"}:
                self._publisher.flight.hear()
                self.send({"type": "alive"})
                self._start()
                self._later(self._look)
            case {"type": "alive"}:  # a page asks where it has not heard of its kernel for long
                self.send({"type": "alive"})
                self._later(self._look)
            case {"type": "drawn", "number": int(number)}:
                self._acknowledged(number)
            case {"type": "compute"}:
                self._submit("all")
            case {"type": "along"}:
                with self._lock:
                    self._go_ahead(everywhere=True)
            case {"type": "cancel"}:
                self.cancel()
            case {"type": "table"}:
                self._points.have_done(self.table)
            case {"type": "apply", "pin": number} if self.batch_norm == "recomputed":
                self._points.have_done(lambda: self._load(self._points.pins[number]), _RECOMPUTED)
            case {"type": kind} if kind in AT_POINTS:
                with self._lock:
                    centre = self._study
                    self._points.attempt(lambda: obey(content, self._points, self._number))
                    if self._study is not centre:
                        self._moved()
