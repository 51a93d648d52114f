"""Of flows that a collector can't take each one is counted, so nobody takes what is missing for quiet."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from benchmarks import overload
from benchmarks.lab import Lab


def test_what_was_sent_was_taken_or_counted_as_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "JOURNAL", 1 << 20)
    one = overload.collected("stalled", 400_000, 1.0)
    assert one.sent == one.taken + one.dropped_at_socket + one.dropped_at_journal
    assert one.taken > 0
    assert one.dropped_at_journal > 0, "the journal's bound holds"
    assert one.most - one.before < 200 << 20


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (row,) = overload._figures("nfcapd", overload.GOAL, 1.0, "")
    assert (row.value, row.note) == (None, "nfcapd is not installed")
    assert Lab(tmp_path, 1.0, 1, 1.0).scale == 1.0
