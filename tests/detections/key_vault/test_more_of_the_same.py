"""A nightly job that reads its secrets twelve times over is told lower; whoever takes its identity elsewhere is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.organisation import OrganisationView
from detections.declare import Finding, Verdict
from detections.key_vault import high_operation_volume
from ingest.records import HOUR_US, Event
from tests.actors.making import acts_of
from tests.actors.running import enrichment
from tests.detections.key_vault.cases import NIGHTLY
from tests.detections.key_vault.histories import START, Habits, event
from tests.detections.key_vault.test_cases import SEED, after

TYPE = "key_vault.high_operation_volume"
HOME, ELSEWHERE = "20.50.1.2", "203.0.113.9"
NIGHT = START + 21 * 24 + 2  # the hour in which the job comes each night
JOB = f"batch{SEED}"


def reads(hour: int, rounds: int, secrets: int = 60, **more: str) -> Iterator[Event]:
    """The job's secrets, one after another, so many times over."""
    for number in range(rounds * secrets):
        item = f"secrets/s{number % secrets}"
        yield event(hour * HOUR_US + number * 1_000_000, "SecretGet", JOB, item=item, **more)


def found(hour: int, events: Iterator[Event]) -> Finding:
    return after(NIGHTLY, 21).play(hour, acts_of(events))[TYPE]


def said(finding: Finding, known_days: int = 20) -> Verdict:
    """With an organisation that knows the job at its address for so long."""
    view = OrganisationView(enrichment())
    view.close(NIGHT - known_days * 24, [("address", HOME, JOB, 0, None)])
    view.hour = NIGHT
    assert high_operation_volume.DETECTION.confirm is not None
    verdict = high_operation_volume.DETECTION.confirm(finding, view)
    assert not verdict.withheld
    return verdict


def test_more_of_the_same_in_the_jobs_own_hour_is_told_lower_and_says_why() -> None:
    verdict = said(found(NIGHT, reads(NIGHT, 12)))
    assert verdict.steps == -1
    assert verdict.against[-1] == (
        f"app-{JOB} has come at about 02:00 UTC on 21 days before, from the same addresses, and read "
        "no more different objects (60) than it reads then: more of the same"
    )


def test_a_job_that_runs_over_is_still_the_same_job() -> None:
    assert said(found(NIGHT + 2, reads(NIGHT + 2, 12))).steps == -1


@pytest.mark.parametrize(
    ("why", "hour", "rounds", "secrets", "more"),
    [
        ("at noon, when the job never comes", NIGHT + 10, 12, 60, {}),
        ("from an address that is not the job's", NIGHT, 12, 60, {"address": ELSEWHERE}),
        ("other secrets than a night's calls could be", NIGHT, 3, 200, {}),
        ("the log does not name what was read", NIGHT, 12, 60, {"item": ""}),
    ],
)
def test_who_has_the_jobs_identity_and_more_than_its_habits_is_told_in_full(
    why: str, hour: int, rounds: int, secrets: int, more: dict[str, str]
) -> None:
    events = [
        event(at.at_us, at.operation, JOB, **({"item": at.item} | more))
        for at in reads(hour, rounds, secrets)
    ]
    assert said(found(hour, iter(events))).steps == 0, why


def test_an_address_of_yesterday_is_not_the_jobs_own() -> None:
    assert said(found(NIGHT, reads(NIGHT, 12)), known_days=2).steps == 0


def test_keys_that_are_used_over_and_over_are_no_more_of_the_same() -> None:
    events = [event(NIGHT * HOUR_US + n, "KeyDecrypt", JOB, item="keys/k1") for n in range(720)]
    assert said(found(NIGHT, iter(events))).steps == 0


def test_somebody_else_in_the_jobs_hour_is_told_in_full() -> None:
    other = [
        event(NIGHT * HOUR_US + n, "SecretGet", "intruder", item=f"secrets/s{n % 60}") for n in range(90)
    ]
    assert said(found(NIGHT, iter([*reads(NIGHT, 12), *other]))).steps == 0


def test_somebody_else_who_reads_as_much_at_noon_is_told() -> None:
    """Else a nightly job would hide whoever empties its vault by day, with an identity that the vault knows."""
    batch = Habits(secrets=400, batch=400)
    for hour, told in ((NIGHT + 10, True), (NIGHT, False)):
        clerk = [
            event(hour * HOUR_US + n * 1_000_000, "SecretGet", "clerk", item=f"secrets/s{n}")
            for n in range(400)
        ]
        assert (TYPE in after(batch, 21).play(hour, acts_of(clerk))) == told
