"""The planes that pages show: where a click is that came from one."""

from __future__ import annotations

from landscape_widget.results.planes import Plane

#: Pictures whose planes are remembered: a click is on the one that its page showed, perhaps not the newest.
_PICTURES = 4

#: What a click tells of the picture that it was on: number of its request, axes, examples.
PictureKey = tuple[int, tuple[str, ...], int]


class ShownPlanes:
    """The latest ones, and those of the newest pictures."""

    def __init__(self) -> None:
        """Begins with none."""
        self._latest: dict[PictureKey, Plane] = {}
        self.planes: list[Plane | None] = [None, None]
        """The planes of the first and the second picture."""

    def show(self, plane: Plane, picture: PictureKey | None, which: int) -> bool:
        """Remembers a picture on its way to the page; tells whether it lies on the same plane as before.

        Args:
            plane: The plane of the picture.
            picture: What a click will tell of it; None where clicks go nowhere.
            which: 0 for the first picture, 1 for the one beside it.
        """
        if picture is not None:
            self._latest.pop(picture, None)
            self._latest[picture] = plane
        while len(self._latest) > _PICTURES:
            del self._latest[next(iter(self._latest))]
        same = self.planes[which] is plane
        self.planes[which] = plane
        return same

    def of(self, picture: PictureKey) -> Plane | None:
        """The plane of a picture; None for one that is long gone."""
        return self._latest.get(picture)
