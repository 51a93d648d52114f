"""Which alerts are still to be told, until whoever tells them says that they are in somebody's hands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice


class Outbox:
    """Ids in the order of their newest words; each time that there is something new to one, it is to be told again."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._words = 0
        self._waiting: dict[str, int] = {}  # by id the number of the newest word
        self._offered: dict[str, int] = {}  # as they were told last
        self._told = 0  # all words up to this one were offered at least once
        for id_ in ids:
            self.put(id_)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._waiting

    def __iter__(self) -> Iterator[str]:
        return iter(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, id_: str) -> None:
        """There is something new to it."""
        self._words += 1
        self._waiting.pop(id_, None)
        self._waiting[id_] = self._words

    def offer(self, most: int, again: bool = True) -> list[str]:
        """The first of what is to be told now; it is offered again until it is `taken`, unless only news is wanted."""
        first = 0 if again else self._told
        offered = dict(islice(((id_, word) for id_, word in self._waiting.items() if word > first), most))
        self._offered |= offered
        self._told = max(self._told, *offered.values()) if offered else self._told
        return list(offered)

    def taken(self, ids: Iterable[str]) -> None:
        """These are in somebody's hands, as they were offered last; what is newer is still to be told."""
        for id_ in ids:
            if self._waiting.get(id_) == self._offered.pop(id_, None):
                self._waiting.pop(id_, None)
