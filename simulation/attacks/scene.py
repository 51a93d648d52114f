"""What an attack is given to play with, and what it leaves behind: telemetry and the truth about it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeVar, cast

import numpy as np

from simulation.acts import DAY_US, MINUTE_US, Act, Client, Identity, Management, Vaulted
from simulation.conversations import Longs, Table
from simulation.estate import Machine, Vault
from simulation.people import Person, dormant
from simulation.places import ABROAD, Place
from simulation.randomness import guid, numbers, stream
from simulation.services import Service
from simulation.world import World

LOUD, MODERATE, FAINT = "loud", "moderate", "faint"
STRENGTHS = (LOUD, MODERATE, FAINT)
BELOW = 5  # how much less than a faint attack one that grows is on its first day
SLOW = 3  # how many times as long a faint attack takes
T = TypeVar("T")
Entity = tuple[str, str]  # kind ('resource', 'principal', 'vault') and the cloud's own id


class CannotPlayError(Exception):
    """The run is too short, or the organisation too small, for this attack; the message says why."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One attack (or what only looks like one). Times are those of its first and last telemetry."""

    type: str
    entity: Entity
    start_us: int
    end_us: int
    strength: str
    note: str
    also: tuple[tuple[str, Entity], ...] = ()  # other types that it rightly raises
    withheld: bool = False  # must not alert: the address changed owners within the hour
    part: str = ""  # of an attack that is played more than once, or at a time of change (`courses`)


@dataclass(slots=True)
class Attack:
    """All that one attack leaves behind."""

    truth: Truth
    acts: list[Act] = field(default_factory=list)
    talks: list[tuple[Machine, Table]] = field(default_factory=list)
    signs_in: bool = False  # with the victim's password; else a token was stolen


class Cast:
    """Hands out victims: each machine, vault, person and country once, as long as there are enough.

    An attack that is played again has the victims and the country that it had before.
    """

    def __init__(self, world: World) -> None:
        self._world, self._used = world, set[int]()
        self._rng = stream(world.seed, "cast")
        self._countries = self._rng.sample(sorted(ABROAD), len(ABROAD))
        self._given: dict[str, list[object]] = {}
        self._play, self._turns = "", count()
        self._days: tuple[int, ...] = ()

    def begin(self, play: str, days: Sequence[int] = ()) -> None:
        """A play begins. Its people are not away on those other days either, on which it is played again."""
        self._play, self._days, self._turns = play, tuple(days), count()

    def _same(self, choose: Callable[[], T]) -> T:
        """What this play was given in this place before; the first time it is chosen."""
        given, turn = self._given.setdefault(self._play, []), next(self._turns)
        if turn == len(given):
            given.append(choose())
        return cast(T, given[turn])

    def _one(
        self,
        things: Iterable[T],
        fits: Callable[[T], bool],
        what: str,
        beside: Callable[[T], object] = lambda _: None,
    ) -> T:
        """One of the fitting things, if possible one that (with what is beside it) had no part yet."""
        return self._same(lambda: self._choose(things, fits, what, beside))

    def _choose(
        self, things: Iterable[T], fits: Callable[[T], bool], what: str, beside: Callable[[T], object]
    ) -> T:
        fitting = [thing for thing in things if fits(thing)]
        if not fitting:
            raise CannotPlayError(f"the organisation has no {what}")
        fresh = [thing for thing in fitting if not self._used & {id(thing), id(beside(thing))} - {id(None)}]
        chosen = self._rng.choice(fresh or fitting)
        self._used |= {id(chosen), id(beside(chosen))} - {id(None)}
        return chosen

    def machine(self, fits: Callable[[Machine], bool], what: str) -> Machine:
        """A machine that kept its address all the time."""
        return self._one(self._world.estate.machines, lambda m: len(m.owners) == 1 and fits(m), what)

    def vault(self, fits: Callable[[Vault], bool], what: str) -> Vault:
        """A vault that was there from the start."""
        return self._one(self._world.estate.vaults, fits, what)

    def person(
        self,
        day: float,
        fits: Callable[[Person], bool],
        what: str,
        beside: Callable[[Person], object] = lambda _: None,
    ) -> Person:
        """Somebody employed from the start until after that day, and not on a trip then."""
        asleep = dormant(self._world.people)
        return self._one(
            self._world.people,
            lambda p: (
                p is not asleep
                and p.first == 0
                and p.last > day + 1
                and not any(_away(p, each) for each in (int(day), *self._days))
                and fits(p)
            ),
            what,
            beside,
        )

    def service(self, fits: Callable[[Service], bool], what: str) -> Service:
        """A service principal that was there from the start."""
        return self._one(self._world.services, fits, what)

    def country(self) -> Place:
        """A country from which nobody acts."""
        return self._same(lambda: ABROAD[self._countries.pop()])


def _away(person: Person, day: int) -> bool:
    return any(trip.first - 3 <= day <= trip.last + 3 for trip in person.trips)


@dataclass(slots=True)
class Scene:
    """Time, place, strength and chance of one attack."""

    type: str
    world: World
    cast: Cast
    day: int  # of the run
    start_us: int
    strength: str
    rng: random.Random
    columns: np.random.Generator
    grown: float | None = None  # of an attack that grows from day to day: 0 on the first, 1 on the last

    def size(self, loud: int, moderate: int, faint: int) -> int:
        """How much of it, by the strength; one that grows does so by the same factor each day, up to loud."""
        if self.grown is None:
            return {LOUD: loud, MODERATE: moderate, FAINT: faint}[self.strength]
        if faint == 0:  # no amount, but something that only a loud attack does
            return loud if self.grown == 1 else 0
        least = max(1.0, faint / BELOW)
        return round(least * (loud / least) ** self.grown)  # type: ignore[no-any-return]

    def times(self, count: int, minutes: float) -> Longs:
        """Sorted times of so many connections within so many minutes; a faint attack is slower."""
        minutes *= SLOW if self.strength == FAINT else 1
        return self.start_us + np.sort(self.columns.integers(0, int(minutes * 60e6), count))

    def owner(self, machine: Machine) -> Entity:
        """The resource that holds the machine's address that day."""
        return "resource", machine.owner_at(self.day)

    def network(self, machine: Machine, made: Table, note: str) -> Attack:
        """An attack that is conversations of one machine."""
        start, end = int(made["start_us"].min()), int(made["end_us"].max())
        truth = Truth(self.type, self.owner(machine), start, end, self.strength, note)
        return Attack(truth, [], [(machine, made)])

    def events(
        self, entity: Entity, acts: Sequence[Act], note: str, also: Sequence[tuple[str, Entity]] = ()
    ) -> Attack:
        """An attack that is events."""
        times = [act.at_us for act in acts]
        truth = Truth(self.type, entity, min(times), max(times), self.strength, note, tuple(also))
        return Attack(truth, list(acts))

    def pause(self, seconds: float) -> int:
        """About so many seconds, in microseconds."""
        return int(self.rng.uniform(0.5, 1.5) * seconds * 1e6)

    def operate(
        self,
        at_us: int,
        who: Identity,
        client: Client,
        address: str,
        operation: str,
        resource: str,
        **more: str,
    ) -> Management:
        """One control-plane operation."""
        took = int(self.rng.uniform(0.3, 2.5) * 1e6)
        return Management(
            at_us, who, client.appid, address, operation, resource, guid(self.rng), duration_us=took, **more
        )

    def call(
        self,
        at_us: int,
        who: Identity,
        client: Client,
        address: str,
        operation: str,
        vault: Vault,
        item: str = "",
    ) -> Vaulted:
        """One call to a vault."""
        took = self.rng.randint(5, 40)
        return Vaulted(
            at_us, who, client.appid, client.agent, address, operation, vault.resource, guid(self.rng), item, 200,
            took,
        )  # fmt: skip


def from_abroad(who: Identity) -> list[tuple[str, Entity]]:
    """What an act from a country new to the organisation raises besides."""
    principal = ("principal", who.oid)
    return [("management.infrequent_country", principal), ("management.impossible_travel", principal)]


def set_scene(kind: str, name: str, world: World, cast: Cast, strength: str) -> Scene:
    """The scene of an attack: some hour in the last quarter, the same for every choice of attacks.

    `name` is that of the file, which names the streams too.
    """
    rng = stream(world.seed, "attack", kind, name)
    first = int(world.days * 0.75)
    day = first + rng.randrange(world.days - first)
    start_us = world.at(day) + rng.randrange(1, 20) * 60 * MINUTE_US + rng.randint(2, 12) * MINUTE_US
    return Scene(kind, world, cast, day, start_us, strength, rng, numbers(world.seed, "attack", kind, name))


def on_day(scene: Scene, day: int, grown: float | None = None) -> Scene:
    """The same scene at the same hour of another day, if nothing of it was played yet."""
    start_us = scene.start_us + (day - scene.day) * DAY_US
    return replace(scene, day=day, start_us=start_us, grown=grown)
