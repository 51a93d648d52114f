"""A replay in one process and readers on Ray call decoders from different depths of the stack: which records they
reject must not hang on it, or the two raise different alerts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.depth import from_any_depth
from ingest.event_file import EventFile
from ingest.flow_log_file import FlowLogFile
from ingest.logs_values import excerpt, parsed
from tests.ingest.test_sign_ins import BLOB_FORM as SIGNED
from tests.ingest.test_swift import MANAGED, VAULT

# Python counts levels on a stack of 1,000 calls, or by itself, to some thousands: all of both is tried.
DEPTHS = (400, *range(820, 1_000, 12), 1_500, 5_000)


def from_below(levels: int, call: Callable[[], Any]) -> Any:
    return call() if levels == 0 else from_below(levels - 1, call)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def within(record: Any, depth: int, name: str = "resultDescription") -> bytes:
    return json.dumps({**record, name: "@"}).replace('"@"', nested(depth)).encode()


def told(path: Path) -> Any:
    blocks = list(EventFile(path, 0).blocks())
    return (
        [(event.offset, event.uid) for block in blocks for event in block.events.events("x")],
        [(one.offset, one.reason, one.excerpt) for block in blocks for one in block.rejected],
    )


@pytest.mark.parametrize("form", ["lines", "list", "payload", "cut"])
def test_the_same_records_are_rejected_from_any_depth(tmp_path: Path, form: str) -> None:
    records = [within(one, depth) for depth in DEPTHS for one in (VAULT, MANAGED, SIGNED)]
    body = {
        "lines": b"\n".join(records),
        "list": b"[" + b",".join(records[:10]) + b"]",
        "payload": b'{"records":[' + b",".join(records[:10]) + b"]}",
        "cut": b"[" + b",".join(records),
    }[form]
    (tmp_path / "x").write_bytes(body)
    here = told(tmp_path / "x")
    assert here[0]
    assert from_below(150, lambda: told(tmp_path / "x")) == here


def test_flow_logs_are_rejected_from_any_depth_alike(tmp_path: Path) -> None:
    zeek = {"ts": 1767600000.5, "uid": "C1", "id.orig_h": "203.0.113.9", "id.orig_p": 50_000}
    zeek |= {"id.resp_h": "10.0.0.4", "id.resp_p": 22, "proto": "tcp", "orig_pkts": 3, "orig_bytes": 300}
    (tmp_path / "x").write_bytes(b"\n".join(within(zeek, depth, "more") for depth in DEPTHS) + b"\n")

    def flows() -> Any:
        blocks = list(FlowLogFile(tmp_path / "x").blocks())
        return [(block.read, [one.offset for one in block.rejected]) for block in blocks]

    assert from_below(150, flows) == flows()


def test_values_within_a_record_are_read_from_any_depth_alike() -> None:
    def shown() -> list[tuple[bool, str]]:
        found = [parsed(nested(depth)) for depth in DEPTHS]
        return [(one is None, excerpt(one)) for one in found]

    assert from_below(150, shown) == shown()


def test_what_nests_without_end_is_an_error_as_before() -> None:
    with pytest.raises(RecursionError):
        from_any_depth(msgspec.json.Decoder().decode)(nested(200_000))
    with pytest.raises(msgspec.DecodeError):
        from_any_depth(msgspec.json.Decoder().decode)("[")
