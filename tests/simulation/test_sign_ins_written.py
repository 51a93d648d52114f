"""Each piece of work has a sign-in behind it, an attack only where a password was stolen; and nothing else changes for it."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pytest

from ingest import logs
from ingest.records import HOUR_US, SIGN_IN, Event
from simulation import simulate
from tests.simulation.reading import SMALL, activity, vault
from tests.simulation.test_run import digest


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("signed") / "out"
    simulate(out, days=4, organisation=SMALL, sign_ins=True)
    return out


def sign_ins(out: Path) -> list[Event]:
    paths = sorted((out / "telemetry").glob("insights-logs-*signinlogs/**/*.json"))
    made = [logs.decode(json.loads(line), "", 0) for path in paths for line in path.read_text().splitlines()]
    found = [one for one in made if isinstance(one, Event) and one.layer == SIGN_IN]
    assert len(found) == len(made) > 100
    return found


def test_all_other_files_are_as_without_them(out: Path, signed: Path) -> None:
    with_them = digest(signed)
    others = {name: value for name, value in with_them.items() if "signinlogs" not in name}
    assert others == digest(out)
    assert len(with_them) > len(others)


def test_whoever_works_has_signed_in_from_there_and_attackers_have_not(quiet: Path, signed: Path) -> None:
    since: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in sign_ins(signed):
        since[one.principal, one.address].append(one.at_us)

    def is_behind(event: Event) -> bool:
        return any(
            0 <= event.at_us - at_us <= 12 * HOUR_US for at_us in since[event.principal, event.address]
        )

    def acts(out: Path) -> dict[int, Event]:
        made = (logs.decode(record, "", 0) for record in activity(out) + vault(out))
        return {one.uid: one for one in made if isinstance(one, Event) and one.principal and one.address}

    benign, all_of_them = acts(quiet), acts(signed)
    assert all(is_behind(one) for one in benign.values())
    added = [one for uid, one in all_of_them.items() if uid not in benign]
    assert sum(not is_behind(one) for one in added) > 100


def test_people_sign_in_with_a_second_factor_and_applications_by_themselves(signed: Path) -> None:
    for one in sign_ins(signed):
        assert bool(one.details.get("mfa")) == (one.kind == "user")
        assert one.kind == "user" or "interactive" not in one.details


def test_who_stole_a_password_shows_a_second_factor_on_a_device_that_nobody_manages(
    signed: Path, quiet: Path
) -> None:
    truths = [json.loads(line) for line in (signed / "truth.jsonl").read_text().splitlines()]
    stolen = next(one for one in truths if one["type"] == "management.infrequent_country")
    begun = datetime.fromisoformat(stolen["start"]).timestamp() * 1e6
    theirs = [one for one in sign_ins(signed) if one.principal == stolen["entity"]["id"]]
    mine = {one["callerIpAddress"] for one in activity(signed)} - {
        one["callerIpAddress"] for one in activity(quiet)
    }
    first = min((one for one in theirs if one.address in mine), key=lambda one: one.at_us)
    assert begun - HOUR_US <= first.at_us <= begun
    assert first.details.get("mfa")
    assert first.details.get("interactive")
    assert not first.details.get("managed")
