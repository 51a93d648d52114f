"""Cases of the network detections: what happens in one hour, and every detection that may fire on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ingest.records import HOUR_US
from tests.detections.network.estate import (
    BASTION,
    BUILD,
    C2,
    MOVED,
    NOON,
    PORTS,
    STALE_C2,
    TOR,
    TWICE_LISTED,
    VICTIM,
)
from tests.detections.network.replay import MINUTE_US, Talk, address

MALICIOUS = "network.malicious_address"
AT_US = NOON * HOUR_US + MINUTE_US


class Aim(NamedTuple):
    """Which of the eight is meant."""

    service: str
    direction: str
    many: bool

    @property
    def type(self) -> str:
        """Its type id."""
        way = "incoming" if self.direction == "in" else "outgoing"
        return f"network.{self.service}_{way}{'_multiple' if self.many else ''}"

    @property
    def single(self) -> str:
        """The type id of the one-to-one detection of this service and direction."""
        return self._replace(many=False).type

    def talk(self, own: str, peer: str, count: int, at_us: int = AT_US, **more: Any) -> Talk:
        """Connections between a machine and a peer in this direction."""
        ends = (own, peer) if self.direction == "out" else (peer, own)
        return Talk(*ends, PORTS[self.service], count, at_us)._replace(**more)


AIMS = tuple(Aim(s, d, many) for s in PORTS for d in ("in", "out") for many in (False, True))

Story = Callable[[Aim], Iterator[Talk]]


@dataclass(frozen=True)
class Case:
    """What is added to an ordinary hour; `fires(aim)` names the detections that do, and no other may."""

    name: str
    story: Story
    fires: Callable[[Aim], set[str]]
    aims: tuple[Aim, ...] = AIMS


def its_own(aim: Aim) -> set[str]:
    """The detection that is meant."""
    return {aim.type}


def one_to_one(aim: Aim) -> set[str]:
    """The detection of a single peer, whichever is meant."""
    return {aim.single}


def nothing(aim: Aim) -> set[str]:
    """No detection."""
    return set()


def attack(aim: Aim, own: str = VICTIM, at_us: int = AT_US, **more: Any) -> Iterator[Talk]:
    """A thousand log-ins with one peer, or two with each of a hundred and fifty."""
    peers, each = (150, 2) if aim.many else (1, 1_000)
    for number in range(peers):
        yield aim.talk(own, address(9_000_000 + number), each, at_us, **more)


def denied(aim: Aim) -> Iterator[Talk]:
    """The same, of which nothing was let through."""
    return attack(aim, denied=True)


def mostly_denied(aim: Aim) -> Iterator[Talk]:
    """The same denied, and a few that were let through."""
    yield from attack(aim, denied=True)
    for number in range(4):
        yield aim.talk(VICTIM, address(9_100_000 + number), 2)


def long_sessions(aim: Aim) -> Iterator[Talk]:
    """As many sessions that last and move data."""
    return attack(aim, packets=900, octets=400_000, lasts_us=20 * MINUTE_US)


def half_long_sessions(aim: Aim) -> Iterator[Talk]:
    """An attack beside a few sessions that last."""
    yield from attack(aim)
    yield aim.talk(VICTIM, address(9_200_000), 5, packets=900, octets=400_000)


def sampled(aim: Aim) -> Iterator[Talk]:
    """What an export of one in a hundred shows of ordinary traffic."""
    for number in range(5):
        yield aim.talk(VICTIM, address(9_300_000 + number), 2, sampling=100)


def sampled_attack(aim: Aim) -> Iterator[Talk]:
    """What such an export leaves of log-ins."""
    return attack(aim, sampling=100, packets=1, octets=120)


def sampled_long_sessions(aim: Aim) -> Iterator[Talk]:
    """What it leaves of sessions that last and move data: as little as log-ins are without sampling."""
    return attack(aim, sampling=100, packets=9, octets=4_000, lasts_us=20 * MINUTE_US)


def a_few_more(aim: Aim) -> Iterator[Talk]:
    """Somewhat more than usual."""
    for number in range(3):
        yield aim.talk(VICTIM, address(9_400_000 + number), 10 if not aim.many and number == 0 else 1)


def exported_often(aim: Aim) -> Iterator[Talk]:
    """One connection that is exported a thousand times."""
    for number in range(1_000):
        yield aim.talk(VICTIM, address(9_500_000), 1, AT_US + number * 1_000_000, first_port=40_000)


def one_heavy_peer(aim: Aim) -> Iterator[Talk]:
    """One peer with nearly all connections, beside twenty-five that knock."""
    yield aim.talk(VICTIM, address(9_600_000), 4_000)
    for number in range(25):
        yield aim.talk(VICTIM, address(9_610_000 + number), 1)


def as_always(aim: Aim) -> Iterator[Talk]:
    """New peers of the machine that always has many: the build machine's or the bastion's."""
    own = BUILD if aim.direction == "out" else BASTION
    for number in range(8):
        yield aim.talk(own, address(9_700_000 + number), 12 if number == 0 else 3)


def inside(aim: Aim) -> Iterator[Talk]:
    """A machine goes to many of the organisation's own, which have no public address."""
    for number in range(150):
        yield aim.talk(VICTIM, f"10.9.0.{number}", 5)


CASES = (
    Case("an attack", attack, its_own),
    Case("scans as ever", lambda aim: iter(()), nothing),
    Case("an attack that was denied", denied, nothing),
    Case("an attack that was mostly denied", mostly_denied, nothing),
    Case("a sampled export's small numbers", sampled, nothing),
    Case("an attack in a sampled export", sampled_attack, its_own),
    Case("somewhat more than usual", a_few_more, nothing),
    Case("one connection exported over and over", exported_often, nothing),
    Case("one peer with nearly all connections", one_heavy_peer, one_to_one),
    Case("a machine that always has many", as_always, nothing),
    Case("long sessions", long_sessions, nothing, tuple(a for a in AIMS if a.direction == "out")),
    Case(
        "long sessions in a sampled export",
        sampled_long_sessions,
        nothing,
        tuple(a for a in AIMS if a.direction == "out"),
    ),
    Case("an attack beside a long session", half_long_sessions, its_own),
    Case("traffic that stays inside", inside, nothing, tuple(a for a in AIMS if a.direction == "out")),
)


@dataclass(frozen=True)
class Contact:
    """What passes between a machine and a listed address."""

    name: str
    talks: tuple[Talk, ...]
    fires: bool
    feeds: tuple[str, ...] = ("c2.csv",)
    against: str = "one feed alone"


def _with(listed: str, count: int, outward: bool = True, **more: Any) -> tuple[Talk, ...]:
    ends = (VICTIM, listed) if outward else (listed, VICTIM)
    return (Talk(*ends, 4_444, count, AT_US)._replace(**more),)


CONTACTS = (
    Contact("a knock without an answer", _with(C2, 1, outward=False, answered=False), False),
    Contact("two knocks without an answer", _with(C2, 2, outward=False, answered=False), False),
    Contact("a connection that is answered", _with(C2, 1), True),
    Contact("their connection, answered", _with(C2, 1, outward=False), True),
    Contact("three without an answer", _with(C2, 3, answered=False), True, against="one direction only"),
    Contact("two feeds name it", _with(TWICE_LISTED, 2), True, ("c2.csv", "other.txt"), ""),
    Contact("denied", _with(C2, 40, denied=True), False),
    Contact("listed until this hour", _with(STALE_C2, 40), False),
    Contact("another kind of list", _with(TOR, 40), False),
    Contact("nobody's list", _with(address(9_900_000), 40), False),
    Contact("of the machine that moved", (Talk(MOVED, C2, 443, 5, AT_US),), False),
)
