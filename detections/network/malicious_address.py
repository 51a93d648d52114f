"""Traffic with an address that threat intelligence lists as command and control."""

from __future__ import annotations

from typing import Any

import numpy as np

from detections.declare import Detection, Finding, Verdict
from detections.organisation import Organisation
from detections.traffic import Ints, Traffic
from detections.view import Peer, TrafficHour
from detections.words import rfc3339

LEAST_FLOWS = 3  # connections of one direction that count as traffic, where no answer was seen
TOP = 10


def _spoke(peer: Peer) -> bool:
    """Whether it was more than a knock: scans from listed addresses reach every public address."""
    return peer.answered or peer.connections >= LEAST_FLOWS


def judge(hour: TrafficHour) -> Finding | None:
    """Traffic that was let through with a listed peer, answered or repeated."""
    peers = tuple(peer for peer in hour.malicious if peer.connections and _spoke(peer))
    if not peers:
        return None
    first, last = min(p.first_us for p in peers), max(p.last_us for p in peers)
    evidence: dict[str, Any] = {
        "peer": peers[0].address,
        "addresses": len(peers),
        "connections": sum(p.connections for p in peers),
        "octets": sum(p.octets for p in peers),
        "port": peers[0].port,
        "own_addresses": sorted({p.own_address for p in peers}),
        "top_peers": [_told(p) for p in peers[:TOP]],
        "first_seen": rfc3339(first),
        "last_seen": rfc3339(last),
        "sampling": max(p.sampling for p in peers),
        "usual": "no traffic with an address that is listed",
        "known_since": rfc3339(hour.since_us),
        "records": [{"source": source, "offset": at} for p in peers[:TOP] for source, at in p.sources][:20],
        "against": [] if any(p.answered for p in peers) else ["packets were seen in one direction only"],
    }
    return Finding(
        evidence=evidence,
        first_us=first,
        last_us=last,
        count=evidence["connections"],
        addresses=tuple(p.address for p in peers[:TOP]),
        resources=(hour.entity,),
    )


def suspects(traffic: Traffic) -> Ints:
    """The resources that `judge` has something to say of."""
    peers = traffic.listed
    spoke = (peers["connections"] > 0) & (peers["answered"] | (peers["connections"] >= LEAST_FLOWS))
    return np.unique(peers["entity"][spoke]).astype(np.int64)


def _told(peer: Peer) -> dict[str, Any]:
    return {
        "address": peer.address,
        "port": peer.port,
        "connections": peer.connections,
        "octets": peer.octets,
        "answered": peer.answered,
        "at_us": peer.last_us,
    }


def confirm(finding: Finding, organisation: Organisation) -> Verdict:
    """Which indicators of which feeds, and where the peers are."""
    told = []
    for peer in finding.evidence["top_peers"]:
        at_us = peer["at_us"]
        listed = organisation.indicators(peer["address"], at_us)
        told.append(
            {
                **{name: value for name, value in peer.items() if name != "at_us"},
                "country": organisation.country_of(peer["address"]),
                "indicators": [
                    {"value": one.value, "feed": one.feed}
                    for one in listed
                    if one.category == "command_and_control"
                ],
            }
        )
    feeds = sorted({one["feed"] for peer in told for one in peer["indicators"]})
    against = () if len(feeds) > 1 else ("one feed alone lists the address: lists go stale",)
    return Verdict(evidence={"top_peers": told, "feeds": feeds}, against=against)


DETECTION = Detection(
    type="network.malicious_address",
    microsoft="Network_CommunicationWithC2",
    owner="resource",
    severity="medium",
    title="Network communication with a malicious address",
    description=(
        "This resource exchanged traffic with {peer}, which threat intelligence lists as command and control: "
        "{connections:connection|connections}, {octets:octet|octets}."
    ),
    explanation=(
        "Traffic of a resource that was let through, on whatever port, with an address that a feed of category "
        "command_and_control lists at that time. A single packet from a listed address is no traffic, since such "
        "addresses scan as well: it must have been answered, or be three connections or more. It works from the "
        "first minute. It is as good as the feeds are: lists of mere scanners raise false alarms."
    ),
    tactics=("CommandAndControl",),
    techniques=("T1071", "T1571"),
    remediation=(
        (
            "Isolate the machine: deny its traffic with a rule of the network security group, keep it running for "
            "forensics."
        ),
        "Find the process that talks to the address, and when it was installed.",
        "Look in other logs (DNS, proxy, other machines) for the same address.",
        "Scan the machine for malware, change the credentials that were on it, rebuild it from a known image.",
        "If the address is a service that you use, take it out of the feed and say so to its maintainer.",
    ),
    judge=judge,
    suspects=suspects,
    confirm=confirm,
    address_rule=True,
)
