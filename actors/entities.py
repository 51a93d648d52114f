"""A shard's principals and vaults: those active lately as objects, the others packed.

A packed entity takes a kilobyte or so where its models' objects take ten. It is unpacked at its next event.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.entity import EntityState, last_hour_of

QUIET_HOURS = 24  # after which an entity is packed
MOST_AWAKE = 20_000  # more than that are packed the sooner (`Entities._make_room`)


class Entities:
    """By key. It knows which have changed since it was last asked."""

    def __init__(self) -> None:
        self._awake: dict[str, EntityState] = {}
        self._packed: dict[str, bytes] = {}
        self._latest = ""  # who was set last
        self._changed: set[str] = set()
        self._forgotten: set[str] = set()

    def __len__(self) -> int:
        return len(self._awake) + len(self._packed)

    def __iter__(self) -> Iterator[str]:
        yield from self._awake
        yield from self._packed

    def get(self, key: str) -> EntityState | None:
        """The entity, unpacked if it was packed; None: it is not known."""
        state = self._awake.get(key)
        if state is None and key in self._packed:
            state = self._awake[key] = EntityState.unpack(self._packed.pop(key))
        return state

    def put(self, key: str, state: EntityState, hour: int) -> None:
        """Set an entity that changes now, in that hour."""
        self._packed.pop(key, None)
        self._awake.pop(key, None)
        self._awake[key] = state  # at the end: the first ones are packed first
        self._changed.add(key)
        self._forgotten.discard(key)
        while len(self._awake) > MOST_AWAKE:
            self._make_room(key, hour)
        self._latest = key

    def _make_room(self, changing: str, hour: int) -> None:
        """Pack who was not asked for longest; where even they were active in the last hour, who changed just now.

        Entities come in the same order each hour. Where more than there is room for are active in all of them, the one not
        asked for longest is the next to be asked for: all would be packed and unpacked each hour, for as much time as it takes
        to judge them.
        """
        first = next(iter(self._awake))
        busy = self._awake[first].last_hour >= hour - 1
        if busy and self._latest != changing and self._latest in self._awake:
            first = self._latest
        self._packed[first] = self._awake.pop(first).pack()

    def pack_quiet(self, hour: int) -> None:
        """Pack those that have not been active for a day."""
        quiet = [key for key, state in self._awake.items() if hour - state.last_hour > QUIET_HOURS]
        for key in quiet:
            self._packed[key] = self._awake.pop(key).pack()

    def forget(self, before: int) -> list[str]:
        """Forget those that were last active before that hour; their keys."""
        old = [key for key, state in self._awake.items() if state.last_hour < before]
        old += [key for key, packed in self._packed.items() if last_hour_of(packed) < before]
        for key in old:
            self._drop(key)
        return old

    def _drop(self, key: str) -> None:
        self._awake.pop(key, None)
        self._packed.pop(key, None)
        self._changed.discard(key)
        self._forgotten.add(key)

    # Checkpoints

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """What changed since the last time, packed; None: it was forgotten."""
        for key in sorted(self._changed):
            state = self._awake.get(key)
            yield key, self._packed[key] if state is None else state.pack()
        for key in sorted(self._forgotten):
            yield key, None
        self._changed, self._forgotten = set(), set()

    def load(self, key: str, packed: bytes | None) -> None:
        """Take a saved entity in, in place of what was known of it."""
        self._awake.pop(key, None)
        if packed is None:
            self._packed.pop(key, None)
        else:
            self._packed[key] = packed

    def mark(self) -> None:
        """All have changed: they are in a store of other parts."""
        self._changed = {*self._awake, *self._packed}
