"""What a message of a topic holds: events in whatever form they are sent, flows, or a reason."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from ingest.blocks import Block
from ingest.stream_messages import EMPTY, Message, StreamReader
from tests.ingest.brokers import payload
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template
from tests.ingest.streamed import RECORDS, uids

FORMS = {
    "payload": [payload(RECORDS[:5]), payload(RECORDS[5:])],
    "array": [json.dumps(RECORDS).encode()],
    "one event a message": [json.dumps(one).encode() for one in RECORDS],
    "indented": [json.dumps({"records": RECORDS}, indent=2).encode()],
    "lines": [b"\n".join(json.dumps(one).encode() for one in RECORDS) + b"\n"],
    "BOM": [b"\xef\xbb\xbf" + payload(RECORDS)],
}


@pytest.mark.parametrize("form", FORMS)
def test_events_are_found_in_whatever_form_they_are_sent(form: str) -> None:
    bodies = FORMS[form]
    block = StreamReader("kafka://a/b/0").read([Message(70 + n, body) for n, body in enumerate(bodies)])
    assert sorted(block.events.columns["uid"].tolist()) == uids(RECORDS)
    assert (block.read, block.rejected) == (12, [])
    assert set(block.events.columns["offset"].tolist()) == set(range(70, 70 + len(bodies)))


def test_a_bad_message_is_kept_with_its_offset_and_the_others_are_read() -> None:
    bad = [
        b"hello there, this is no JSON at all",
        b'{"records": [' + json.dumps(RECORDS[0]).encode() + b', {"time": ',  # cut
        payload([RECORDS[1], {"time": "2026-01-05T10:00:00Z"}, RECORDS[2]]),
        b"\x1f\x8b\x00\x00\x00\x00\x00\x00\x00\x03garbage that claims to be gzip",
        b"[1, 2]",
        b"",
        None,
    ]
    block = StreamReader("kafka://a:1/logs/3").read([Message(7 + n, body) for n, body in enumerate(bad)])
    assert {one.source for one in block.rejected} == {"kafka://a:1/logs/3"}
    by_offset = {one.offset: one.reason for one in block.rejected}
    assert sorted(by_offset) == [7, 8, 9, 10, 11]
    assert "the message is text, but no JSON" in by_offset[7]
    assert "the message is cut" in by_offset[8]
    assert by_offset[9].startswith("record 2 of the message: ")
    assert sorted(block.events.columns["uid"].tolist()) == uids(RECORDS[:3])
    assert block.filtered == {EMPTY: 2}
    assert block.read == len(block.events) + len(block.rejected) + 2


TOLD = message(template(256, PLAIN), a_set(256, record(ports=(1, 22)) * 2))
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=200),
    st.sampled_from(
        [b'{"records": [', b"[", b"{}", b"[" * 5_000, TOLD, TOLD + TOLD, TOLD[:-7], payload(RECORDS[:2])]
    ),
    st.tuples(
        st.sampled_from([TOLD, payload(RECORDS[:1])]), st.integers(0, 90), st.binary(min_size=1, max_size=4)
    ).map(lambda told: told[0][: told[1]] + told[2] + told[0][told[1] + len(told[2]) :]),
)


@settings_of_hypothesis(deadline=None)
@given(st.lists(BODIES, max_size=12), st.integers(0, 12))
def test_any_octets_give_records_or_a_reason_wherever_reading_goes_on(
    bodies: list[bytes | None], cut: int
) -> None:
    messages = [Message(n, body, b"k") for n, body in enumerate(bodies)]
    block = StreamReader("x").read(messages)
    assert is_whole(block)
    assert all(0 <= one.offset < len(bodies) for one in block.rejected)
    first = StreamReader("x")
    parts = [first.read(messages[:cut])]
    kept = [
        msgspec.convert(msgspec.to_builtins(one, builtin_types=(bytes,)), type(one)) for one in first.kept()
    ]
    parts.append(StreamReader("x", kept).read(messages[cut:]))
    assert sum(one.read for one in parts) == block.read
    assert sum(len(one.flows or ()) for one in parts) == len(block.flows or ())
    assert sum(len(one.events) for one in parts) == len(block.events)


def is_whole(block: Block) -> bool:
    """read = events + flows + rejected records + filtered."""
    bad = sum(one.kind == "record" for one in block.rejected)
    return block.read == len(block.events) + len(block.flows or ()) + bad + sum(block.filtered.values())


def test_exporters_that_share_a_partition_are_told_apart_by_key_and_known_after_a_restart() -> None:
    other = (*PLAIN[:2], *PLAIN[2:4][::-1], *PLAIN[4:])
    told = [Message(0, message(template(256, PLAIN)), b"a"), Message(1, message(template(256, other)), b"b")]
    data = message(a_set(256, record(ports=(1, 22)) * 2))
    first = StreamReader("x")
    first.read(told)
    kept = [
        msgspec.convert(msgspec.to_builtins(one, builtin_types=(bytes,)), type(one)) for one in first.kept()
    ]
    later = StreamReader("x", kept).read([Message(5, data, b"a"), Message(6, data, b"b")])
    assert later.flows is not None
    assert later.read == len(later.flows) == 4
    assert not later.rejected
    addresses = later.flows.column("src_lo").tolist()
    assert addresses[0] == addresses[1] != addresses[2] == addresses[3], (
        "the other exporter has them the other way round"
    )
