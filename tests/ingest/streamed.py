"""Records that are sent as messages of a stream, and what they are known again by."""

from __future__ import annotations

from typing import Any

from ingest.stream_messages import Message, StreamReader
from tests.ingest.brokers import payload
from tests.ingest.test_sources import audits

RECORDS = audits(12)


def uids(records: list[Any]) -> list[int]:
    block = StreamReader("").read([Message(0, payload(records))])
    return sorted(block.events.columns["uid"].tolist())
