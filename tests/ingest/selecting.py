"""Flows to select from, the resources that hold addresses in them, and what was selected."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingest.flows import FlowColumns
from ingest.inventory import Inventory
from ingest.networks import parse_network
from ingest.records import FLOW, HOUR_US, SERVICES, address_text, address_words
from ingest.select import Selected, select
from ingest.threat_intel import Entry, Indicator, Indicators
from ingest.times import epoch_us

NOON = epoch_us("2026-03-01T12:00:00Z") or 0
LATER = NOON + 6 * HOUR_US
OUTSIDE, LISTED, LISTED_6 = "198.51.100.7", "203.0.113.66", "2001:db8:bad::1"
WEB, DB, SIX = "10.0.0.5", "10.0.0.6", "2001:db8:1::5"
PUBLIC = "13.70.0.10"
FORMER = "10.0.0.9"  # of `old` until LATER, of `new` from then on
INVENTORY = f"""ip,resource_id,start,end
{WEB},web,,
{DB},db,,
{SIX},six,,
{PUBLIC},public,,
{FORMER},old,,2026-03-01T18:00:00Z
{FORMER},new,2026-03-01T18:00:00Z,
"""


def entry(address: str, start_us: int = 0, end_us: int = 1 << 62) -> Entry:
    told = Indicator(address, "command_and_control", "c2")
    return Entry(told, parse_network(address), start_us, end_us)


INDICATORS = Indicators([entry(LISTED), entry(LISTED_6), entry("203.0.113.99", 0, LATER)])


def flow(source: str, destination: str, port: int = 22, client: int = 40_000, **values: Any) -> Any:
    """One flow from `source`:`client` to `destination`:`port`."""
    row = np.zeros(1, FLOW)
    row["src_hi"], row["src_lo"] = address_words(source)
    row["dst_hi"], row["dst_lo"] = address_words(destination)
    told = {"src_port": client, "dst_port": port, "protocol": 6, "packets": 10, "octets": 900}
    for name, value in {"start_us": NOON - 10, "end_us": NOON, **told, **values}.items():
        row[name] = value
    return row


def selected(inventory: Inventory, *flows: Any, **settings: int) -> Selected:
    """What becomes of these flows; every one of them has its fate."""
    found = select(FlowColumns.of_rows(np.concatenate(flows)), inventory, INDICATORS, **settings)
    assert found.read == len(flows) == np.count_nonzero(found.first) + sum(found.filtered.values())
    assert all(found.filtered.values())
    return found


def seen(found: Selected) -> list[tuple[str, str, str, bool, bool]]:
    """Resource, peer, service, outgoing, forward of each row."""
    return [
        (
            found.ids[row["entity"]],
            address_text(row["peer_hi"], row["peer_lo"]),
            SERVICES[row["service"]],
            bool(row["outgoing"]),
            bool(row["forward"]),
        )
        for row in found.rows
    ]
