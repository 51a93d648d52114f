"""Who holds which address, as it is told while a run goes on: bounded, in order, and the same after a restart."""

from __future__ import annotations

import msgspec
import pytest

from ingest.holdings import Changed, Deleted, Holdings, Picture
from ingest.told_holders import ToldHolders
from tests.actors.running import at
from tests.ingest.things_told import ADDRESSES, OWNERS, public


def test_changes_that_wait_are_bounded_and_the_rest_counts_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.told_holders.MOST_TOLD", 8)
    holders, told = (
        ToldHolders(),
        [Changed(at(n), public(n % 5, f"20.1.0.{n}", OWNERS[n % 3])) for n in range(40)],
    )
    for one in told:
        holders.take([(one.at_us, one)])
        assert len(msgspec.msgpack.decode(holders.packed())["waiting"]) <= 8
    older = Changed(at(0.5), public(9, "20.1.1.1", OWNERS[0]))
    holders.take([(older.at_us, older)])
    holders.settle(at(100))
    whole = Holdings(looks_back=False)
    for one in told:
        whole.take(one)
    spans = holders.spans()
    assert [span for span in spans.spans if span.address != "20.1.1.1"] == whole.spans()
    [late] = [span for span in spans.spans if span.address == "20.1.1.1"]
    assert late.start_us > older.at_us, "what was settled of the time before stays true"
    assert spans.now.hurried > 0
    assert ToldHolders(holders.packed()).spans().now.hurried == spans.now.hurried


def test_where_there_are_many_things_it_is_settled_when_an_hour_begins_and_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes seconds with 200,000 of them: with each change a server would do nothing else."""
    monkeypatch.setattr("ingest.told_holders.FEW_THINGS", 0)
    holders, begin = ToldHolders(), at(0)
    holders.take([(begin, Changed(begin, public(0, ADDRESSES[0], OWNERS[0])))])
    assert holders.settle(begin + 1), "the hour's begin is passed"
    settled = []
    for until_us in (at(1), at(20), at(59), at(60), at(60) + 1, at(61)):
        holders.take([(until_us - 1, Changed(until_us - 1, public(0, ADDRESSES[0], OWNERS[until_us % 3])))])
        settled.append(holders.settle(until_us))
    assert settled == [False, False, False, True, True, False]
    assert holders.settle(0, to_the_end=True)


def test_a_state_that_is_none_is_refused() -> None:
    for body in (b"x", b"\x81\xa4form\x02"):
        with pytest.raises(ValueError, match=r"inventory can't be read|form 2"):
            ToldHolders(body)


def test_things_are_bounded_and_what_is_refused_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.told_holders.MOST_THINGS", 3)
    holders = ToldHolders()
    things = [public(number, f"20.1.0.{number}", OWNERS[0]) for number in range(9)]
    holders.take((0, Changed(at(number), thing)) for number, thing in enumerate(things))
    holders.settle(at(100))
    now = holders.spans().now
    assert (now.addresses, now.refused) == (3, 6)
    holders.take([(at(101), Changed(at(101), public(1, "20.1.9.9", OWNERS[0])))])
    holders.settle(at(102))
    assert {span.address for span in holders.spans().spans if span.end_us > at(200)} == {
        "20.1.0.0",
        "20.1.9.9",
        "20.1.0.2",
    }


def test_an_old_picture_that_is_read_again_takes_nothing_back() -> None:
    """A run over tomorrow's files reads today's picture once more."""
    old = Picture(0, tuple(public(number, f"20.1.0.{number}", OWNERS[0]) for number in range(2)))
    holders = ToldHolders()
    holders.take(
        [
            (0, old),
            (at(10), Changed(at(10), public(0, "20.1.0.0", OWNERS[1]))),
            (at(20), Deleted(at(20), "public", public(1, "", "").id)),
        ]
    )
    holders.settle(at(60))
    before = holders.spans().spans
    again = ToldHolders(holders.packed())
    again.take([(0, old)])
    again.settle(at(90))
    assert again.spans().spans == before
