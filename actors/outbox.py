"""Which alerts are still to be told, until whoever tells them says that they are in somebody's hands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Outbox:
    """Ids in their order; each time that there is something new to one, it is to be told again."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._words = 0
        self._waiting: dict[str, int] = {}  # by id the number of the newest word
        self._offered: dict[str, int] = {}  # as they were told last
        for id_ in ids:
            self.put(id_)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._waiting

    def __iter__(self) -> Iterator[str]:
        return iter(self._waiting)

    def put(self, id_: str) -> None:
        """There is something new to it."""
        self._words += 1
        self._waiting[id_] = self._words

    def offer(self) -> list[str]:
        """What is to be told now; it is offered again until it is `taken`."""
        self._offered = dict(self._waiting)
        return list(self._waiting)

    def taken(self, ids: Iterable[str]) -> None:
        """These are in somebody's hands, as they were offered last; what is newer is still to be told."""
        for id_ in ids:
            if self._waiting.get(id_) == self._offered.get(id_):
                self._waiting.pop(id_, None)
