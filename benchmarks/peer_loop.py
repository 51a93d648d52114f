"""The same job as one plain Python process with River, and the limits: what the decoding alone takes.

    python -m benchmarks.peer_loop loop|decode flows|vault|activity FILE... [--indicators FILE]

What was counted is printed as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peer_jobs as jobs


def loop_flows(paths: list[Path], indicators: Path) -> dict[str, int]:
    """Decode, filter and count flows; close the hour."""
    chosen, resources = jobs.FlowFilter(jobs.read_indicators(indicators)), dict[str, jobs.ResourceHour]()
    for path in paths:
        for message in jobs.messages(path):
            for flow in chosen.some(jobs.decoded(message)):
                key, item = chosen.keyed(flow)
                held = resources.get(key)
                if held is None:
                    held = resources[key] = jobs.ResourceHour()
                held.add(item)
    return jobs.total(chosen.records, (held.close() for held in resources.values()))


def loop_events(kind: str, paths: list[Path]) -> dict[str, int]:
    """Decode and count events; close the hour."""
    keyed, entities, records = jobs.KEYED[kind], dict[str, jobs.EventHour](), 0
    for path in paths:
        for line in jobs.lines(path):
            records += 1
            for key, item in keyed(line):
                held = entities.get(key)
                if held is None:
                    held = entities[key] = jobs.EventHour(key)
                held.add(item)
    return jobs.total(records, (held.close() for held in entities.values()))


def decode_flows(paths: list[Path]) -> dict[str, int]:
    """The limit of flows in Python: from messages to one array of records, and nothing done with it."""
    records = 0
    for path in paths:
        data, at, sets = memoryview(path.read_bytes()), 0, []
        while at < len(data):
            length = data[at + 2] << 8 | data[at + 3]
            if data[at + 16] == 1 and data[at + 17] == 0:  # set 256
                sets.append(data[at + jobs.HEADS : at + length])
            at += length
        records += len(np.frombuffer(b"".join(sets), jobs.RECORD))
    return {"records": records}


def decode_events(kind: str, paths: list[Path]) -> dict[str, int]:
    """The limit of logs in Python: each line into a struct, and nothing done with it."""
    decode, records = jobs.DECODERS[kind], 0
    for path in paths:
        for line in jobs.lines(path):
            decode(line)
            records += 1
    return {"records": records}


def main(arguments: list[str] | None = None) -> None:
    """Do the job, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("job", choices=["loop", "decode"])
    parser.add_argument("kind", choices=["flows", "vault", "activity"])
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--indicators", type=Path)
    chosen = parser.parse_args(arguments)
    found: Any
    if chosen.kind == "flows":
        found = (
            loop_flows(chosen.paths, chosen.indicators)
            if chosen.job == "loop"
            else decode_flows(chosen.paths)
        )
    else:
        found = (loop_events if chosen.job == "loop" else decode_events)(chosen.kind, chosen.paths)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
