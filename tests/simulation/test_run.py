"""The same arguments, the same bytes; and attacks change nothing but what they add."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from simulation import Organisation, simulate
from simulation.attacks import TYPES
from tests.simulation.reading import SMALL, activity, captures, flows, truth, vault


def digest(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_second_run_writes_the_same_bytes(out: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "again", days=4, organisation=SMALL)
    assert digest(tmp_path / "again") == digest(out)


def test_another_seed_is_another_organisation(out: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "other", days=1, seed=8, organisation=SMALL)
    assert (tmp_path / "other" / "inventory.csv").read_text() != (out / "inventory.csv").read_text()


def records(out: Path) -> Counter[str]:
    return Counter(json.dumps(record, sort_keys=True) for record in activity(out) + vault(out))


def test_attacks_only_add_records_to_the_benign_stream(out: Path, quiet: Path) -> None:
    with_attacks, without = records(out), records(quiet)
    assert not without - with_attacks
    assert sum((with_attacks - without).values()) > 500


def test_attacks_only_add_flows_to_the_benign_stream(out: Path, quiet: Path) -> None:
    seen, benign = (
        Counter(f for wire in captures(each).values() for f in flows(wire)) for each in (out, quiet)
    )
    assert not benign - seen
    assert sum((seen - benign).values()) > 5000


def test_everything_beside_the_telemetry_and_the_truth_is_the_same_without_attacks(
    out: Path, quiet: Path
) -> None:
    for name in ("inventory.csv", "redshank.toml", "benign.jsonl", "feeds/tor.txt", "feeds/c2.csv"):
        assert (out / name).read_bytes() == (quiet / name).read_bytes()
    assert (quiet / "truth.jsonl").read_text() == ""


def test_an_attack_alone_is_the_same_as_among_all(out: Path, tmp_path: Path) -> None:
    kind = "management.microburst"
    summary = simulate(tmp_path / "one", days=4, attacks=[kind], organisation=SMALL)
    assert summary.attacks == (kind,)
    assert truth(tmp_path / "one") == [line for line in truth(out) if line["type"] == kind]


def test_an_attack_that_does_not_fit_is_left_out_and_said_to_be(run) -> None:
    assert set(run.left_out) == {"management.inactive_account"}
    assert "54 days" in run.left_out["management.inactive_account"]


def test_progress_is_told_day_by_day(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    simulate(tmp_path / "p", days=2, organisation=SMALL, attacks=[], progress=lambda *each: told.append(each))
    assert told == [(1, 2), (2, 2)]


def test_a_folder_with_other_things_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="not empty"):
        simulate(tmp_path, days=1, organisation=SMALL)
    assert (tmp_path / "thesis.txt").exists()


def test_an_earlier_simulation_leaves_nothing_behind(tmp_path: Path) -> None:
    simulate(tmp_path / "a", days=3, organisation=SMALL)
    simulate(tmp_path / "a", days=1, organisation=SMALL, attacks=[])
    assert len(captures(tmp_path / "a")) == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"attacks": ["network.telnet"]}, "no attack is called network.telnet"),
        ({"strength": "quiet"}, "strength is"),
        ({"days": 0}, "at least one day"),
    ],
)
def test_a_wrong_argument_is_refused_in_words(arguments, why, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=why):
        simulate(tmp_path / "x", **{"days": 1, "organisation": SMALL} | arguments)


def test_too_small_an_organisation_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="people of at least 12"):
        Organisation(people=3)


def test_sampling_leaves_about_one_packet_in_so_many(out: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "s", days=4, organisation=Organisation(24, 12, 12, 20, sampling=20))
    every, some = (
        sum(f.packets for w in captures(each).values() for f in flows(w)) for each in (out, tmp_path / "s")
    )
    assert 0.045 < some / every < 0.055


def test_there_are_26_attacks() -> None:
    assert len(TYPES) == 26
