"""What the eight brute-force detections share: counts of one service and direction, judged against habit.

An attack is judged by the entity's own history (is this many improbable here, at this hour of the week?) and,
at the hour's close, by all entities' (is it rare anywhere?). Sampled counts are small numbers with Poisson
noise, which the model's tail already has; nothing is multiplied by the sampling rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from baselines.large_days import DAYS, WEEKS
from baselines.seasonal_count import SeasonalCount
from detections import counting
from detections.counting import CANDIDATE, MANY
from detections.declare import Detection, Finding, Learned, Learning, Owner, Severity, Stated, Verdict
from detections.network import waves
from detections.organisation import Organisation
from detections.traffic import MOST_CONNECTIONS, Ints, Traffic
from detections.view import Peer, TrafficHour
from detections.words import odds, rfc3339, rounded

THRESHOLD = 1e-5  # measured improbability below which a count is an alert: once in eleven years of hours
# On a honeypot (Cowrie, 17,000 SSH sessions of eight weeks) the busiest source of an hour made fewer than 60
# connections in 85 % of the hours: so much is the internet's noise. Sampled counts scatter as their root.
FLOOR_CONNECTIONS = {"in": 60, "out": 20}
FLOOR_PEERS = 15
LEAST_FLOOR = 15
SHORT_SHARE = 0.5  # of an outgoing brute force's connections at least so many are short
WAVES = "Where all resources together see more sources than usual, the hour is judged by that. "
SIZES = ", or were rare to it with as many connections, whichever are more"
TOP = 10
NAMES = {"ssh": "SSH", "rdp": "RDP"}
PORTS = {"ssh": 22, "rdp": 3389}


@dataclass(frozen=True, slots=True)
class Aim:
    """Which traffic a detection looks at."""

    service: str  # 'ssh', 'rdp'
    direction: str  # 'in', 'out': the resource is the client
    many: bool  # distinct peers, not connections with one

    @property
    def baseline(self) -> str:
        """Name of the counting baseline."""
        return f"{self.service}.{self.direction}.{'peers' if self.many else 'connections'}"

    @property
    def by_internet(self) -> bool:
        """Whether all see more of it on some days: sources that come, not what machines do."""
        return self.many and self.direction == "in"

    @property
    def by_scanner(self) -> bool:
        """Whether it is how often one source knocks: any machine may be the next of a noisy one."""
        return not self.many and self.direction == "in"

    def peers(self, hour: TrafficHour) -> tuple[Peer, ...]:
        """The peers with connections that were let through, most connections first."""
        everyone = hour.peers.get((self.service, self.direction))
        return tuple(p for p in everyone if p.connections) if everyone else ()

    def count(self, peers: tuple[Peer, ...]) -> int:
        """What is counted."""
        return len(peers) if self.many else max((p.connections for p in peers), default=0)


def _observe(aim: Aim) -> Callable[[TrafficHour], Iterable[dict[str, Any]]]:
    def observe(hour: TrafficHour) -> Iterable[dict[str, Any]]:
        peers = aim.peers(hour)
        return [{"key": "", "count": aim.count(peers)}] if peers else ()

    return observe


def _column(aim: Aim) -> Callable[[Traffic], tuple[Any, Any]]:
    def column(traffic: Traffic) -> tuple[Any, Any]:
        groups = traffic.groups(aim.service, aim.direction)
        return groups.entity, groups.peers if aim.many else groups.busiest

    return column


# Both detections of a service and direction need both counts: one's declaration serves the other.
BASELINES: dict[str, Learned] = {
    aim.baseline: Learned(
        aim.baseline,
        SeasonalCount,
        _observe(aim),
        counts=True,
        common=aim.by_internet,
        crowd=aim.by_scanner,
        column=_column(aim),
    )
    for service in NAMES
    for direction in ("in", "out")
    for aim in (Aim(service, direction, False), Aim(service, direction, True))
}


def judge(aim: Aim) -> Callable[[TrafficHour], Finding | None]:
    """The pure function that judges an hour of such traffic."""

    def judged(hour: TrafficHour) -> Finding | None:
        peers = aim.peers(hour)
        count = aim.count(peers) if peers else 0
        if count < LEAST_FLOOR or count < _floor(aim, max((p.sampling for p in peers), default=1)):
            return None
        suspects = peers if aim.many else peers[:1]
        if aim.direction == "out" and _short_share(suspects) < SHORT_SHARE:
            return None  # sessions that last, or move data, are no guessing of passwords
        if aim.many and _few_heavy(peers, count):
            return None
        season = hour.season(aim.baseline)
        model = hour.models[aim.baseline]
        chance = model.tail(count, hour.hour, season.profile, season.dispersion)
        if chance > CANDIDATE:
            return None
        usual = {
            "usual": rounded(model.mean(hour.hour, season.profile)),
            **counting.usual(model, count, hour.hour, season),
        }
        found = _finding(aim, hour, suspects, count, chance, usual)
        found.expected = model.mean(hour.hour, season.profile), model.scatter(hour.hour, season.dispersion)
        return found

    return judged


def suspects(aim: Aim) -> Callable[[Traffic], Ints]:
    """The resources that `judge` has something to say of, by the same rules in columns."""

    def suspected(traffic: Traffic) -> Ints:
        groups = traffic.groups(aim.service, aim.direction)
        count = groups.peers if aim.many else groups.busiest
        rates, which = np.unique(groups.sampling, return_inverse=True)
        floor = np.array([_floor(aim, one) for one in rates.tolist()])
        chosen = (count >= LEAST_FLOOR) & (count >= floor[which])
        if aim.direction == "out":
            short, of = (
                (groups.short, groups.connections) if aim.many else (groups.busiest_short, groups.busiest)
            )
            chosen &= short / np.maximum(of, 1) >= SHORT_SHARE
        if aim.many:
            few = (groups.busiest > 0.9 * groups.connections) & (groups.connections > 20 * count)
            chosen &= ~few
        return traffic.improbable(aim.baseline, groups.entity[chosen], count[chosen], CANDIDATE)

    return suspected


def _floor(aim: Aim, sampling: int) -> float:
    """The fewest that are looked at."""
    whole = FLOOR_PEERS if aim.many else FLOOR_CONNECTIONS[aim.direction]
    return max(min(whole, LEAST_FLOOR), whole / sqrt(max(1, sampling)))


def _short_share(peers: tuple[Peer, ...]) -> float:
    connections = sum(p.connections for p in peers)
    return sum(p.short for p in peers) / connections if connections else 0.0


def _few_heavy(peers: tuple[Peer, ...], count: int) -> bool:
    """One peer with nearly all connections is the one-to-one alert's business, whatever else knocks."""
    total = sum(p.connections for p in peers)
    return peers[0].connections > 0.9 * total and total > 20 * count


def _finding(
    aim: Aim,
    hour: TrafficHour,
    suspects: tuple[Peer, ...],
    count: int,
    chance: float,
    usual: dict[str, Any],
) -> Finding:
    first, last = min(p.first_us for p in suspects), max(p.last_us for p in suspects)
    connections = sum(p.connections for p in suspects)
    everyone = hour.peers.get((aim.service, aim.direction), ())
    evidence: dict[str, Any] = {
        "service": NAMES[aim.service],
        "port": PORTS[aim.service],
        "connections": connections,
        "addresses": len(suspects),
        "peer": suspects[0].address,
        "own_addresses": sorted({p.own_address for p in suspects}),
        "top_peers": [_peer(p) for p in suspects[:TOP]],
        "first_seen": rfc3339(first),
        "last_seen": rfc3339(last),
        "seen": count,
        **usual,
        "baseline": aim.baseline,
        "learned_since": rfc3339(hour.since_us),
        "improbability": rounded(chance),
        "odds": odds(chance),
        "threshold": float(hour.parameters.get("threshold", THRESHOLD)),
        "short_share": rounded(_short_share(suspects)),
        "answered": sum(p.answered for p in suspects),
        "denied_connections": sum(p.denied for p in everyone),
        "sampling": max(p.sampling for p in suspects),
        "records": [{"source": source, "offset": at} for p in suspects[:TOP] for source, at in p.sources][
            :20
        ],
        "against": _against(aim, suspects, everyone),
    }
    return Finding(
        evidence=evidence,
        first_us=first,
        last_us=last,
        count=count if aim.many else connections,
        improbability=chance,
        addresses=tuple(p.address for p in suspects[:TOP]),
        resources=(hour.entity,),
        held=((aim.baseline, ""),),
    )


def _peer(peer: Peer) -> dict[str, Any]:
    return {
        "address": peer.address,
        "connections": peer.connections,
        "short": peer.short,
        "octets": peer.octets,
        "answered": peer.answered,
        "first_seen": rfc3339(peer.first_us),
        "last_seen": rfc3339(peer.last_us),
    }


def _against(aim: Aim, suspects: tuple[Peer, ...], everyone: tuple[Peer, ...]) -> list[str]:
    said = []
    if aim.direction == "in" and not any(p.answered for p in suspects):
        said.append("no answer of the resource was seen: the attempts may not have reached a service")
    sampling = max(p.sampling for p in suspects)
    if sampling > 1:
        said.append(f"flows are sampled, one in {sampling}: counts are of what was sampled")
    if sum(p.connections + p.denied for p in everyone) >= MOST_CONNECTIONS:
        said.append(f"only {MOST_CONNECTIONS:,} connections of the hour were kept: counts are at least these")
    return said


def confirm(aim: Aim) -> Callable[[Finding, Organisation], Verdict]:
    """What all entities' counts say of it."""

    def confirmed(finding: Finding, organisation: Organisation) -> Verdict:
        said = finding.evidence
        risen = organisation.risen(aim.baseline) if aim.by_internet else 1.0
        chance = waves.chance_in(finding, risen)
        size = int(said["seen"]) if aim.by_scanner else None
        verdict = counting.verdict(aim.baseline, chance, said["threshold"], organisation, size)
        if verdict.withheld:
            return waves.withheld(verdict, risen)
        if aim.by_internet and (wave := waves.of_all(aim.baseline, chance, organisation)):
            return Verdict(withheld=wave)
        typical = organisation.typical(aim.baseline)
        share = organisation.share_at_least(aim.baseline, int(said["seen"]))
        told = {
            "top_peers": [
                {**peer, "country": organisation.country_of(peer["address"])} for peer in said["top_peers"]
            ],
            "usual_for_neighbours": None if typical is None else rounded(typical),
            "share_of_all_hours_with_as_many": None if share is None else rounded(share),
            "improbability_by_own_model": rounded(finding.improbability or 0.0),
        }
        if waves.said(risen):
            told["improbability_as_all_rose"] = rounded(chance)
        return Verdict(against=(*verdict.against, *waves.said(risen)), evidence={**verdict.evidence, **told})

    return confirmed


TEXTS = {
    (
        "in",
        False,
    ): "{connections} {service} connections came from {peer} within the hour; usual here is about "
    "{usual} from one source. A chance of {odds}.",
    ("in", True): "{addresses} different addresses made {service} connections within the hour; usual here is "
    "about {usual}. A chance of {odds}.",
    (
        "out",
        False,
    ): "This resource made {connections} {service} connections to {peer} within the hour; usual is "
    "about {usual} to one peer. A chance of {odds}. It may be compromised and guessing passwords there.",
    (
        "out",
        True,
    ): "This resource made {service} connections to {addresses} different addresses within the hour; "
    "usual is about {usual}. A chance of {odds}. It may be compromised and attacking others.",
}
REMEDY_IN = (
    (
        "Look whether one of the attempts succeeded: sign-in logs of the machine around last_seen, new accounts, keys "
        "and processes."
    ),
    (
        "Close the port to the internet: a rule of the network security group for known addresses alone, just-in-time "
        "access, or a bastion."
    ),
    (
        "Use keys (SSH) or network level authentication with multi-factor sign-in (RDP), and lock accounts out after "
        "failed attempts."
    ),
    "If an attempt succeeded: isolate the machine, change the passwords and keys that were on it, rebuild it.",
)
REMEDY_OUT = (
    (
        "Isolate the machine: deny its outgoing traffic with a rule of the network security group, keep it running for "
        "forensics."
    ),
    (
        "Find the process that makes the connections, and how it came there: running processes, scheduled tasks, recent "
        "sign-ins."
    ),
    (
        "Change the passwords, keys and managed identity grants that were on the machine, and look for their use "
        "elsewhere."
    ),
    (
        "Scan the machine for malware and rebuild it from a known image; tell the owner of the attacked address if you "
        "can."
    ),
)


def detection(
    name: str, aim: Aim, microsoft: str, severity: Severity, title: str, tactics: tuple[str, ...], look: str
) -> Detection:
    """The declaration of one of the eight."""
    owner: Owner = "resource"
    technique = "T1021.004" if aim.service == "ssh" else "T1021.001"
    what = "distinct peers" if aim.many else "connections with the busiest peer"
    return Detection(
        type=f"network.{name}",
        microsoft=microsoft,
        owner=owner,
        severity=severity,
        title=title,
        description=TEXTS[aim.direction, aim.many],
        explanation=(
            f"{look} It counts {what} on {NAMES[aim.service]} (port {PORTS[aim.service]}) an hour that were let "
            "through, a connection being one client port, however often it was exported. The count is held against "
            "a negative binomial of the resource's own slow mean, the organisation's profile of the hour of the week, "
            f"and the dispersion of both. {WAVES if aim.by_internet else ''}At the hour's close the chance is measured: it "
            "is the share of all resources' "
            f"hours that surprised their own model as much{SIZES if aim.by_scanner else ''}, and below {THRESHOLD:g} it is an alert. So the internet's "
            "background of scans, with the noisy ones among them and with its waves, raises nothing. What came in that size on "
            f"{DAYS} earlier days, or in {WEEKS} weeks at the same hour, is a job of its own, and told only if it grows, or comes at another time of day. "
            "What goes on hour after hour "
            f"is told lower from the {MANY}th hour of two days on, unless it grows. It cannot see attacks below "
            "the usual noise, small ones in sampled flows, or who stands behind a load balancer."
        ),
        tactics=tactics,
        techniques=("T1110", technique) if aim.direction == "in" else ("T1110", technique, "T1078"),
        remediation=REMEDY_OUT if aim.direction == "out" else REMEDY_IN,
        judge=judge(aim),
        suspects=suspects(aim),
        holds=((aim.baseline, ""),),
        baselines=(BASELINES[aim.baseline],),
        learning=Learning(days=7),
        confirm=confirm(aim),
        stated=Stated(aim.baseline, THRESHOLD),
        address_rule=True,
    )
