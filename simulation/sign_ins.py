"""The sign-ins behind everybody's work. Attacks come with a token that was stolen and have none, but for one who has the
password: that one talked the victim into showing the second factor, and signs in from a device that nobody manages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from simulation.acts import DAY_US, HOUR_US, MINUTE_US, Act, Identity
from simulation.paths import hourly
from simulation.wire.sign_ins import SignIn, line
from simulation.world import World

SESSION_US = 12 * HOUR_US  # after which a person signs in again
TOKEN_US = HOUR_US  # after which a program gets another token by itself
MANAGED = 0.8  # share of the people whose device the organisation manages


class SignInLogs:
    """The files of the directory's logs, day by day."""

    def __init__(self, world: World, out: Path) -> None:
        self._world, self._out = world, out
        self._acts: list[Act] = []
        self._signed_in: dict[tuple[str, str], int] = {}  # who and address -> when last
        self._tokens: dict[tuple[str, str, str], int] = {}  # ... and application
        self._strange: set[str] = set()  # acts of whoever signed in with somebody else's password
        self.count = 0

    def take(self, acts: Iterable[Act]) -> None:
        """Work of any time not before the last day written."""
        self._acts += (act for act in acts if act.who is not None)

    def take_strange(self, acts: Iterable[Act]) -> None:
        """The same of whoever signs in with somebody else's password."""
        acts = list(acts)
        self._strange.update(act.correlation for act in acts)
        self.take(acts)

    def write(self, day: int) -> None:
        """The files of that day."""
        begin = self._world.at(day)
        today = [act for act in self._acts if begin <= act.at_us < begin + DAY_US]
        self._acts = [act for act in self._acts if act.at_us >= begin + DAY_US]
        files: defaultdict[Path, list[tuple[int, bytes]]] = defaultdict(list)
        for act in sorted(today, key=lambda act: (act.at_us, act.correlation)):
            one = self._behind(act, begin)
            if one is not None:
                path = self._out / hourly(
                    f"insights-logs-{one.log.lower()}", self._tenant(), one.at_us // HOUR_US
                )
                files[path].append((one.at_us, line(one, self._world.estate.tenant)))
        for path, records in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(record + b"\n" for _, record in sorted(records)))
            self.count += len(records)

    def _tenant(self) -> tuple[str, ...]:
        return (f"tenantId={self._world.estate.tenant}",)

    def _behind(self, act: Act, begin_us: int) -> SignIn | None:
        """The sign-in that an act needed, if its caller had no token yet."""
        who = act.who
        assert who is not None
        here, token = (who.oid, act.address), (who.oid, act.address, act.appid)
        again = act.at_us - self._signed_in.get(here, -SESSION_US) >= SESSION_US
        interactive = bool(who.upn) and again
        if not interactive and act.at_us - self._tokens.get(token, -TOKEN_US) < TOKEN_US:
            return None
        chance = _chance("sign-in", act.correlation)
        before = int((1 + 4 * chance) * MINUTE_US) if interactive else MINUTE_US // 10
        at_us = max(begin_us, act.at_us - before)
        self._tokens[token] = at_us
        if interactive:
            self._signed_in[here] = at_us
        managed = _managed(who) and act.correlation not in self._strange
        return SignIn(at_us, who, act.appid, act.address, _request(act), interactive, managed)


def _managed(who: Identity) -> bool:
    return _chance("device", who.oid) < MANAGED


def _request(act: Act) -> str:
    return blake2b(f"{act.correlation}{act.at_us}".encode(), digest_size=16).hexdigest()


def _chance(*what: str) -> float:
    """Always the same for the same."""
    return int.from_bytes(blake2b("|".join(what).encode(), digest_size=6).digest(), "big") / 2.0**48
