"""How much people read is known of the organisation: a newcomer is told lower who takes no more."""

from __future__ import annotations

import pytest

from actors.organisation import OrganisationView
from alerts.alert import describe
from baselines.tally import Tally
from detections.declare import Verdict
from detections.key_vault import unusual_user, unusual_user_application_pair
from detections.key_vault.visits import BASELINE, VISITS
from ingest.records import DENIED
from tests.actors.making import acts_of
from tests.actors.running import enrichment
from tests.detections.key_vault.cases import LOYAL, reads
from tests.detections.key_vault.histories import COMMAND_LINE, START, WEB, event, person
from tests.detections.key_vault.replay import Replay
from tests.detections.key_vault.test_cases import SEED, after, noon, told


def organisation(*often: tuple[int, int]) -> OrganisationView:
    """So many hours in which somebody read so much."""
    view = OrganisationView(enrichment())
    tally = Tally()
    for hours, objects in often:
        for _ in range(hours):
            tally.note(BASELINE, objects, 0.0)
    view.close_population(START, tally)
    return view


def verdict(secrets: int, view: OrganisationView) -> Verdict:
    found = told(after(WEB, 21), list(reads(noon(21), secrets, name="mallory")))
    assert unusual_user.DETECTION.confirm is not None
    return unusual_user.DETECTION.confirm(found[unusual_user.DETECTION.type], view)


USUAL = (200, 1), (60, 2), (40, 4)


def test_a_newcomer_who_takes_as_many_as_people_do_is_told_lower_and_why() -> None:
    said = verdict(3, organisation(*USUAL))
    assert said.steps == -1
    assert said.against == ("in 13% of the hours in which people read from a vault, somebody read as much",)


def test_who_was_refused_is_not_said_to_read_as_others_do() -> None:
    """They read nothing: an analyst who is told of a read looks for a leak, and the attempt would be told too low."""
    refused = reads(noon(21), 3, name="mallory", outcome=DENIED)
    found = told(after(WEB, 21), list(refused))[unusual_user.DETECTION.type]
    assert unusual_user.DETECTION.confirm is not None
    said = unusual_user.DETECTION.confirm(found, organisation(*USUAL))
    assert (said.steps, said.against) == (0, ())
    assert "mallory@contoso.com was refused by the vault" in describe(unusual_user.DETECTION, "kv", found)


@pytest.mark.parametrize(
    ("secrets", "often"),
    [
        (6, USUAL),  # nobody does
        (3, ((280, 1), (10, 3))),  # few do
        (3, ((20, 4),)),  # too little is known
        (3, ()),
    ],
)
def test_a_newcomer_who_takes_more_or_of_whom_nothing_is_known_is_told_in_full(
    secrets: int, often: tuple[tuple[int, int], ...]
) -> None:
    assert verdict(secrets, organisation(*often)).steps == 0


def test_who_takes_little_is_low_already_and_goes_no_lower() -> None:
    found = told(after(WEB, 21), list(reads(noon(21), 1, name="mallory")))[unusual_user.DETECTION.type]
    assert found.severity == "low"
    assert verdict(1, organisation(*USUAL)).steps == 0


def test_a_known_person_by_another_way_is_no_visit() -> None:
    """A stolen session reads as little as its owner does: that says nothing for it."""
    assert VISITS.name not in {one.name for one in unusual_user_application_pair.DETECTION.baselines}
    at = noon(21)
    found = told(after(LOYAL, 21), list(reads(at, 3, name=f"admin{SEED}-0", application=COMMAND_LINE)))
    assert unusual_user_application_pair.DETECTION.confirm is not None
    said = unusual_user_application_pair.DETECTION.confirm(
        found[unusual_user_application_pair.DETECTION.type], organisation(*USUAL)
    )
    assert said.steps == 0


def test_counted_are_the_reads_of_one_person_and_no_applications() -> None:
    at = noon(0)
    events = [person(at + n, "SecretGet", "anna", item=f"secrets/s{n % 3}") for n in range(5)]
    events += [person(at + n, "SecretGet", "ben", item="secrets/s9") for n in range(2)]
    events += [person(at + n, "SecretGet", "eva", item=f"secrets/s{n}", outcome="denied") for n in range(7)]
    events += [person(at + n, "SecretSet", "ola", item=f"secrets/s{n}") for n in range(8)]
    machines = [event(at + n, "SecretGet", "web", item=f"secrets/s{n}") for n in range(20)]
    replay = Replay([unusual_user.DETECTION], "vault")
    hour = at // 3_600_000_000
    counted = [one["count"] for one in VISITS.observe(replay.hour(hour, acts_of([*events, *machines])))]
    assert counted == [5]
    assert list(VISITS.observe(replay.hour(hour, acts_of(machines)))) == []
