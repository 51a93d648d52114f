"""What other implementations decode of captures of real exporters, beside what comes out here.

`python -m tests.ingest.interop` writes docs/interop.md; `REDSHANK_DATA` names the folder with the captures.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingest.records import Rejected
from tests.data import shared
from tests.ingest import test_ipfix_interop as ipfix
from tests.ingest import test_netflow as netflow
from tests.ingest.test_ipfix_interop import Flow

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"
EQUAL = "equal"
NOTHING = "equal: no flow is expected, and none comes"
_TIMES = ("start_us", "end_us")
_TURN = (
    "one time is given more than an hour after its export: it is dated one turn of the uptime's clock earlier"
)
# Why a case is not equal: what differs is found by the comparison, the reason is ours.
REASONS = {
    "Netflow 5 valid 01": _TURN,
    "Netflow 9 Fortigate FortiOS 5.2.1": _TURN,
    "Netflow 9 nprobe DPI L7": "the export is dated 1970, and what began before that has no time",
    "Netflow 9 Streamcore": "logstash rounds the ends to .999",
    "issue_14370": (
        "a set says a length beyond its message, and is refused; telegraf's record of it has "
        "addresses that are shifted by two octets"
    ),
}
SFLOW = "not read: sFlow samples packets; no flows are made of it"
_HEAD = """\
# Exporters that are understood

Captures of real exporters, kept by [logstash's codec](https://github.com/logstash-plugins/logstash-codec-netflow) and by
[telegraf](https://github.com/influxdata/telegraf) with what they decode of them, and exporters run over a capture of
eleven guessed SSH passwords. Compared are addresses, ports, protocol, TCP flags, packets, octets and times, as far as the
other implementation says them; logstash's time may be a second late, for it forgets to carry a second, and telegraf leaves version 5's times as they are on the wire. *flows* are those
that come out here: options and templates are none.

This page is made by `python -m tests.ingest.interop`, and a test checks that it is true.

| capture | exporter | version | flows | |
|---|---|---|---|---|
"""


class Case(NamedTuple):
    """A line of the table."""

    capture: str
    exporter: str
    version: str
    flows: int
    result: str


def cases() -> Iterator[Case]:
    """All of them, in the order of the page."""
    yield from _logstash()
    yield from _telegraf()
    yield from _exporters()


def _logstash() -> Iterator[Case]:
    for case in json.loads(shared("flows", "logstash", "golden.json").read_text()):
        files = [shared("flows", "logstash", name) for name in case["files"]]
        flows, rejected = ipfix.decoded(files)
        is_netflow = files[0].name.startswith("netflow")
        expected = [
            netflow.of_logstash(event, 1) if is_netflow else ipfix.of_logstash(event)
            for event in case.get("expected_events") or []
        ]
        expected = [told for told in expected if {"src", "dst"} <= set(told)]
        version = "IPFIX" if not is_netflow else f"NetFlow {files[0].name[7]}"
        result = compared(case["case"], flows, expected, rejected)
        yield Case("logstash", case["case"], version, len(flows), result)


def _telegraf() -> Iterator[Case]:
    for folder in sorted(one for one in shared("flows", "telegraf").iterdir() if one.is_dir()):
        flows, rejected = ipfix.decoded(sorted(folder.glob("*.bin")))
        lines = (folder / "expected.out").read_text().splitlines()
        if folder.name.startswith("sflow"):
            result = SFLOW if rejected and not flows else f"{len(flows)} flows of sFlow"
            yield Case("telegraf", folder.name, "sFlow", len(flows), result)
            continue
        expected = [of_telegraf(line) for line in lines if line.startswith("netflow,")]
        version = re.search(r"version=(\w+)", lines[0])
        said = version[1].replace("NetFlowV", "NetFlow ") if version else ""
        result = compared(folder.name, flows, expected, rejected)
        if result == EQUAL and len(flows) != len(expected):
            result = f"{len(flows)} flows, expected {len(expected)}"
        yield Case("telegraf", folder.name, said, len(flows), result)


def of_telegraf(line: str) -> Flow:
    """A line in our names and units; times since the start are told by the exporter's clock, which it does not say."""
    told = ipfix.of_telegraf(line)
    flags = re.search(r'tcp_flags="([A-Z.]{8})"', line)
    if flags and told["protocol"] == 6:
        told["flags"] = sum(1 << place for place, letter in enumerate(flags[1][::-1]) if letter != ".")
    return told


def compared(case: str, flows: list[Flow], expected: list[Flow], rejected: list[Rejected]) -> str:
    """What the flows are beside those that were expected."""
    missing = ipfix.without(flows, expected)
    if missing:
        bare = [{name: one[name] for name in one if name not in _TIMES} for one in expected]
        others = ipfix.without(flows, bare)
        what = f"{len(others)} of {len(bare)} records differ" if others else "times differ"
        reason = REASONS.get(case, "")
        return f"{what}: {reason}" if reason else what
    if expected:
        return EQUAL
    if not flows:
        refused = f"; refused: {rejected[0].reason}" if rejected else ""
        return NOTHING + refused
    return f"{len(flows)} flows, of which the other says nothing to compare"


def _exporters() -> Iterator[Case]:
    """The eleven connections, with all their packets and octets, whatever pieces they were exported in."""
    for path in sorted(shared("flows", "exporters").iterdir()):
        if "sshguess" not in path.name:
            continue
        flows = ipfix.exported(path.name)
        exporter, _, rest = path.name.partition("-sshguess-")
        total = sum((Counter({name: flow[name] for name in ipfix.NUMBERS[4:8]}) for flow in flows), Counter())
        clients = {max(flow["src_port"], flow["dst_port"]) for flow in flows}
        packets = total["packets"] + total["packets_back"]
        octets = total["octets"] + total["octets_back"]
        found = (len(clients), packets, octets)
        result = EQUAL if found == (11, 431, 77_967) else f"connections, packets, octets: {found}"
        form = rest.partition("-")[0].partition(".")[0]
        version = form.upper() if form == "ipfix" else f"NetFlow {form[1:]}"
        yield Case("own", f"{exporter} ({rest})", version, len(flows), result)


def page() -> str:
    """The page as it is true now."""
    return _HEAD + "".join(f"| {' | '.join(map(str, case))} |\n" for case in cases())


if __name__ == "__main__":
    PAGE.write_text(page())
