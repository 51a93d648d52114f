"""A pipeline at a vault that is new to it, and what it has just released, are told lower; an intruder is not."""

from __future__ import annotations

from actors.organisation import OrganisationView
from detections.declare import Finding, Verdict
from detections.key_vault import policy_change_and_query, unusual_application
from ingest.records import HOUR_US, MANAGEMENT, Event
from tests.actors.running import enrichment
from tests.detections.key_vault.histories import WEB, event
from tests.detections.key_vault.test_cases import after, noon, told

NEW, POLICY = "key_vault.unusual_application", "key_vault.policy_change_and_query"
PIPELINE, APP = "pipeline", "app"
HOME, ELSEWHERE = "20.50.1.9", "203.0.113.9"
NOON = noon(21)
HOUR = NOON // HOUR_US
OFTEN = (21, 17, 9, 3)  # days ago on which it came to a vault for the first time


def reads(who: str, address: str = HOME, minutes: int = 2, secrets: int = 4) -> list[Event]:
    at = NOON + minutes * 60_000_000
    return [event(at + n, "SecretGet", who, item=f"secrets/s{n}", address=address) for n in range(secrets)]


def put(address: str = HOME, minutes: int = 0, who: str = PIPELINE) -> list[Event]:
    return [event(NOON + minutes * 60_000_000, "VaultPut", who, address=address)]


def view(came: tuple[int, ...] = OFTEN, who: str = PIPELINE, at_home: int = 21) -> OrganisationView:
    """An organisation in which an application came to a vault that was new to it so many days ago."""
    known = OrganisationView(enrichment())
    facts = [(HOUR - days * 24, ("reached", who, f"vault{days}", 0, None)) for days in came]
    facts.append((HOUR - at_home * 24, ("address", HOME, who, 0, None)))
    for hour, fact in sorted(facts):
        known.close(hour, [fact])
    known.hour = HOUR
    return known


def verdict(type_: str, events: list[Event], organisation: OrganisationView) -> tuple[Finding, Verdict]:
    found = told(after(WEB, 21), events)[type_]
    detection = unusual_application.DETECTION if type_ == NEW else policy_change_and_query.DETECTION
    assert detection.confirm is not None
    return found, detection.confirm(found, organisation)


def test_a_pipeline_that_often_comes_to_new_vaults_is_told_lower() -> None:
    found, said = verdict(NEW, reads(PIPELINE), view())
    assert found.severity is None
    assert said.steps == -1
    assert said.against[-1] == (
        "pipeline came to a vault that was new to it on 3 days before, from the same addresses"
    )


def test_its_change_of_the_vault_and_its_reading_are_told_lower_too() -> None:
    _, said = verdict(POLICY, [*put(), *reads(PIPELINE)], view())
    assert said.steps == -1


def test_a_whole_dump_by_a_pipeline_is_told_in_full() -> None:
    """Rights taken, secrets listed and read, rights changed again: no deployment does that, whoever it is."""
    write = "microsoft.keyvault/vaults/write"
    first, again = (
        event(NOON + minutes * 60_000_000, write, PIPELINE, address=HOME, layer=MANAGEMENT, offset=7)
        for minutes in (0, 4)
    )
    listing = event(NOON + 60_000_000, "SecretList", PIPELINE, address=HOME)
    found, said = verdict(POLICY, [first, listing, *reads(PIPELINE, secrets=6), again], view())
    assert found.severity == "high"
    assert said.steps == 0
    found, said = verdict(POLICY, [first, listing, *reads(PIPELINE, secrets=6)], view())
    assert said.steps == -1, "without the last change it is what a deployment may do"


def test_whoever_has_its_identity_and_not_its_address_is_told_in_full() -> None:
    for type_, events in (
        (NEW, reads(PIPELINE, ELSEWHERE)),
        (POLICY, [*put(ELSEWHERE), *reads(PIPELINE, ELSEWHERE)]),
    ):
        assert verdict(type_, events, view())[1].steps == 0


def test_an_application_that_keeps_to_its_vaults_is_told_in_full() -> None:
    for came in ((21,), (21, 9), (21, 21, 21)):
        assert verdict(NEW, reads(PIPELINE), view(came))[1].steps == 0, came
    assert verdict(NEW, reads(PIPELINE), view((90, 80, 70)))[1].steps == 0, "two new vaults in three months"


def test_what_came_since_yesterday_excuses_nothing() -> None:
    assert verdict(NEW, reads(PIPELINE), view((0, 0, 0, 0)))[1].steps == 0
    assert verdict(NEW, reads(PIPELINE), view((5, 3, 2)))[1].steps == 0, "known for less than a week"
    assert verdict(NEW, reads(PIPELINE), view(at_home=2))[1].steps == 0, "at this address for two days"


def test_what_a_pipeline_has_just_released_is_told_lower() -> None:
    events = [*put(), *reads(APP, ELSEWHERE)]
    found, said = verdict(NEW, events, view())
    assert found.evidence["new"][0]["written_by"]["object_id"] == PIPELINE
    assert said.steps == -1
    assert any("which goes from vault to vault, wrote this one at" in text for text in said.against)


def test_an_application_with_vaults_elsewhere_is_no_release() -> None:
    organisation = view()
    organisation.close(HOUR - 48, [("reached", APP, "elsewhere", 0, None)])
    organisation.hour = HOUR
    assert verdict(NEW, [*put(), *reads(APP)], organisation)[1].steps == 0


def test_a_newcomer_before_the_write_or_long_after_it_or_that_wrote_itself_is_no_release() -> None:
    assert verdict(NEW, [*reads(APP), *put(minutes=9)], view())[1].steps == 0
    late = [*put(minutes=-70), *reads(APP, minutes=20)]
    assert verdict(NEW, late, view())[1].steps == 0
    assert verdict(NEW, [*put(who=APP), *reads(APP, ELSEWHERE)], view())[1].steps == 0


def test_a_write_from_elsewhere_releases_nothing() -> None:
    assert verdict(NEW, [*put(ELSEWHERE), *reads(APP, ELSEWHERE)], view())[1].steps == 0


def after_news(events: list[Event]) -> dict[str, Finding]:
    """What happens at a vault to which some applications have just come, so that one more is no rarity."""
    replay = after(WEB, 21)
    for number in range(2):
        told(
            replay,
            [event(NOON - (20 - 5 * number) * HOUR_US, "SecretGet", f"first{number}", item="secrets/s1")],
        )
    return told(replay, events)


def test_an_application_with_vaults_of_its_own_is_told_where_newcomers_are_no_rarity() -> None:
    """Else two releases would cover for whoever uses a job's identity at a vault that is not its own."""
    found = after_news(reads(APP))[NEW]
    assert 0.05 <= (found.improbability or 0) < 0.15
    confirm = unusual_application.DETECTION.confirm
    assert confirm is not None
    own = confirm(found, view((21,), APP))
    assert (own.withheld, own.steps) == ("", 0)
    for came in ((), (0,), (3,), OFTEN):
        assert "none of these has had vaults of its own" in confirm(found, view(came, APP)).withheld, came


def test_there_one_secret_says_too_little_and_nothing_is_learned_slowly() -> None:
    assert NEW not in after_news(reads(APP, secrets=1))
    assert after_news(reads(APP))[NEW].held == ()
