"""What a person does at single points of a plane: pins them, explores from them, takes their weights."""

from __future__ import annotations

import warnings
from typing import Any

from torch import nn

from landscape_widget.explorer.computing import NO_MORE
from landscape_widget.explorer.pages import SavedPages
from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.points import Pin, check_coordinates, place_words
from landscape_widget.results.points import ScoreTable


class PointActs(SavedPages):
    """Pins, the way from θ* to θ*, scores, and the weights of the user's model."""

    @property
    def pins(self) -> tuple[Pin, ...]:
        """The points that were pinned, with what is known of them."""
        return self._points.pins.all

    def pin(self, alpha: float, beta: float) -> Pin:
        """Marks a point of the plane and has loss, metrics, gradient norm and Hessian computed there.

        They follow ``batch_norm``: with "recomputed" they are of the statistics at this point, which gradient
        and Hessian hold fixed, and with "difference" of the model's own. ``values.batch_norm`` says which.

        Raises:
            RuntimeError: If no plane is there yet.
            ValueError: For coordinates that are not finite.
        """
        with self._lock:
            return self._points.pins.add(self._shown_plane(), alpha, beta)

    def unpin(self, number: int) -> None:
        """Removes a pin.

        Raises:
            KeyError: If there is none of this number.
        """
        with self._lock:
            self._points.pins.remove(number)

    def recentre(self, alpha: float | Pin, beta: float | None = None) -> None:
        """Explores around another point: it becomes θ*, with eigenvectors of its own.

        Curvature and verdict there are with your model's batch-norm statistics, whatever the picture's are.

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

        That is the one before ``recentre()`` or ``update()``.

        Raises:
            RuntimeError: At the first centre, the model's weights.
        """
        with self._lock:
            self._points.go_back(self._number)
            self._points.look()
            self._moved()

    def update(self, model: nn.Module | None = None) -> None:
        """Takes the present weights of your model as the new θ*; all controls stay.

        A page and ``repr`` say so when your model has moved since its weights were taken; nothing is taken
        without being asked for. The former θ* is a centre to ``go_back()`` to, with what is known there, and
        stays a checkpoint. Where nothing has moved, nothing happens.
        What was trained besides θ, such as batch norm's statistics, is taken, too.

        Args:
            model: Another model with the same parameters, which takes the place of yours from now on.

        Raises:
            TypeError: If ``model`` is none.
            RuntimeError: If the model has other parameters by now, or others of them are trainable, naming
                them; if it has become another one in what its state does not hold, such as an attribute or a
                buffer that is not persistent (by the loss of the first batch, and not with mode="train"); if
                it is being trained at this moment; or the explorer was made of an ``Objective``.
            ValueError: If weights are not finite.

        Warns:
            UserWarning: If a recorder has deleted the checkpoint of the second picture, which is gone then.
        """
        if model is not None and not isinstance(model, nn.Module):
            raise TypeError(f"Expected a model, got {type(model).__name__}.")
        with self._lock:
            here, beside, checkpoints = self._study, self.compared_checkpoint, self._checkpoints
            self._points.update(model, self._number)
            if self._study is not here:
                self._moved()
            lost = isinstance(beside, int) and self.compared_checkpoint is None
        if lost:
            warnings.warn(NO_MORE.format(checkpoints[beside].name), stacklevel=2)

    def table(self) -> ScoreTable:
        """Loss and metrics at θ* and at the lowest node of each plane on show, on training and test data.

        They are with the batch-norm statistics of the pictures; where these are of the "difference", with
        frozen ones, those of the model.

        Like Table II of Böttcher & Wheeler where ``compared_axes`` puts a random plane beside the Hessian
        one. It is evaluated when asked for, on all examples, and is there for the page and its files then.

        Raises:
            RuntimeError: If no plane is there yet, or the loss is another one than that of the planes.
        """
        pictures, request = self._sent()
        table = self._points.table(pictures)
        with self._lock:
            if self._sent()[1] == request:
                self._points.keep(request, table)
        return table

    def parameters_at(self, alpha: float | Pin, beta: float | None = None) -> dict[str, Any]:
        """A complete state dict at (α, β), for ``model.load_state_dict``; the model stays as it is.

        Frozen parameters and buffers are those that the model had when its weights were taken. But where
        ``batch_norm="recomputed"``, batch-norm statistics are those of all training examples at this point,
        with which a model in eval mode has the loss of a pin there; with "difference" they are the model's.

        Args:
            alpha: Coordinate on the plane on show; or a pin, which keeps the plane that it was set on.
            beta: The other coordinate.

        Raises:
            RuntimeError: If no plane is there yet, or the explorer was made of an ``Objective``.
            ValueError: For coordinates that are not finite.
        """
        plane = alpha.plane if isinstance(alpha, Pin) else None
        weights, displacement, base = self._points.displaced(self._point(alpha, beta), plane)
        return weights.at(displacement, base)

    def apply(self, alpha: float | Pin, beta: float | None = None) -> None:
        """Writes the weights at (α, β) into your model, in place. ``restore()`` undoes it.

        What a model learnt since its weights were taken is lost until then, and a ``UserWarning`` says so.
        Batch-norm statistics are those of ``parameters_at``; where the picture is of a "difference", which no
        model has for its loss, the warning says that they stay.

        Args:
            alpha: Coordinate on the plane on show; or a pin, which keeps the plane that it was set on.
            beta: The other coordinate.

        Raises:
            RuntimeError: If no plane is there yet, the explorer was made of an ``Objective``, or the
                model has other parameters by now.
            ValueError: For coordinates that are not finite.
        """
        if note := self._load(alpha, beta):
            warnings.warn(note, stacklevel=2)

    def _load(self, alpha: float | Pin, beta: float | None = None) -> str:
        """Does as ``apply``; returns what is to be said of it."""
        with self._lock:
            theta = self._point(alpha, beta)
            if isinstance(alpha, Pin):
                name = f"pin {alpha.number}"
            else:
                name = place_words(self._shown_plane(), *check_coordinates(alpha, beta))
        there = self._points.displaced(theta, alpha.plane if isinstance(alpha, Pin) else None)
        with self._lock:
            return self._points.apply(there, name)

    def restore(self, force: bool = False) -> None:
        """Puts back, bit for bit, the weights that your model held before ``apply()``.

        Args:
            force: Even if the model was trained on since, which is lost then.

        Raises:
            RuntimeError: If there is nothing to undo, or the model was changed since.
        """
        with self._lock:
            self._points.restore(force)

    def _point(self, alpha: float | Pin, beta: float | None) -> FloatArray:
        """θ of a pin, or at coordinates of the plane on show."""
        if not isinstance(alpha, Pin):
            if beta is None:
                raise ValueError(
                    f"Expected coordinates (α, β) as two finite numbers, got one, {told(alpha)}."
                    " A pin is given as one of explorer.pins."
                )
            return self._shown_plane().point(*check_coordinates(alpha, beta))
        if beta is not None:
            raise ValueError(
                f"Expected a pin or (α, β), got a pin and {beta!r}. A pin has coordinates of its own."
            )
        return alpha.theta
