"""Feeds in a folder, read as the configuration has them read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ingest.records import Rejected, address_words
from ingest.threat_intel import Feed, Indicators
from ingest.times import epoch_us

C2, TOR, PROXY = "command_and_control", "tor_exit_node", "anonymous_proxy"


def us(text: str) -> int:
    """RFC 3339 as microseconds."""
    found = epoch_us(text)
    assert found is not None
    return found


def read(folder: Path, content: str | bytes | Any, category: str = TOR) -> tuple[Indicators, list[Rejected]]:
    path = folder / "feed"
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Indicators.read([Feed(str(path), category)])


def values(indicators: Indicators) -> list[str]:
    return sorted(entry.indicator.value for entry in indicators.entries)


def listed(
    indicators: Indicators, addresses: Sequence[str], at_us: int | list[int], category: str
) -> list[bool]:
    pairs = [address_words(address) for address in addresses]
    high, low = (np.array(column, np.uint64) for column in zip(*pairs, strict=True))
    at = at_us if isinstance(at_us, int) else np.array(at_us, np.int64)
    return indicators.listed(high, low, at, category).tolist()  # type: ignore[no-any-return]
