"""The published figures of quality are what came of the runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.quality_judged import Score
from benchmarks.quality_sampling import by_sampling, figures_sampling
from benchmarks.quality_table import by_kind, by_strength, draw, figures

LOUD = Score(
    1,
    "default",
    "loud",
    500.0,
    1.0,
    Counter(a=2, b=1),
    Counter(b=1),
    Counter(b=1),
    delays={"a": [4.0, 8.0]},
    grave=Counter(a=1),
)
FAINT = Score(1, "bank", "faint", 250.0, 1.0, Counter(a=1), Counter(a=1, b=2), Counter(a=1))


def test_recall_is_told_per_detection_and_strength() -> None:
    made = figures([LOUD, FAINT], 28, quick=True)["recall"]
    assert made["a"]["loud"] == {"attacks": 2, "found": 2, "grave": 1, "recall": 1.0, "median_minutes": 6.0}
    assert made["a"]["faint"]["recall"] == 0.5
    assert made["b"]["faint"] == {"attacks": 2, "found": 0, "grave": 0, "recall": 0.0, "median_minutes": None}
    told = by_strength([LOUD, FAINT], ["loud", "faint"])
    assert "2/2 (6)" in told
    assert [line.split()[-2:] for line in told.splitlines()[-2:]] == [["3/4", "1/4"], ["1/4", "0/4"]]


def test_false_alerts_are_for_the_entity_days_of_their_own_kind() -> None:
    made = figures([LOUD, FAINT], 28, quick=True)["false"]
    assert made["default"]["per_1000"] == pytest.approx(2.0)
    assert made["bank"]["by_type"] == {"a": pytest.approx(4.0)}
    assert "4.00" in by_kind([LOUD, FAINT], ["default", "bank"]).splitlines()[1]


def test_the_picture_is_the_same_file_for_the_same_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    made = figures([LOUD, FAINT], 28, quick=True)
    for name in ("a.svg", "b.svg"):
        draw(made, ["loud", "faint"], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_recall_by_sampling_is_of_the_network_alone_and_each_sampling_by_itself() -> None:
    whole = Score(1, entity_days=100.0, found=Counter({"network.a": 2, "key_vault.b": 1}))
    sampled = Score(
        1,
        entity_days=100.0,
        sampling=10,
        found=Counter({"network.a": 1}),
        missed=Counter({"network.a": 1}),
        false=Counter({"network.a": 3, "key_vault.b": 5}),
        delays={"network.a": [7.0]},
    )
    lines = by_sampling([whole, sampled], ["loud"]).splitlines()
    assert lines[0].split()[-4:] == ["loud,", "1", "in", "10"]
    assert lines[1].split() == ["network.a", "2/2", "1/2", "(7)"]
    assert lines[2].split() == ["all", "2/2", "1/2"]
    assert "one packet in 10: 3 false network alerts" in lines[-1]
    assert not any("key_vault" in line for line in lines)
    assert (
        figures_sampling([whole, sampled])["sampling"]["10"]["recall"]["network.a"]["loud"]["recall"] == 0.5
    )
