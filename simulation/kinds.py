"""Kinds of organisation: how large each is, how it works, and when its run begins. Attacks are the same in all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from simulation.habits import Habits
from simulation.world import START, Organisation

QUARTER = date(2026, 3, 9)  # a Monday, 22 days before a quarter ends


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `quick` is the same at a size that a quick measurement can afford."""

    name: str
    what: str
    full: Organisation
    quick: Organisation
    start: date = START


def _kind(name: str, what: str, full: Organisation, quick: Organisation, start: date = START) -> Kind:
    return Kind(name, what, full, replace(quick, habits=full.habits), start)


_SMALL = Organisation(people=24, vaults=14, machines=20)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind("default", "the organisation of the demo", Organisation(), _SMALL),
        _kind(
            "small-office",
            "few people, few machines, hardly a pipeline",
            Organisation(
                people=18,
                vaults=12,
                machines=16,
                subscriptions=1,
                habits=Habits(builds=0.5, launches=(15, 30), month_end=2, vpn=(0.0, 0.2)),
            ),
            Organisation(people=18, vaults=12, machines=16, subscriptions=1),
        ),
        _kind(
            "software",
            "a software company whose builds make identities all day, with new applications every few days",
            Organisation(people=80, vaults=40, machines=50, habits=Habits(20.0, 3, (2, 5))),
            _SMALL,
        ),
        _kind(
            "bank",
            "a bank: month-end batches go through their vaults twelve times, a quarter's end is audited",
            Organisation(
                people=80,
                vaults=40,
                machines=40,
                habits=Habits(builds=2.0, month_end=12, audits=True, vpn=(0.9, 1.0)),
            ),
            _SMALL,
            QUARTER,
        ),
        _kind(
            "global",
            "a global firm: VPN egress, much travel, phones behind their carrier's NAT",
            Organisation(
                people=120,
                vaults=30,
                machines=40,
                habits=Habits(vpn=(0.5, 0.8, 1.0), trips=0.6, phone=0.25, carriers=4),
            ),
            Organisation(people=36, vaults=14, machines=20),
        ),
        _kind(
            "fleet",
            "many machines under constant scanning",
            Organisation(people=30, machines=2_000, habits=Habits(scanning=4.0)),
            Organisation(people=18, vaults=12, machines=60),
        ),
    )
}


def kind_of(name: str) -> Kind:
    """The kind of that name. Raises ValueError, with the names that there are."""
    if name not in KINDS:
        raise ValueError(f"no kind of organisation is called {name!r}; there are {', '.join(KINDS)}")
    return KINDS[name]
