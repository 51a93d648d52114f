"""What is still to be told: all of it in time, the newest word on each, and as quickly where there are thousands."""

from __future__ import annotations

from typing import Any

from actors.aggregator_state import Raised
from actors.open_alerts import OpenAlerts
from actors.outbox import Outbox
from alerts.alert import Entity
from tests.cluster.receivers import an_alert


def test_thousands_of_open_alerts_do_not_slow_the_next_one() -> None:
    """An attack on everything at once would stop the reading, for each alert asked all those that were told before."""
    looked: list[int] = []

    class Counted(dict[str, Raised]):
        def values(self) -> Any:
            looked.append(len(self))
            return super().values()

    opened = OpenAlerts()
    opened._told = Counted()
    for number in range(20):
        opened.add(Raised(an_alert(f"{number}", entity=Entity("vault", f"/V{number}")), 7, ()))
        opened.add(Raised(an_alert(f"{number}", "high", entity=Entity("vault", f"/V{number}")), 7, ()))
    told = opened.of_entity(7, "vault", "/v3")
    assert (told, opened.of_entity(8, "vault", "/v3"), looked) == (["key_vault.tor_access"], [], [])
    saved = opened.state()
    assert len(opened.close(7, ())) == 20
    assert opened.of_entity(7, "vault", "/v3") == []
    opened.load(saved)
    assert opened.of_entity(7, "vault", "/V3") == told


def test_a_helping_at_a_time_brings_all_and_the_newest_word_last() -> None:
    outbox = Outbox("abcd")
    assert outbox.offer(2) == outbox.offer(2) == ["a", "b"], "nobody has taken them"
    outbox.put("a")
    outbox.taken(["a", "b"])
    assert list(outbox) == ["c", "d", "a"]
    assert outbox.offer(2) == ["c", "d"]
    outbox.taken(["c", "d"])
    assert outbox.offer(2) == ["a"]
    outbox.taken(["a"])
    assert (outbox.offer(2), len(outbox)) == ([], 0)


def test_news_alone_comes_once_and_what_nobody_took_comes_with_the_rest() -> None:
    """While a store is away its alerts go on to the file, each once, and to the store when it is there again."""
    outbox = Outbox("ab")
    assert [outbox.offer(9, again=False), outbox.offer(9, again=False)] == [["a", "b"], []]
    outbox.put("a")
    outbox.put("c")
    assert outbox.offer(9, again=False) == ["a", "c"]
    assert outbox.offer(9) == ["b", "a", "c"]
