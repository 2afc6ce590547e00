"""What is known at each checkpoint of a run, and of which ones there is more to find out."""

from __future__ import annotations

import math
from dataclasses import asdict

from landscape_widget.explorer.gathered import of_picture
from landscape_widget.explorer.spots import checkpoint_key
from landscape_widget.paths.index import Recorded
from landscape_widget.study.along import found_at
from landscape_widget.study.at_checkpoint import AtCheckpoint
from landscape_widget.study.centre import Centre
from landscape_widget.study.controls import Controls

#: What tells a checkpoint from others.
_Key = tuple[int, object]


class Noted:
    """What was found at checkpoints, which of them are ready for the controls, and which failed."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self._found: dict[tuple[_Key, int], AtCheckpoint] = {}
        self._whole: set[tuple[_Key, int]] = set()
        """Of which of them all that can be found was."""
        self._ready: set[_Key] = set()
        """Checkpoints of which all is known that the controls ask for."""
        self._ready_for: object = None
        self.failed: dict[_Key, str] = {}
        """Why checkpoints could not be had."""

    def at(self, checkpoint: Recorded, n_examples: int) -> AtCheckpoint | None:
        """What was found at a checkpoint, None where nothing was."""
        return self._found.get((checkpoint_key(checkpoint), n_examples))

    def copied(self) -> Noted:
        """What there is by now, whatever is added to this."""
        other = Noted()
        other._found, other._ready, other._ready_for = dict(self._found), {*self._ready}, self._ready_for
        other._whole, other.failed = {*self._whole}, dict(self.failed)
        return other

    def is_wanted(self, checkpoint: Recorded) -> bool:
        """Whether it is neither ready nor has failed."""
        return checkpoint_key(checkpoint) not in {*self._ready, *self.failed}

    def is_lacking(self, checkpoint: Recorded, n_examples: int) -> bool:
        """Whether there is more of its curvature to be found, whatever picture is on show."""
        at = self.at(checkpoint, n_examples)
        if at is None:
            return True
        if (checkpoint_key(checkpoint), n_examples) in self._whole:
            return False
        return at.trace is None or (checkpoint.preconditioner is not None and at.preconditioned is None)

    def begin_anew(self, controls: Controls) -> None:
        """Forgets what is ready, and what failed, where the controls ask for something else by now."""
        wanted = asdict(of_picture(controls)) | {"checkpoint": None}
        if wanted != self._ready_for:
            self._ready, self._ready_for = set(), wanted
            self.failed.clear()

    def note(
        self, checkpoint: Recorded, centre: Centre | None, controls: Controls, complete: bool = False
    ) -> None:
        """Takes note of what is known at a checkpoint."""
        key = checkpoint_key(checkpoint)
        found = None if centre is None else found_at(centre, controls.examples)
        if found is None and complete:
            losses = centre.known.losses_at_theta if centre else {}
            found = AtCheckpoint(losses.get(controls.examples, math.nan))
        if found is not None:
            self._found[key, controls.examples] = found
        if complete:
            self.begin_anew(controls)
            self._ready.add(key)
            self._whole.add((key, controls.examples))
