"""The records of simulated logs, one by one."""

from __future__ import annotations

import gzip
import json
from typing import Any


def records_of(body: bytes) -> list[Any]:
    """Of lines that are records, or payloads of some."""
    plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    lines = [json.loads(line) for line in plain.splitlines()]
    return [record for one in lines for record in one.get("records", [one])]
