"""A replay in one process and readers on Ray call decoders from different depths of the stack: which records they
reject must not hang on it, or the two raise different alerts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.depth import from_any_depth
from ingest.event_file import EventFile
from ingest.flow_log_file import FlowLogFile
from ingest.logs_values import excerpt, parsed
from tests.ingest.test_sign_ins import BLOB_FORM as SIGNED
from tests.ingest.test_sign_ins import INNER
from tests.ingest.test_swift import MANAGED, VAULT

# Python counts levels on a stack of 1,000 calls, or by itself, to some thousands: all of both is tried.
DEPTHS = (400, *range(820, 960, 12), *range(960, 1_000, 3), 1_500, 5_000)
WITHIN = ("1", "1e999", '"\\ud800"')  # the second one is refused where it is looked at


def from_below(levels: int, call: Callable[[], Any]) -> Any:
    return call() if levels == 0 else from_below(levels - 1, call)


def nested(depth: int, inner: str = "") -> str:
    return "[" * depth + inner + "]" * depth


def deep(record: Any, name: str, depth: int, inner: str = "") -> bytes:
    """The record with a member, or one of its properties, that nests so deep."""
    about, _, name = name.rpartition(".")
    changed = {**record, about: {**record.get(about, {}), name: "@"}} if about else {**record, name: "@"}
    return json.dumps(changed).replace('"@"', nested(depth, inner)).encode()


def told(path: Path) -> Any:
    blocks = list(EventFile(path, 0).blocks())
    return (
        [(event.offset, event.uid, event.details) for block in blocks for event in block.events.events("x")],
        [(one.offset, one.reason, one.excerpt) for block in blocks for one in block.rejected],
        [block.filtered for block in blocks if block.filtered],
    )


@pytest.mark.parametrize("form", ["lines", "list", "payload", "cut"])
def test_the_same_records_are_rejected_from_any_depth(tmp_path: Path, form: str) -> None:
    records = [deep(one, "resultDescription", depth) for depth in DEPTHS for one in (VAULT, MANAGED, SIGNED)]
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


@pytest.mark.parametrize("inner", WITHIN)
@pytest.mark.parametrize(
    ("record", "name"),
    [
        *(
            (VAULT, name)
            for name in ("resourceId", "resultDescription", "properties.id", "properties.isRbacAuthorized")
        ),
        *((VAULT, name) for name in ("identity.claim", "callerIpAddress", "operationName", "more")),
        *((MANAGED, name) for name in ("resourceId", "tenantId", "properties.more", "identity.claims")),
        *(
            (SIGNED, name)
            for name in ("identity", "properties.deviceDetail", "properties.status", "properties.more")
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_whatever_nests_in_a_record_is_read_from_any_depth_alike(
    tmp_path: Path, record: Any, name: str, inner: str
) -> None:
    lines = [deep({**record, "correlationId": f"c{depth}"}, name, depth, inner) for depth in DEPTHS]
    (tmp_path / "x").write_bytes(b"\n".join([json.dumps(record).encode(), *lines]) + b"\n")
    here = told(tmp_path / "x")
    for levels in (30, 150):
        assert from_below(levels, lambda: told(tmp_path / "x")) == here


UNREAD = {"properties": {**INNER, "more": "@"}}
BARE = {name: value for name, value in SIGNED.items() if name != "Level"}
GOES_ON = json.dumps(VAULT).replace(", ", ",\n", 1) + " " + json.dumps(VAULT)
# Lines that are read otherwise among others of their kind than by themselves, if one does not look.
LINES = {
    "plain": json.dumps(VAULT),
    "managed": json.dumps(MANAGED),
    "signed": json.dumps(SIGNED),
    "deep": deep(VAULT, "resultDescription", 800).decode(),
    "deeper": deep(VAULT, "resultDescription", 920).decode(),
    "deep and unread": deep(VAULT, "resultDescription", 950, "1e999").decode(),
    "with a level": json.dumps({**VAULT, "Level": 4}),
    "with another name": json.dumps({**VAULT, "zzz": 4}),
    "by nobody": json.dumps({**MANAGED, "identity": "system"}),
    "unread": json.dumps({**MANAGED, "properties": {"x": "@"}}).replace('"@"', "1e999"),
    "unread sign-in": json.dumps({**SIGNED, **UNREAD}).replace('"@"', "1e999"),
    "like another log": json.dumps(BARE),
    "unread, like another log": json.dumps({**BARE, **UNREAD}).replace('"@"', "1e999"),
    "two": json.dumps(VAULT) + " " + json.dumps(VAULT),
    "a payload": json.dumps({"records": [VAULT, MANAGED]}),
}


def each(path: Path, bodies: list[bytes]) -> Counter[str]:
    """What is told of bodies, each behind a plain line: without places and order, which hang on the others."""
    counted = Counter[str]()
    for body in bodies:
        path.write_bytes(json.dumps(VAULT).encode() + b"\n" + body + b"\n")
        events, rejected, filtered = told(path)
        counted.update(map(repr, [*(one[1:] for one in events), *(one[1:] for one in rejected)]))
        for left_out in filtered:
            counted.update(left_out)
    path.write_bytes(json.dumps(VAULT).encode() + b"\n")
    plain = repr(told(path)[0][0][1:])
    counted[plain] -= len(bodies)
    return +counted


@given(st.lists(st.sampled_from(sorted(LINES)), max_size=5), st.sampled_from([b"\n", b"\r\n"]))
@example(["deep", "unread, like another log"], b"\n")
@example(["with a level", "unread"], b"\n")
def test_a_line_is_read_alike_whatever_stands_beside_it(names: list[str], between: bytes) -> None:
    """Else alerts would hang on how many octets are read at a time."""
    with TemporaryDirectory() as folder:
        path, lines = Path(folder) / "x", [LINES[name].encode() for name in names]
        alone = each(path, lines)
        assert each(path, [between.join(lines)]) == alone


# By itself, since hypothesis makes room on the stack.
@pytest.mark.parametrize("other", [*LINES, "goes on"])
@pytest.mark.parametrize("first", ["deep", "deeper"])
def test_a_line_is_read_alike_beside_one_that_a_deeper_stack_has_no_room_for(
    first: str, other: str, tmp_path: Path
) -> None:
    """The last one goes on over a line's end, and the line after has two, so that lines and records are as many."""
    body = [f"{LINES[first]}\n{(LINES | {'goes on': GOES_ON})[other]}".encode()]
    here = each(tmp_path / "x", body)
    for levels in (60, 150, 220):
        assert from_below(levels, lambda: each(tmp_path / "x", body)) == here


def test_flow_logs_are_rejected_from_any_depth_alike(tmp_path: Path) -> None:
    zeek = {"ts": 1767600000.5, "uid": "C1", "id.orig_h": "203.0.113.9", "id.orig_p": 50_000}
    zeek |= {"id.resp_h": "10.0.0.4", "id.resp_p": 22, "proto": "tcp", "orig_pkts": 3, "orig_bytes": 300}
    lines = [json.dumps({**zeek, "more": "@"}).replace('"@"', nested(depth)).encode() for depth in DEPTHS]
    lines.append(json.dumps({**zeek, "records": [1]}).encode())
    (tmp_path / "x").write_bytes(b"\n".join(lines) + b"\n")
    (tmp_path / "y").write_bytes(b"\n".join([lines[8], lines[-1]]) + b"\n")

    def flows() -> Any:
        blocks = [block for name in ("x", "y") for block in FlowLogFile(tmp_path / name).blocks()]
        return [(block.read, [one.offset for one in block.rejected]) for block in blocks]

    assert from_below(150, flows) == flows()


def test_values_within_a_record_are_read_from_any_depth_alike() -> None:
    def shown() -> list[tuple[bool, str]]:
        found = [parsed(nested(depth)) for depth in DEPTHS]
        return [(one is None, excerpt(one)) for one in found]

    assert from_below(150, shown) == shown()


def test_a_record_that_is_too_deep_for_what_is_made_of_it_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_end(*given: Any) -> Any:
        return without_end(*given)

    monkeypatch.setattr("ingest.event_reader._decode", without_end)
    odd = json.dumps({**VAULT, "more": 1}).encode()
    (tmp_path / "x").write_bytes(b"\n".join([json.dumps(VAULT).encode(), odd]) + b"\n")
    events, rejected, _ = told(tmp_path / "x")
    assert ([one[0] for one in events], [one[:2] for one in rejected]) == (
        [0],
        [(1, "the record nests too deep")],
    )


def test_what_nests_without_end_is_an_error_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = from_any_depth(msgspec.json.Decoder().decode)
    with pytest.raises(RecursionError):
        decode(nested(200_000))
    with pytest.raises(msgspec.DecodeError):
        decode("[")

    def none_left(thread: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", none_left)
    with pytest.raises(RecursionError):
        decode(nested(200_000))
