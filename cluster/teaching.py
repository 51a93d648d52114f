"""What analysts have marked in the stores, for a run to learn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.marks import FOR_EVER, Mark
from alerts.alert import hour_of_time
from cluster.errors import UserError

if TYPE_CHECKING:
    from alerts.store.marks import Marked
    from alerts.store.regions import Stores


def marks_of(
    stores: Stores | None, say: Callable[[str], object], takes_in: bool = True
) -> Callable[[int], list[Mark] | None]:
    """For `cluster.run.Run.marked`. `takes_in`: from which hour on a new mark holds is said for good, to all runs."""
    return _Looking(stores, say, takes_in) if stores is not None else lambda first: None


class _Looking:
    def __init__(self, stores: Stores, say: Callable[[str], object], takes_in: bool) -> None:
        self._engines = [store.engine for store in stores.all()]
        self._say, self._takes_in = say, takes_in
        self._stand: list[tuple[int, int, int]] | None = None
        self._failed = False

    def __call__(self, first: int) -> list[Mark] | None:
        """All marks, where there are others than before; a first hour may have been said of some meanwhile.

        Raises UserError where they can't be read at the beginning: without them other alerts would come.
        """
        from alerts.store.opening import AlertStoreError

        try:
            found = self._look(first)
        except AlertStoreError as error:
            if self._stand is None:
                raise UserError(f"{error}; what was marked there can't be learned") from None
            if not self._failed:
                self._say(f"{error}; what was marked is learned when it can be read")
            self._failed = True
            return None
        self._failed = False
        return found

    def _look(self, first: int) -> list[Mark] | None:
        from alerts.store.marks import marks, stand, take_in

        stands = [stand(engine) for engine in self._engines]
        if stands == self._stand:
            return None
        for engine, (made, taken, _) in zip(self._engines, stands, strict=True):
            if self._takes_in and taken < made:
                take_in(engine, first)
        found = [_mark(one, first) for engine in self._engines for one in marks(engine)]
        # As it stood before they were read: what came since makes it look again.
        new = self._stand is not None or bool(found)
        self._stand = stands
        return found if new else None


def _mark(one: Marked, first: int) -> Mark:
    hour = hour_of_time(one.start)
    return Mark(
        kind=one.kind,
        entity=one.entity,
        type=one.type,
        hour=hour,
        benign=one.state == "benign",
        since=max(first, hour + 1) if one.since is None else one.since,
        until=FOR_EVER if one.expires is None else hour_of_time(one.expires),
        said=f"marked {one.state} by {one.who} at {one.made}",
    )
