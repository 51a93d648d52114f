"""Cases of the detections that ask from where somebody acts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.detections.management.happenings import (
    ANONYMOUS,
    COUNTRY,
    NOW,
    POLAND,
    RESTART,
    SERVICE,
    TRAVEL,
    VPN,
    Case,
    at_desk,
    away,
    commuter,
    fires,
    there,
    visits,
)
from tests.detections.management.office import DAY_H, LISTED, QUITO, act


def country() -> Iterator[Case]:
    later = NOW + 12
    alone = there(QUITO, hour=later)
    yield Case("from a country that nobody knows", lambda: [alone], fires(COUNTRY), severity="medium")
    yield Case(
        "from a country that nobody knows, refused", lambda: [there(QUITO, hour=later, outcome="denied")]
    )
    yield Case(
        "from a country where a colleague was",
        lambda: [*visits(QUITO, "tim"), alone],
        kept={COUNTRY: "others"},
    )
    yield Case(
        "from a country where a colleague was long ago",
        lambda: [
            *visits(QUITO, "tim", hour=9),
            *(at_desk(0, d * DAY_H) for d in range(30, 95)),
            there(QUITO, hour=96 * DAY_H),
        ],
        fires(COUNTRY),
    )
    yield Case(
        "from a country where somebody was for the first time today",
        lambda: [*visits(QUITO, "tim", hour=NOW + 4), alone],
        fires(COUNTRY),
    )
    yield Case("from a country that is one's own", lambda: [*visits(QUITO, "eva"), alone])
    yield Case(
        "from a country where one was four months ago",
        lambda: [
            *visits(QUITO, "eva", hour=9),
            *(at_desk(0, d * DAY_H) for d in range(30, 125)),
            there(QUITO, hour=126 * DAY_H),
        ],
        fires(COUNTRY),
    )
    yield Case(
        "from nowhere that is known",
        lambda: [
            there({"country": "", "latitude": None, "longitude": None, "address": "100.64.0.1"}, hour=later)
        ],
    )
    yield Case("a service from a country that nobody knows", lambda: [there(QUITO, hour=later, **SERVICE)])
    yield Case(
        "from a country that nobody knows, in the first days",
        lambda: [there(QUITO, hour=5 * DAY_H + 20)],
        kept={COUNTRY: "learning"},
        days=5,
    )


def anonymous() -> Iterator[Case]:
    tor = LISTED | {"listed": ("tor_exit_node",)}
    yield Case("from a listed proxy", lambda: [there(LISTED)], fires(ANONYMOUS), severity="medium")
    yield Case("from a Tor exit node", lambda: [there(tor)], fires(ANONYMOUS))
    yield Case("a service from a Tor exit node", lambda: [there(tor, **SERVICE)], fires(ANONYMOUS))
    yield Case(
        "from a listed proxy, refused",
        lambda: [there(LISTED, outcome="denied")],
        fires(ANONYMOUS),
        severity="low",
    )
    yield Case("from a listed proxy, in vain", lambda: [there(LISTED, outcome="failure")])
    yield Case(
        "from a listed proxy on the first day", lambda: [there(LISTED, hour=20)], fires(ANONYMOUS), days=1
    )
    yield Case(
        "from a command-and-control server's address",
        lambda: [there(LISTED | {"listed": ("command_and_control",)})],
    )
    yield Case(
        "from a listed proxy that three others use",
        lambda: [*visits(LISTED, "tim", "ola", "ben"), there(LISTED)],
        kept={ANONYMOUS: "mis-tagged"},
    )
    yield Case(
        "from a listed proxy that two others use",
        lambda: [*visits(LISTED, "tim", "ola"), there(LISTED)],
        fires(ANONYMOUS),
    )
    yield Case(
        "from a listed proxy that three others took today",
        lambda: [*visits(LISTED, "tim", "ola", "ben", hour=NOW - 7), there(LISTED)],
        fires(ANONYMOUS),
    )
    yield Case(
        "from a listed proxy that three others were refused at",
        lambda: [*visits(LISTED, "tim", "ola", "ben", outcome="denied"), there(LISTED)],
        fires(ANONYMOUS),
    )


def travel() -> Iterator[Case]:
    yield Case(
        "at the desk, and in Quito ten minutes later",
        lambda: [at_desk(), there(QUITO)],
        fires(TRAVEL, COUNTRY),
    )
    yield Case(
        "in Quito fourteen hours later", lambda: [at_desk(), there(QUITO, hour=NOW + 14)], fires(COUNTRY)
    )
    yield Case("in Quito ten minutes later, refused", lambda: [at_desk(), there(QUITO, outcome="denied")])
    yield Case(
        "a service, in Quito ten minutes later",
        lambda: [act(NOW, 0, RESTART, **SERVICE), there(QUITO, **SERVICE)],
    )
    yield Case(
        "in a neighbouring country ten minutes later", lambda: [at_desk(), there(POLAND)], fires(COUNTRY)
    )
    yield Case("499 km away ten minutes later", lambda: [at_desk(), there(away(4.488, "AT"))], fires(COUNTRY))
    yield Case(
        "700 km away ten minutes later", lambda: [at_desk(), there(away(6.3, "SI"))], fires(TRAVEL, COUNTRY)
    )
    yield Case(
        "560 km away ten minutes later, or less if geography is wrong",
        lambda: [at_desk(), there(away(5.036, "AT"))],
        fires(COUNTRY),
    )
    yield Case(
        "700 km away 35 minutes later, or less if geography is wrong",
        lambda: [at_desk(), there(away(6.3, "SI"), 35)],
        fires(COUNTRY),
    )
    yield Case(
        "in Quito ten minutes later, where one was once before",
        lambda: [*visits(QUITO, "eva"), at_desk(), there(QUITO)],
        fires(TRAVEL),
    )
    yield Case(
        "700 km away an hour later", lambda: [at_desk(), there(away(6.3, "SI"), 5, NOW + 1)], fires(COUNTRY)
    )
    yield Case(
        "far away in the same country ten minutes later",
        lambda: [at_desk(), there(away(9, "DE", "91.1.1.1"))],
    )
    yield Case("between two countries that are both one's own", commuter)
    yield Case(
        "a VPN that three others use",
        lambda: [*visits(VPN, "tim", "ola", "ben"), at_desk(), there(VPN)],
        kept={TRAVEL: "3 others use 20.1.1.1", COUNTRY: "others"},
    )
    yield Case(
        "an address that one other uses",
        lambda: [*visits(VPN, "tim"), at_desk(), there(VPN)],
        fires(TRAVEL),
        kept={COUNTRY: "others"},
    )
    yield Case(
        "in Quito ten minutes later, in the first days",
        lambda: [at_desk(0, 5 * DAY_H + 16), there(QUITO, 10, 5 * DAY_H + 16)],
        kept={TRAVEL: "learning", COUNTRY: "learning"},
        days=5,
    )
