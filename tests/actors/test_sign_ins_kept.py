"""What is remembered of sign-ins is what they were, is bounded, and comes back from a checkpoint."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import sign_ins
from actors.aggregator_state import VERSION, Changes, LearnedChanges, merged, pack, unpack
from actors.organisation import OrganisationView
from actors.settings import Settings
from actors.sign_ins import DAY_US, MAX_ADDRESSES, MAX_ROWS, SignIns
from detections.sign_ins import SignIn
from ingest.records import HOUR_US
from tests.actors.running import Listed, Replayed, enrichment, event, signed_in

BEGIN = 20_000 * DAY_US


def one(hours: float, address: str = "1.1.1.1", strong: bool = True, kind: str = "user") -> SignIn:
    return SignIn(BEGIN + int(hours * HOUR_US), address, strong, strong, False, "", "Portal", kind)


def known(*some: SignIn) -> SignIns:
    table = SignIns()
    for each in some:
        table.add("ann", each)
    return table


def test_the_last_of_an_address_are_remembered_and_when_it_was_first_used() -> None:
    table = known(*(one(hour) for hour in range(20)))
    assert [row.at_us for row in table.of("Ann", "1.1.1.1")] == [one(hour).at_us for hour in range(11, 20)]
    assert table.since("ANN", "1.1.1.1") == BEGIN
    assert table.last("ann", one(15.5).at_us) == one(15)
    assert (table.of("ann", "2.2.2.2"), table.since("bob", "1.1.1.1"), table.last("bob", 1 << 60)) == (
        (),
        None,
        None,
    )


def test_tokens_that_renew_themselves_dont_push_out_when_somebody_was_there() -> None:
    table = known(one(0), *(one(hour / 12, strong=False) for hour in range(1, 40)))
    assert table.of("ann", "1.1.1.1")[0] == one(0)
    assert len(table.of("ann", "1.1.1.1")) == MAX_ROWS + 2


def test_a_thousand_addresses_of_one_account_leave_those_used_last() -> None:
    table = known(*(one(n / 60, f"10.0.{n // 250}.{n % 250}") for n in range(1_000)))
    assert sum(bool(table.of("ann", f"10.0.{n // 250}.{n % 250}")) for n in range(1_000)) == MAX_ADDRESSES
    assert table.of("ann", "10.0.3.249")


def test_who_did_not_sign_in_for_a_season_is_forgotten_and_the_checkpoint_is_told() -> None:
    table = known(one(0))
    table.changes()
    table.forget(BEGIN // HOUR_US + 91 * 24)
    assert table.of("ann", "1.1.1.1") == ()
    assert table.changes() == [("ann", None)]


def test_more_accounts_than_there_is_room_for_push_out_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "MAX_PRINCIPALS", 3)
    table = SignIns()
    for n in range(5):
        table.add(f"p{n}", one(n))
    table.forget(BEGIN // HOUR_US + 24)
    assert [bool(table.of(f"p{n}", "1.1.1.1")) for n in range(5)] == [False, False, True, True, True]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30))
def test_the_days_of_the_last_year_are_known(days: list[int]) -> None:
    table = known(*(one(24 * day + 1) for day in sorted(days)))
    shown = [day for day in sorted(set(days)) if max(days) - day < sign_ins.MAX_DAYS]
    assert table.days("ann", BEGIN, BEGIN + 501 * DAY_US) == [20_000 + day for day in shown]
    assert table.days("ann", BEGIN + 1, BEGIN + 501 * DAY_US) == [20_000 + day for day in shown if day]


def test_a_person_whose_programs_renew_their_tokens_is_not_there_and_an_application_is() -> None:
    assert known(one(1, strong=False)).days("ann", BEGIN, BEGIN + DAY_US) == []
    assert known(one(1, strong=False, kind="service_principal")).days("ann", BEGIN, BEGIN + DAY_US) == [
        20_000
    ]


def through_a_checkpoint(*parts: LearnedChanges) -> OrganisationView:
    view = OrganisationView(enrichment())
    whole = merged([unpack(pack(Changes(VERSION, part))) for part in parts], whole=True)
    view.load(unpack(pack(whole)).learned)
    return view


def saved(*some: SignIn) -> LearnedChanges:
    view = OrganisationView(enrichment())
    facts = [("sign_in", each.address, "ann", each.at_us, {"sign_in": list(each)}) for each in some]
    view.close(BEGIN // HOUR_US, facts)
    learned = view.changes()
    learned.incidents = ([], {}, [])
    return learned


def test_they_come_back_from_a_checkpoint() -> None:
    view = through_a_checkpoint(saved(one(0)), saved(one(0), one(0.5, "2.2.2.2")))
    assert (view.sign_ins("ann", "1.1.1.1"), view.sign_ins("ann", "2.2.2.2")) == (
        (one(0),),
        (one(0.5, "2.2.2.2"),),
    )
    assert view.sign_in_days("ann", BEGIN, BEGIN + DAY_US) == [20_000]


def test_a_checkpoint_from_before_there_were_any_is_read() -> None:
    body = msgspec.msgpack.decode(pack(Changes(VERSION, saved())))
    body[1].pop()
    assert unpack(msgspec.msgpack.encode(body)).learned.sign_ins == []


@pytest.mark.parametrize("wrong", [{"days": b"x" * 1_000}, {"last_day": -1}, {"addresses": {"a": [0, []]}}])
def test_a_checkpoint_that_was_tampered_with_is_refused(wrong: dict[str, object]) -> None:
    learned = saved(one(0))
    ((_, principal),) = learned.sign_ins
    assert principal is not None
    for name, value in wrong.items():
        setattr(principal, name, value)
    with pytest.raises(ValueError, match="no state of an aggregator"):
        unpack(pack(Changes(VERSION, learned)))


def test_each_sign_in_is_applied_once_and_who_only_signs_in_is_no_entity() -> None:
    partition = Listed("log", [signed_in(1, 1), signed_in(2, 2), signed_in(2, 2), event(3, 3)])
    run = Replayed([partition], Settings())
    outcome = run.play()
    assert (outcome.applied, outcome.filtered) == (3, {"delivered twice": 1})
    assert outcome.entities == 2, "the vault, and who read it"


def test_a_sign_in_of_a_closed_hour_is_late_and_says_nothing() -> None:
    late = Listed("late", [signed_in(500, 1), signed_in(1, 2)], size=1)
    run = Replayed([late], Settings())
    outcome = run.play()
    assert (run.router.counts.late, outcome.applied, outcome.alerts) == (1, 1, [])
