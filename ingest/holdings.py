"""Who held which address when, from what a cloud tells of its network: changes at a time, and pictures of the whole.

A public address is held by whatever its configuration belongs to; a network interface by its machine, if it has one. Each
object tells of its own addresses, so that two networks may use one private address.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NamedTuple

from ingest.networks import FOREVER_US
from ingest.records import HOUR_US

Kind = Literal["public", "interface", "machine"]
Extent = Literal["whole", "unsaid", "part"]
GONE_US = 400 * 24 * HOUR_US  # for so long it is known when a thing that is gone was told of


class Thing(NamedTuple):
    """A public address, a network interface or a machine, as it stood at a time. Ids as they came."""

    kind: Kind
    id: str
    addresses: tuple[str, ...] = ()  # its own: of an interface, the private ones
    holder: str = (
        ""  # whose it is: the interface or balancer of a public address, the machine of an interface
    )
    parts: tuple[str, ...] = ()  # of an interface, its public addresses; of a machine, its interfaces
    dynamic: bool = False  # a public address that is given back when its machine is stopped
    region: str = ""
    managed_by: str = ""


class Changed(NamedTuple):
    """It was written."""

    at_us: int
    thing: Thing


class Deleted(NamedTuple):
    """It was deleted, or (a machine) stopped in such a way that it gives dynamic addresses back."""

    at_us: int
    kind: Kind
    id: str
    stopped: bool = False


class Picture(NamedTuple):
    """All there was at a time, of those kinds and subscriptions that are in it; of a 'part' nothing is gone that it lacks."""

    at_us: int
    things: tuple[Thing, ...]
    extent: Extent = "unsaid"


class Span(NamedTuple):
    """A resource held an address from a time up to another."""

    address: str
    holder: str
    start_us: int
    end_us: int
    region: str
    managed_by: str


Key = tuple[Kind, str]  # kind, id in lower case


class Kept(NamedTuple):
    """What `Holdings` know, as plain values."""

    things: list[Thing]
    seen_us: list[tuple[Key, int]]
    owners: list[tuple[Key, str]]
    held: list[tuple[Key, str, str, int]]
    about: dict[str, tuple[str, str]]
    done: list[Span]


class Holdings:
    """Takes what is told in the order of time; gives the spans.

    `looks_back`: what a picture does not show any more was held until it was seen last. Else until the picture: what was
    said of a time that has passed stays true.
    """

    def __init__(self, looks_back: bool = True) -> None:
        self._looks_back = looks_back
        self._things: dict[Key, Thing] = {}
        self._seen_us: dict[Key, int] = {}  # when it was last told of
        self._owner: dict[Key, str] = {}  # of public addresses and interfaces, by the last word on it
        self._owned: defaultdict[str, set[Key]] = defaultdict(set)  # owner in lower case -> what it owns
        self._open: dict[Key, dict[str, tuple[str, int]]] = {}  # address -> holder, start
        self._about: dict[str, tuple[str, str]] = {}  # id in lower case -> region, managed by
        self._done: list[Span] = []

    def take(self, told: Changed | Deleted | Picture) -> None:
        """The next of what is told, not earlier than the one before."""
        if isinstance(told, Changed):
            self._settle(self._put(told.thing, told.at_us), told.at_us)
        elif isinstance(told, Picture) and told.extent == "part":
            for thing in told.things:
                self._settle(self._put(thing, told.at_us), told.at_us)
        elif isinstance(told, Picture):
            self._take_picture(told)
        elif told.stopped:
            self._stop(told)
        else:
            key: Key = (told.kind, told.id.lower())
            touched = self._remove(key)
            if key in self._seen_us:
                self._seen_us[key] = told.at_us
            self._settle(touched, told.at_us)

    def spans(self) -> list[Span]:
        """All of them; what is held still has no end."""
        still = [self._span(key, address, *held, FOREVER_US) for key, address, held in self._running()]
        return sorted({*self._done, *still})

    def forget(self, before_us: int) -> None:
        """Spans that ended before that time, and what is gone for much longer."""
        self._done = [span for span in self._done if span.end_us >= before_us]
        last = before_us - GONE_US
        self._seen_us = {key: at for key, at in self._seen_us.items() if at >= last or key in self._things}
        wanted = {key[1] for key in self._things}
        wanted |= {held[0].lower() for some in self._open.values() for held in some.values()}
        self._about = {id_: about for id_, about in self._about.items() if id_ in wanted}

    @property
    def things(self) -> int:
        """How many are there now."""
        return len(self._things)

    def is_newer(self, thing: Thing, at_us: int) -> bool:
        """Whether a thing was told of at or after a time."""
        return self._seen_us.get((thing.kind, thing.id.lower()), at_us - 1) >= at_us

    def state(self) -> Kept:
        """All of it as plain values."""
        held = [(key, address, *held) for key, address, held in self._running()]
        owners = list(self._owner.items())
        return Kept(
            list(self._things.values()), list(self._seen_us.items()), owners, held, self._about, self._done
        )

    @classmethod
    def restored(cls, kept: Kept, looks_back: bool) -> Holdings:
        """The same again."""
        made = cls(looks_back)
        made._things = {(thing.kind, thing.id.lower()): thing for thing in kept.things}
        made._seen_us, made._owner = dict(kept.seen_us), dict(kept.owners)
        for key, owner in kept.owners:
            if owner:
                made._owned[owner.lower()].add(key)
        for key, address, holder, start_us in kept.held:
            made._open.setdefault(key, {})[address] = (holder, start_us)
        made._about, made._done = dict(kept.about), list(kept.done)
        return made

    def _running(self) -> Iterator[tuple[Key, str, tuple[str, int]]]:
        return ((key, address, held) for key, some in self._open.items() for address, held in some.items())

    # What is told

    def _put(self, thing: Thing, at_us: int) -> set[Key]:
        """Take a thing's state; which holders may be others now."""
        key: Key = (thing.kind, thing.id.lower())
        touched = {key}
        if thing.kind != "machine":
            touched |= self._own(key, thing.holder)
        kind: Kind = "public" if thing.kind == "interface" else "interface"
        if thing.kind != "public":
            parts: set[Key] = {(kind, part.lower()) for part in thing.parts}
            lost = {part for part in self._owned[key[1]] if part[0] == kind} - parts
            for part in lost:
                touched |= self._own(part, "")
            for part in parts:
                touched |= self._own(part, thing.id)
        self._things[key], self._seen_us[key] = thing, at_us
        self._about[key[1]] = thing.region, thing.managed_by
        return touched

    def _own(self, key: Key, owner: str) -> set[Key]:
        before = self._owner.get(key, "")
        if before.lower() == owner.lower():
            return set()
        self._owned[before.lower()].discard(key)
        self._owner[key] = owner
        if owner:
            self._owned[owner.lower()].add(key)
        return {key, *self._owned[key[1]]}

    def _remove(self, key: Key) -> set[Key]:
        touched = {key, *self._owned[key[1]]}
        for part in list(self._owned[key[1]]):
            touched |= self._own(part, "")
        touched |= self._own(key, "")
        self._things.pop(key, None)
        return touched

    def _stop(self, told: Deleted) -> None:
        """A stopped machine keeps its private addresses, and the public ones that are not dynamic."""
        for interface in list(self._owned[told.id.lower()]):
            for key in list(self._owned[interface[1]]):
                thing = self._things.get(key)
                if thing is not None and thing.dynamic:
                    self._things[key] = thing._replace(addresses=())
                    self._settle({key}, told.at_us)

    def _take_picture(self, told: Picture) -> None:
        """What is not in it is gone since nobody knows when: it is held until it was seen last."""
        shown = {(thing.kind, thing.id.lower()) for thing in told.things}
        scopes = {(kind, _subscription(id_)) for kind, id_ in shown}
        gone = [key for key in self._things if key not in shown and (key[0], _subscription(key[1])) in scopes]
        touched: set[Key] = set()
        before = dict(self._seen_us)
        for key in gone:
            touched |= self._remove(key)
        for thing in told.things:
            touched |= self._put(thing, told.at_us)
        for key in touched:
            seen_us = before.get(key, told.at_us) if self._looks_back else told.at_us
            self._settle({key}, told.at_us, seen_us)

    # Spans

    def _settle(self, keys: set[Key], at_us: int, until_us: int | None = None) -> None:
        """End what is held by others now, at the time or when it was seen last, and begin what is new."""
        for key in keys:
            thing, holder = self._things.get(key), self._holder(key)
            now = dict.fromkeys(thing.addresses, holder) if thing is not None and holder else {}
            held = self._open.setdefault(key, {})
            for address in list(held):
                if now.get(address, "").lower() != held[address][0].lower():
                    self._end(key, address, held.pop(address), at_us if until_us is None else until_us)
            for address, who in now.items():
                held.setdefault(address, (who, at_us))
            if thing is None and not held:
                self._drop(key)

    def _drop(self, key: Key) -> None:
        """Of what is gone nothing is kept but what it owns, and when it was told of."""
        del self._open[key]
        if not self._owner.get(key):
            self._owner.pop(key, None)
        if not self._owned[key[1]]:
            del self._owned[key[1]]

    def _holder(self, key: Key) -> str:
        """The machine behind a thing, or what it hangs on; an interface holds its addresses itself, if nobody else."""
        if key[0] == "machine":
            return ""
        owner = self._owner.get(key, "")
        if key[0] == "public":
            return self._holder(("interface", owner.lower())) or owner if owner else ""
        thing = self._things.get(key)
        return owner or (thing.id if thing is not None else "")

    def _end(self, key: Key, address: str, held: tuple[str, int], end_us: int) -> None:
        if end_us > held[1]:
            self._done.append(self._span(key, address, *held, end_us))

    def _span(self, key: Key, address: str, holder: str, start_us: int, end_us: int) -> Span:
        known = [self._about[id_] for id_ in (holder.lower(), key[1]) if id_ in self._about]
        region = next((region for region, _ in known if region), "")
        managed_by = next((service for _, service in known if service), "")
        return Span(address, holder, start_us, end_us, region, managed_by)


def _subscription(id_: str) -> str:
    return "/".join(id_.lower().split("/", 3)[:3])
