"""Who holds which address by what telemetry tells while a run reads it: settled in the order of event time.

What is told counts from its time on, and never changes what was said of the time before: so it hangs on what is told
alone, not on who reads which source when.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from heapq import merge
from typing import Any

import msgspec

from ingest.holdings import Changed, Deleted, Holdings, Kept, Picture, Span, Thing
from ingest.networks import ALWAYS_US, FOREVER_US
from ingest.pictures import in_order
from ingest.records import HOUR_US

MOST_THINGS = 200_000  # machines, interfaces and public addresses; more are refused and counted
MOST_HOLDERS = 2 * MOST_THINGS  # and addresses of which it is known since when; the longest known go first
MOST_TOLD = 200_000  # that wait to be settled; of more the older half counts at once: about 500 octets each
FEW_THINGS = 10_000  # of more it is settled who holds what at hours alone: it takes seconds
SPANS_US = 48 * HOUR_US  # what ended is known for so long: no hour is open for longer

Told = Changed | Deleted | Picture
_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Changed, Deleted, Picture)}


class HoldersNow(msgspec.Struct, frozen=True):
    """How the inventory stands that telemetry tells."""

    addresses: int  # that somebody holds
    resources: int
    since_us: int  # from when on the first of them is told of; 0: always, or nothing was told
    newest_us: int  # when it was that the newest of all came that was told; 0: nothing was
    refused: int  # things beyond the bound
    pages: int = 0  # pictures that were taken for full pages of larger ones
    hurried: int = 0  # words of sources that counted before all that is older had come


class Spans(msgspec.Struct):
    """What routers and the aggregator look addresses up in."""

    version: int
    spans: list[Span]
    since_us: dict[str, int]  # holder in lower case -> when it was first told to hold anything
    first_us: dict[str, int]  # address -> from when on telemetry tells of it
    now: HoldersNow


class _State(msgspec.Struct):
    kept: Kept = Kept([], [], [], [], {}, [])
    waiting: list[tuple[str, int, Any]] = []  # kind of what is told, its own time, it
    settled_us: int = 0
    since_us: dict[str, int] = {}
    first_us: dict[str, int] = {}
    version: int = 0
    refused: int = 0
    newest_us: int = 0
    pages: int = 0
    hurried: int = 0
    form: int = 1


class ToldHolders:
    """Takes what is told as it is read; `settle` says up to when nothing more comes."""

    def __init__(self, kept: bytes = b"") -> None:
        """Raises ValueError for what is no such state."""
        state = _unpacked(kept) if kept else _State()
        self._holdings = Holdings.restored(state.kept, looks_back=False)
        self._waiting = [(at_us, msgspec.convert(one, _KINDS[kind])) for kind, at_us, one in state.waiting]
        self.settled_us, self._version = state.settled_us, state.version
        self._since_us, self._first_us = state.since_us, state.first_us
        self.refused, self.newest_us = state.refused, state.newest_us
        self.pages, self.hurried = state.pages, state.hurried
        self._spans: Spans | None = None
        self._packed: bytes | None = None

    def take(self, told: Iterable[tuple[int, Told]]) -> None:
        """What was read, each with its own time; it counts from its `at_us` on, or from what is settled."""
        for own_us, one in told:
            # In a run what is not late is not older than what is settled; what an earlier run had may be.
            at_us = max(one.at_us, self.settled_us, self.newest_us) if self.settled_us else one.at_us
            self._waiting.append((own_us, one._replace(at_us=at_us)))
            self._packed = None
        if len(self._waiting) > MOST_TOLD:
            self._hurry()

    def _hurry(self) -> None:
        """Too many wait: what is older than half of them counts now, and what is older still as what comes too late."""
        times = sorted(one.at_us for _, one in self._waiting)
        until_us = times[len(times) // 2] + 1
        self.hurried += bisect_left(times, until_us)
        self._settle(until_us, to_the_end=False)

    def settle(self, until_us: int, to_the_end: bool = False) -> bool:
        """Nothing that is older comes any more; whether anything is new. `to_the_end`: nothing at all comes in this run."""
        begun = {self.settled_us // HOUR_US, (self.settled_us - 1) // HOUR_US}
        is_same_hour = begun == {until_us // HOUR_US, (until_us - 1) // HOUR_US}
        if is_same_hour and not to_the_end and self._holdings.things > FEW_THINGS:
            return False  # nobody asks who held an address but when an hour begins
        return self._settle(until_us, to_the_end)

    @property
    def waits(self) -> bool:
        """Whether something was told that is not settled."""
        return bool(self._waiting)

    def _settle(self, until_us: int, to_the_end: bool) -> bool:
        ready = [one for one in self._waiting if to_the_end or one[1].at_us < until_us]
        if not to_the_end and until_us > self.settled_us:
            self.settled_us, self._packed = until_us, None
        if not ready:
            return False
        self._waiting = [] if to_the_end else [one for one in self._waiting if one[1].at_us >= until_us]
        late = {id(one): own_us for own_us, one in ready if own_us != one.at_us}
        in_time = in_order([one for _, one in ready if id(one) not in late])
        behind = sorted((one for _, one in ready if id(one) in late), key=lambda one: (one.at_us, repr(one)))
        # One order for both: it must not hang on how much is settled at a time.
        for one in merge(in_time, behind, key=lambda one: one.at_us):
            self._fold(self._what_is_new(one, late[id(one)]) if id(one) in late else one)
        self._note(self._holdings.spans())
        self._holdings.forget(self.settled_us - SPANS_US)
        self._version += 1
        self._spans = self._packed = None
        return True

    def _note(self, spans: list[Span]) -> None:
        """Since when all are told of, before any span is forgotten."""
        since_us, first_us = self._since_us, self._first_us
        new = [s for s in spans if s.address not in first_us or s.holder.lower() not in since_us]
        for span in sorted(new, key=lambda span: (span.start_us, span)):
            self._since_us.setdefault(span.holder.lower(), span.start_us)
            self._first_us.setdefault(span.address, span.start_us)
        for known in (self._since_us, self._first_us):
            for key in list(known)[: max(0, len(known) - MOST_HOLDERS)]:
                del known[key]

    def _fold(self, one: Told | None) -> None:
        if one is None:
            return
        room = max(0, MOST_THINGS - self._holdings.things)
        if room == 0 and not isinstance(one, Deleted):
            one = self._known_alone(one)
        self._holdings.take(one)
        self.pages += isinstance(one, Picture) and one.extent == "part"
        self.newest_us = max(self.newest_us, one.at_us)

    def _known_alone(self, one: Changed | Picture) -> Told:
        things = one.things if isinstance(one, Picture) else (one.thing,)
        known = tuple(thing for thing in things if self._holdings.is_newer(thing, ALWAYS_US))
        self.refused += len(things) - len(known)
        if isinstance(one, Picture):
            return one._replace(things=known)
        return one if known else Picture(one.at_us, ())

    def _what_is_new(self, one: Told, own_us: int) -> Told | None:
        """Of what came too late to count from its time on: what nothing newer was told of."""
        if isinstance(one, Picture):
            things = tuple(thing for thing in one.things if not self._holdings.is_newer(thing, own_us))
            # not as a picture: nothing that it does not show is gone because of it
            for thing in things:
                self._holdings.take(Changed(one.at_us, thing))
            return None
        thing = one.thing if isinstance(one, Changed) else Thing(one.kind, one.id)
        return None if self._holdings.is_newer(thing, own_us) else one

    def spans(self) -> Spans:
        """As of what is settled."""
        if self._spans is None:
            spans = self._holdings.spans()
            held = [span for span in spans if span.end_us == FOREVER_US]
            now = HoldersNow(
                len({span.address for span in held}),
                len({span.holder.lower() for span in held}),
                max(0, min(self._first_us.values(), default=0)),
                self.newest_us,
                self.refused,
                self.pages,
                self.hurried,
            )
            self._spans = Spans(self._version, spans, dict(self._since_us), dict(self._first_us), now)
        return self._spans

    def packed(self) -> bytes:
        """For a checkpoint; the same octets as long as nothing changes."""
        if self._packed is None:
            waiting = [(type(one).__name__, own_us, one) for own_us, one in self._waiting]
            state = _State(
                self._holdings.state(),
                waiting,
                self.settled_us,
                self._since_us,
                self._first_us,
                self._version,
                self.refused,
                self.newest_us,
                self.pages,
                self.hurried,
            )
            self._packed = msgspec.msgpack.encode(state)
        return self._packed


def _unpacked(body: bytes) -> _State:
    try:
        state = msgspec.msgpack.decode(body, type=_State)
        if state.form != _State().form:
            raise ValueError(f"form {state.form}; this version of Redshank reads {_State().form}")
        return state
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"what is kept of the inventory can't be read ({error})") from None
