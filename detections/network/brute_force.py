"""What the eight brute-force detections share: counts of one service and direction, judged against habit.

An attack is judged by the entity's own history (is this many improbable here, at this hour of the week?) and,
at the hour's close, by all entities' (is it rare anywhere?). Sampled counts are small numbers with Poisson
noise, which the model's tail already has; nothing is multiplied by the sampling rate.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from detections import counting
from detections.counting import CANDIDATE
from detections.declare import Detection, Finding, Learning, Severity, Stated, Verdict
from detections.network import waves
from detections.network.aims import BASELINES, NAMES, PORTS, Aim
from detections.network.brute_force_texts import REMEDY_IN, REMEDY_OUT, TEXTS, explanation
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
TOP = 10


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


def detection(
    name: str, aim: Aim, microsoft: str, severity: Severity, title: str, tactics: tuple[str, ...], look: str
) -> Detection:
    """The declaration of one of the eight."""
    technique = "T1021.004" if aim.service == "ssh" else "T1021.001"
    return Detection(
        type=f"network.{name}",
        microsoft=microsoft,
        owner="resource",
        severity=severity,
        title=title,
        description=TEXTS[aim.direction, aim.many],
        explanation=explanation(aim, look, THRESHOLD),
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
