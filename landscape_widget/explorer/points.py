"""What a person does at single points: pins them, explores from them, takes their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from torch import nn

from landscape_widget.explorer.centres import Centres
from landscape_widget.explorer.mailbox import Job, Request
from landscape_widget.explorer.model_weights import Drift, State, Weights
from landscape_widget.explorer.pin_payloads import PinPayloads
from landscape_widget.explorer.pins import Pins
from landscape_widget.explorer.shown_planes import PictureKey, ShownPlanes
from landscape_widget.explorer.spots import Spots
from landscape_widget.explorer.way import replaced
from landscape_widget.export import point_payloads as wire
from landscape_widget.export.payloads import Payload
from landscape_widget.export.python_call import pins_recipe
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.planes.points import score_table
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.points import ScoreTable
from landscape_widget.study.known import Known
from landscape_widget.study.study import Study

#: Planes on show, and the surfaces evaluated on each by their split.
Pictures = Sequence[tuple[Plane, Mapping[str, Surface]]]

#: The user's model, how far a point is away, and from which state.
Displaced = tuple[Weights, FloatArray, State | None]

_TRAINED = (
    "Your model had been trained on since its weights were taken, and holds other weights now; "
    "restore() puts back what it held."
)

#: What is said of weights from a picture that is not of their loss.
_DIFFERENCE = (
    "Your model keeps its batch-norm statistics; the picture is of what their recomputation at each point "
    "adds to its loss."
)


class Points:
    """Pins, the way from centre to centre, tables of scores, and the weights of the user's model.

    Callers hold the explorer's lock; the worker calls ``changed``, which takes it.
    """

    def __init__(
        self,
        objective: Objective,
        weights: Weights | None,
        serve: Callable[[Job], Request],
        changed: Callable[[], None],
        redraw: Job,
        batch_norm: Callable[[], str],
        test: Objective | None = None,
        landmarks: Landmarks | None = None,
    ) -> None:
        """Starts at the objective's θ*.

        Args:
            objective: The loss L as a function of θ.
            weights: The weights of the user's model; None where there is none.
            serve: Hands an errand to the worker.
            changed: Is called whenever there is something new to show.
            redraw: Evaluates pins that the pictures on show interpolate.
            batch_norm: Tells which batch-norm statistics the pictures are of.
            test: The same objective on test data.
            landmarks: A trajectory and solutions.
        """
        state = weights.first if weights else None
        self.centres = Centres(Spots(objective, test, state, landmarks or Landmarks()), state)
        self.pins = Pins(self.centres, serve, changed, redraw, self._statistics)
        self._batch_norm = batch_norm
        self._weights = weights
        self._serve, self._changed = serve, changed
        self._shown = ShownPlanes()
        self._pin_payloads = PinPayloads()
        self._table: tuple[int, ScoreTable] | None = None
        self._applied: str | None = None
        self._note = ""
        self._drift: Drift | None = None

    @property
    def study(self) -> Study:
        """The study of the present centre.

        Raises:
            RuntimeError: After ``close``.
        """
        return self.centres.study

    def close(self) -> None:
        """Lets go of studies and weights; pins stay as they are."""
        self.centres.close()
        self._weights = None

    @contextmanager
    def resuming(
        self,
        study: Study,
        pins: Sequence[Mapping[str, Any]],
        number: int | None = None,
        way: Mapping[str, Any] | None = None,
        begun: Mapping[str, Known] | None = None,
    ) -> Iterator[None]:
        """Goes on from what a file holds: a study, and what ``memory`` told of the pins.

        What was there before is put back if what is done under it fails, and let go of otherwise.

        Args:
            study: The study of this centre, or of another checkpoint.
            pins: What was pinned.
            number: Number of the checkpoint, None for the last one.
            way: See ``replaced``.
            begun: Likewise.
        """
        try:
            with replaced(self.centres, study, number, way, begun), self.pins.replaced(pins):
                self._changed()
                yield
        except BaseException:
            self._changed()
            raise

    def shows(self, plane: Plane, n_examples: int, request: int, which: int) -> bool:
        """Remembers what the page is being shown; tells whether pins lie elsewhere on it than before.

        Args:
            plane: The one that the picture on its way to the page lies on.
            n_examples: How many examples the picture rests on.
            request: Number of the picture's request.
            which: 0 for the first plane, 1 for the one beside it.
        """
        here = not which or self.centres.is_origin(plane)  # a second one may be around another checkpoint
        same = self._shown.show(plane, (request, tuple(plane.axes), n_examples) if here else None, which)
        if self._table is not None and self._table[0] != request:
            self._table = None  # it was of another picture
            self._changed()
        return bool(self.pins.all) and not same

    def click(self, alpha: float, beta: float, picture: PictureKey) -> None:
        """Pins a point of a picture; a click on one that is long gone goes nowhere.

        Raises:
            ValueError: For coordinates that are no finite numbers.
        """
        if plane := self._shown.of(picture):
            self.pins.add(plane, alpha, beta)

    def recentre(self, theta: FloatArray, request: int) -> None:
        """Makes θ, shape (N,), the new centre; ``request`` was the last one about the present centre."""
        self.centres.recentre(theta, request)
        self._changed()

    def go_back(self, request: int) -> None:
        """Returns to the centre before the present one, which ``request`` was the last to be about.

        Raises:
            RuntimeError: At the first centre.
        """
        self.centres.go_back(request)
        self._changed()

    def visit(self, number: int | None, request: int) -> None:
        """Goes to a checkpoint, None for the last one; ``request`` was the last about the present centre.

        Raises:
            FileNotFoundError: If its file is missing.
            ValueError: If it is damaged, of another model, or not finite.
        """
        self.centres.visit(number, request)
        self._note = ""
        self.look()
        self._changed()

    def update(self, model: nn.Module | None, request: int) -> None:
        """Makes the present weights of the model the new centre.

        Args:
            model: The one that takes the place of the explorer's own; None for that.
            request: Number of the last request that was about the old centre.

        Raises:
            RuntimeError: If there is no model, it has other parameters, or is being trained.
            ValueError: If weights are not finite, or ``model`` is of another kind.
        """
        layout = self.study.objective.layout
        weights = self.weights if model is None or layout is None else Weights(model, layout)
        state = self.centres.state
        taken = weights.taken(weights.first if state is None else state)
        self.centres.take(taken, request, weights.model)
        if weights is not self._weights:
            self._applied = None  # into the former model
        self._weights = weights
        self.look()
        self._changed()

    def present_objective(self) -> Objective:
        """The loss at the weights that the model holds by now; raises what ``update`` does."""
        weights = self.weights
        return self.centres.spots.base[0].with_state(weights.taken(weights.first))

    def look(self) -> str:
        """Sees whether the model's weights are still those that were taken; returns what is to be told."""
        drift, state = self._drift, self.centres.state
        if self._weights is not None and state is not None:
            self._drift = self._weights.drift(state)
        if self._drift != drift:
            self._changed()
        return self._drift.words if self._drift else ""

    @property
    def weights(self) -> Weights:
        """The weights of the user's model.

        Raises:
            RuntimeError: If the explorer was made of an objective, or closed.
        """
        self.centres.check_open()
        if self._weights is None:
            raise RuntimeError(
                "Expected an explorer made of a model, LandscapeExplorer(model, data, loss_fn); this one was "
                "made of an objective, which keeps a copy of the model only."
            )
        return self._weights

    def _statistics(self) -> str:
        """Batch norm's at single points: those of the pictures, but where these are of a difference."""
        return "recomputed" if self._batch_norm() == "recomputed" else "frozen"

    def displaced(self, theta: FloatArray, plane: Plane | None = None) -> Displaced:
        """Tells from which state of the user's model θ, shape (N,), found on ``plane``, is how far away.

        Where pictures are of recomputed batch-norm statistics, the state has those at θ, which takes a pass
        over the training data: nobody should hold the lock.
        """
        weights = self.weights
        return weights, *self.centres.displacement(theta, plane, self._statistics())

    def apply(self, there: Displaced, name: str) -> str:
        """Writes what is displaced so into the user's model; ``name`` tells the page where that is.

        Returns:
            What the person should know of it, empty for nothing.
        """
        (weights, displacement, base), taken = there, self.centres.state
        notes = {
            _TRAINED: taken is not None and weights.trained_since(taken),
            _DIFFERENCE: self._batch_norm() == "difference",
        }
        note = " ".join(words for words, told in notes.items() if told)
        weights.apply(displacement, base)
        self._applied, self._note = name, note
        self.look()
        self._changed()
        return note

    def restore(self, force: bool) -> None:
        """Undoes ``apply``; with ``force`` even if the model was changed since."""
        self.weights.restore(force)
        self._applied, self._note = None, ""
        self.look()
        self._changed()

    def table(self, pictures: Pictures) -> ScoreTable:
        """Loss and metrics at the centre and at the minimum of each surface that has one."""
        minima: dict[str, list[tuple[Plane, float, float]]] = {"train": [], "test": []}
        for plane, surfaces in pictures:
            for split, surface in surfaces.items():
                if surface.minimum:
                    minima[split].append((plane, *surface.minimum[:2]))
        study, witness = self.study, self.centres.spots.witness
        witness.refuse()
        objective = study.objective.with_batch_norm(self._statistics())
        table = score_table(objective, minima["train"], study.test, minima["test"])
        witness.check(study.objective.n_examples)
        return table

    def keep(self, request: int, table: ScoreTable) -> None:
        """Shows the table of the pictures of a request on the page, as long as these are on show."""
        self._table = request, table
        self._changed()

    def have_done(self, act: Callable[[], object], words: str = "") -> None:
        """Has the worker do what the page asks for and takes all examples.

        Args:
            act: Does it.
            words: What the page is told until it is done.
        """

        def steps() -> Iterator[None]:
            try:
                act()
            except Exception as error:
                self.tell(f"{type(error).__name__}: {error}")
            yield

        self.tell(words)
        self._serve(steps)

    def attempt(self, act: Callable[[], None]) -> None:
        """Does what the page asks for, and tells it why where that cannot be done."""
        self._note = ""
        try:
            act()
        except (KeyError, RuntimeError, ValueError) as error:
            self.tell(str(error.args[0]))

    def tell(self, words: str) -> None:
        """Tells the page why something was not done, or what is being done."""
        self._note = words
        self._changed()

    def payload(self) -> Payload:
        """All of this as the page receives it."""
        centres, table, shown = self.centres, self._table, self._shown.planes
        seed = shown[0].provenance.get("seed") if shown[0] else None
        pins = self._pin_payloads.of(self.pins, centres, shown)
        return {
            "pins": pins,
            "writable": self._weights is not None,
            "table": None if table is None else wire.rows(table[1], seed),
            "csv": "" if table is None else table[1].csv,
            "applied": self._applied,
            "note": self._note,
            "centre": {
                "depth": centres.depth,
                "request": centres.left_at,
                "moved": centres.moved,
            },
            "checkpoint": centres.taken,
            "drift": None if self._drift is None else asdict(self._drift),
            # Around another centre, which no cell makes, they would be other points.
            "python": "" if centres.moved else pins_recipe([pin["places"][0] for pin in pins]),
        }
