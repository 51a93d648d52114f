"""What the console reads of a store, in SQLite and PostgreSQL: pages by key, searches in steps, counts, people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert, select, text
from sqlalchemy.engine import make_url

from alerts.store import counting, opening, texts, together
from alerts.store.people import People, Token, User
from alerts.store.schema import ALERTS, TALLIES
from alerts.store.store import AlertStore, row_of
from alerts.work import Filter, Key, Order, Scope
from detections.declare import SEVERITIES
from tests.alerts.test_alert_store import NOW, alert


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database that is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/a.db"
    found: str = request.getfixturevalue("server")
    name = "t" + "".join(letter for letter in tmp_path.name.lower() if letter.isalnum())[-50:]
    engine = opening._engine(found).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    return make_url(found).set(database=name).render_as_string(hide_password=False)


def some(number: int = 40) -> list[str]:
    return [f"{n:032x}" for n in range(number)]


def filled(url: str) -> AlertStore:
    store = AlertStore(url)
    store.write(
        [
            alert(
                id_,
                SEVERITIES[n % 4],
                start=f"2026-03-{10 + n // 6:02d}T10:00:00Z",
                description=f"word{n % 7}",
            )
            for n, id_ in enumerate(some())
        ],
        NOW,
    )
    return store


@pytest.mark.parametrize("order", ["newest", "oldest", "severity"])
def test_pages_by_key_have_each_alert_once_and_in_order(url: str, order: Order) -> None:
    store, seen, after = filled(url), [], None
    whole = store.page(Filter(order=order, limit=1_000)).alerts
    while True:
        page = store.page(Filter(order=order, limit=7, after=after))
        seen += page.alerts
        if not page.more:
            break
        after = together.key_of(page.alerts[-1])
    assert [row.alert.id for row in seen] == [row.alert.id for row in whole]
    assert len(seen) == 40


@pytest.mark.parametrize("order", ["newest", "oldest", "severity"])
def test_a_search_in_steps_finds_what_a_search_of_all_finds(
    url: str, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(url)
    by_index = Filter(text="word3", order=order, look=9)
    found_at_once = [row.alert.id for row in together.page([store], by_index).alerts]
    monkeypatch.setattr(texts, "FEW", 3)  # so many that the list is gone through
    whole = [row.alert.id for row in store.page(Filter(text="word3", order=order, limit=1_000)).alerts]
    found, after, steps = [], None, 0
    while True:
        page = together.page([store], Filter(text="WORD3", order=order, look=9, after=after))
        found += [row.alert.id for row in page.alerts]
        steps += 1
        if page.looked is None:
            break
        after = page.looked
    assert found == whole == found_at_once
    assert steps == 5


def test_a_list_of_several_stores_is_one_list(tmp_path: Path) -> None:
    one, other = AlertStore(f"{tmp_path}/1.db"), AlertStore(f"{tmp_path}/2.db")
    for n, id_ in enumerate(some()):
        (one if n % 3 else other).write(
            [alert(id_, start=f"2026-03-10T{n // 2:02d}:00:00Z", description=f"word{n % 2}")], NOW
        )
    seen: list[str] = []
    asked = Filter(limit=7, text="word1", look=5)
    while True:
        page = together.page([one, other], asked)
        seen += [row.alert.id for row in page.alerts]
        last: Key | None = together.key_of(page.alerts[-1]) if page.more else page.looked
        if last is None:
            break
        asked = msgspec.structs.replace(asked, after=last)
    assert seen == [id_ for n, id_ in reversed(list(enumerate(some()))) if n % 2]


def test_counts_are_of_what_is_shown(url: str) -> None:
    store = filled(url)
    store.mark(some()[0], "true", "", "uma", NOW)
    store.write([alert(some()[1], "high", start="2026-03-10T10:00:00Z", withdrawn="late word")], NOW)
    counts = counting.over_time(store, "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z")
    assert {count.time for count in counts} == {"2026-03-10T10"}
    assert sum(count.number for count in counts) == 5
    assert sum(count.number for count in counts if not count.open) == 1
    entity = alert().entity.id
    assert (
        counting.over_time(store, "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", entity=entity.upper())
        == counts
    )
    assert counting.over_time(store, "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", entity="nobody") == []
    days = counting.over_time(store, "2026-03-10T00:00:00Z", "2026-03-12T00:00:00Z", counting.DAY)
    assert [sum(d.number for d in days if d.time == day) for day in ("2026-03-10", "2026-03-11")] == [5, 6]
    assert {count.layer for count in days} == {"key_vault"}
    types = counting.by_type(store, "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z")
    assert types == {(alert().type, "open"): 4, (alert().type, "true"): 1}
    assert counting.newest(store) == "2026-03-16T10:00:00Z"


def recounted(store: AlertStore) -> dict[tuple[str, ...], int]:
    """The counts, from the alerts themselves."""
    found: Counter[tuple[str, ...]] = Counter()
    for row in store.page(Filter(limit=10_000)).alerts:
        for letters in (counting.HOUR, counting.DAY):
            found[row.alert.start[:letters], row.alert.type, row.alert.severity, row.state] += 1
    return dict(found)


def tallies(store: AlertStore) -> dict[tuple[str, ...], int]:
    with opening.reading(store.engine) as connection:
        rows = connection.execute(select(*TALLIES.c)).all()
    return {(row[0], row[1], SEVERITIES[row[2]], row[3]): row[4] for row in rows}


def test_counts_stay_right_whatever_happens_to_an_alert(url: str) -> None:
    store = filled(url)
    one, two, three, four = some()[:4]
    store.mark(one, "true", "", "uma", NOW)
    store.mark(one, "open", "", "uma", NOW)
    store.mark(one, "benign", "", "uma", NOW)
    store.write([alert(two, "high", start="2026-03-10T10:00:00Z", complete=False)], NOW)  # an older word
    store.write([alert(three, "informational", start="2026-03-12T11:00:00Z")], NOW)  # moves
    store.write([alert(four, start="2026-03-10T10:00:00Z", withdrawn="late word")], NOW)
    assert tallies(store) == recounted(store)
    rule, hidden = store.suppress(Scope(entity=alert().entity.id), None, "", "uma", NOW)
    assert hidden == 39
    assert tallies(store) == {}
    store.write([alert("ee")], NOW)  # hidden as it comes
    assert tallies(store) == {}
    store.unsuppress(rule, "uma", NOW)
    assert sum(tallies(store).values()) == 2 * 40
    assert tallies(store) == recounted(store)
    store.forget("2026-03-13T00:00:00Z")
    assert tallies(store) == recounted(store) != {}


HARD = ("100%", 'a "quoted" one', "it's", "kv_77", "_7", "%", "\\", "日本語の文", "ÄÖÜ", "AND NOT", "x" * 400)


@pytest.mark.parametrize("hard", HARD)
def test_a_search_finds_any_letters_where_they_stand(url: str, hard: str) -> None:
    store = AlertStore(url)
    store.write(
        [alert("aa", description=f"before{hard}after"), alert("bb", description="kva77 100 pct")], NOW
    )
    assert [row.alert.id for row in store.page(Filter(text=hard)).alerts] == ["aa"]
    assert [row.alert.id for row in store.page(Filter(text=hard.upper(), look=10)).alerts] == ["aa"]


def test_a_search_follows_what_is_written_anew_and_what_goes(url: str) -> None:
    store = filled(url)

    def found(text_: str) -> list[str]:
        return [row.alert.id for row in store.page(Filter(text=text_, hidden=True)).alerts]

    one, two = some()[0], some()[1]
    store.write([alert(one, start="2026-03-10T10:00:00Z", description="a new sentence")], NOW)
    store.mark(two, "true", "", "uma", NOW)
    assert found("a new sent") == [one]
    assert one not in found("word0")
    store.forget("2026-03-11T00:00:00Z")
    assert found("a new sent") == []
    if url.startswith("sqlite"):
        with store.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("VACUUM")  # gives rows other numbers
    assert found("word6")
    assert all(row.alert.description == "word6" for row in store.page(Filter(text="word6")).alerts)


def test_a_store_without_an_index_of_texts_is_searched_all_the_same(url: str) -> None:
    store = filled(url)
    before = store.page(Filter(text="word3")).alerts
    with opening.writing(store.engine) as connection:
        if url.startswith("sqlite"):
            for name in ("in", "out", "other"):
                connection.execute(text(f"DROP TRIGGER alerts_text_{name}"))
            connection.execute(text("DROP TABLE alerts_text"))
        else:
            connection.execute(text("DROP INDEX alerts_text"))
    assert store.page(Filter(text="word3")).alerts == before != []


def test_news_are_what_was_written_since(url: str) -> None:
    store = filled(url)
    later = "2026-04-02T00:00:00Z"
    assert counting.last_change(store, later) == NOW
    store.write([alert("ff"), alert("fe", withdrawn="no")], later)
    assert counting.last_change(store, later) == later
    assert counting.last_change(store, NOW) == NOW
    assert counting.changed_since(store, NOW, 100) == 1  # one of them is not shown
    assert counting.changed_since(store, "2020", 10) == 10


def test_a_store_from_before_the_console_is_brought_up_to_date_with_its_incidents(url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(opening.__file__).parent / "migrations"))
    old, engine = alert("aa", incident="20260317T100000Z-1"), opening._engine(url)
    with opening.writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        row = {
            name: value for name, value in row_of(old, None).items() if name not in ("incident", "changed")
        }
        connection.execute(insert(ALERTS).values(row))
        other = row["body"].replace("2026031", "2026041").replace('"aa"', '"bb"')
        connection.execute(insert(ALERTS).values({**row, "id": "bb", "body": other}))
    store = AlertStore(url)
    assert [row.alert.incident for row in store.page(Filter(incident=old.incident)).alerts] == [old.incident]
    assert tallies(store) == recounted(store) != {}
    assert len(store.page(Filter(text=old.description[:12])).alerts) == 2
    assert counting.last_change(store, NOW) == old.start


def test_people_and_tokens_are_there_until_they_are_taken_away(url: str) -> None:
    people = People(AlertStore(url))
    assert not people.any()
    assert people.add(User("uma", "viewer", "x", NOW))
    assert not people.add(User("uma", "admin", "y", NOW))
    people.begin("d1", "uma", "2026-05-01", NOW)
    found = people.of_session("d1", NOW)
    assert found is not None
    assert (found.name, found.role) == ("uma", "viewer")
    assert people.of_session("d1", "2026-05-01") is None
    assert people.change("uma", None, "admin")
    assert people.of_session("d1", NOW) is None  # with another role one signs in again
    assert people.add_token(Token("siem", "viewer", NOW, "2026-05-01"), "t1")
    assert not people.add_token(Token("siem", "admin", NOW, None), "t2")
    assert people.of_token("t1", NOW) == ("siem", "viewer")
    assert people.of_token("t1", "2026-05-02") is None
    assert people.remove_token("siem")
    assert people.of_token("t1", NOW) is None
    assert people.remove("uma")
    assert not people.remove("uma")
