"""What incidents tear apart and wrongly join is counted as it is: docs/incidents.md lives by it."""

from __future__ import annotations

from typing import Any

from benchmarks.incidents import judge


def truth(entity: str) -> dict[str, Any]:
    return {
        "type": "t", "entity": {"kind": "vault", "id": entity},
        "start": "2026-03-19T10:00:00Z", "end": "2026-03-19T10:30:00Z",
    }  # fmt: skip


def alert(entity: str, incident: str) -> dict[str, Any]:
    return {
        "type": "t", "entity": {"kind": "vault", "id": entity}, "incident": incident,
        "start": "2026-03-19T10:00:00Z", "end": "2026-03-19T11:00:00Z",
    }  # fmt: skip


def test_torn_mixed_and_foreign_alerts_are_counted() -> None:
    alerts = [
        alert("a", "1"),
        alert("a", "1"),
        alert("a", "2"),
        alert("b", "2"),
        alert("none", "2"),
        alert("none", "3"),
    ]
    found = judge("x", alerts, [truth("a"), truth("b")])
    assert (found.whole, found.of_attacks) == (3, 4)
    assert (found.mixed, found.foreign, found.of_none) == (1, 1, 2)
    assert found.sizes == [3, 2, 1]
