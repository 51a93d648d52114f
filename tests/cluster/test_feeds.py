"""Feeds over the network: asked only for what is new, kept where their server is away, and never with a secret shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import feed_http
from cluster.config import load
from cluster.feed_watch import FeedWatch, renew
from cluster.feeds import Feeds, sources_of
from ingest.errors import ConfigurationError
from ingest.feed_history import Histories
from ingest.records import HOUR_US, Rejected
from ingest.threat_intel import Entry, Indicators
from tests.cluster.feed_server import FeedServer, feed_server, indicator
from tests.ingest.feeds import us

OLD, NEW = "198.51.100.1", "198.51.100.2"


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as one:
        yield one


def feeds(folder: Path, line: str, kept: bytes | None = None) -> Feeds:
    config = folder / "redshank.toml"
    config.write_text(f'[threat_intel]\nfeeds = [{{ category = "tor_exit_node", {line} }}]\n')
    return Feeds(sources_of(load(config)), kept)


def begun(folder: Path, line: str, kept: bytes | None = None, at_us: int = 0) -> Feeds:
    made = feeds(folder, line, kept)
    made.begin(at_us)
    return made


def values(found: Indicators) -> list[str]:
    return sorted({entry.indicator.value for entry in found.entries})


def test_a_feed_is_sent_again_only_when_it_has_changed(tmp_path: Path, server: FeedServer) -> None:
    """Who has a hundred servers ask every hour locks them out else."""
    server.files["/tor.txt"] = OLD.encode()
    line = f'url = "{server.url}/tor.txt"'
    first = begun(tmp_path, line)
    again = begun(tmp_path, line, first.packed(), 5 * HOUR_US)
    assert [status for _, _, status in server.asked] == [200, 304]
    server.files["/tor.txt"] = NEW.encode()
    third = begun(tmp_path, line, again.packed(), 9 * HOUR_US)
    found = third.indicators()
    assert [found.categories(OLD, hour * HOUR_US) != () for hour in (-9, 8, 9)] == [True, True, False]
    assert [found.categories(NEW, hour * HOUR_US) != () for hour in (-9, 8, 9)] == [False, False, True]
    assert found.lookup(NEW, 9 * HOUR_US)[0].feed == "tor.txt"


def test_a_feed_whose_server_is_away_counts_as_it_was(tmp_path: Path, server: FeedServer) -> None:
    """Else an outage of somebody else's would blind us."""
    server.files["/tor.txt"] = OLD.encode()
    line = f'url = "{server.url}/tor.txt?key=secret"'
    kept = begun(tmp_path, line).packed()
    server.status = 503
    made = begun(tmp_path, line, kept)
    assert values(made.indicators()) == [OLD]
    assert made.notes == [f"{server.url}/tor.txt: HTTP 503; what the feed said before counts"]
    with pytest.raises(ConfigurationError, match=r"/tor\.txt: the feed can't be read: HTTP 503"):
        begun(tmp_path, line)


@pytest.mark.parametrize("body", [b"<html><body>Log in</body></html>", b"", b"{}"])
def test_a_page_that_is_no_feed_does_not_empty_it(tmp_path: Path, server: FeedServer, body: bytes) -> None:
    server.files["/tor.txt"] = OLD.encode()
    line = f'url = "{server.url}/tor.txt"'
    kept = begun(tmp_path, line).packed()
    server.files["/tor.txt"] = body
    made = begun(tmp_path, line, kept, 5 * HOUR_US)
    assert made.indicators().categories(OLD, 9 * HOUR_US) == ("tor_exit_node",)
    assert "holds no indicator" in made.notes[0]


def test_a_collection_is_read_page_by_page_and_a_revocation_ends_what_was_listed(
    tmp_path: Path, server: FeedServer
) -> None:
    server.add(*(indicator(n, f"198.51.100.{n}") for n in range(1, 6)))
    line = f'taxii = "{server.url}/api/collections/1/", name = "ours"'
    first = begun(tmp_path, line)
    at_us = us("2026-01-02T00:00:00Z")
    assert len(values(first.indicators())) == 5
    assert len(server.asked) == 3
    second = begun(tmp_path, line, first.packed(), at_us)
    assert len(server.asked) == 4, "nothing was added: one question is enough"
    server.add(indicator(1, OLD, revoked=True, modified="2026-01-02T00:00:00Z"))
    server.add(indicator(9, "198.51.100.9", valid_until="2026-01-03T00:00:00Z"))
    found = begun(tmp_path, line, second.packed(), at_us).indicators()
    hours = [at_us - 1, at_us, at_us + 23 * HOUR_US, at_us + 24 * HOUR_US]
    assert [found.categories(OLD, at) != () for at in hours] == [True, False, False, False]
    assert [found.categories("198.51.100.9", at) != () for at in hours] == [False, True, True, False]
    assert found.lookup(NEW, at_us)[0].feed == "ours"


def test_two_lists_of_one_server_are_two_feeds(tmp_path: Path, server: FeedServer) -> None:
    """Their addresses may differ in the query alone, which is shown nowhere."""
    server.files["/list"] = OLD.encode()
    lines = [f'{{ category = "tor_exit_node", url = "{server.url}/list?of={of}" }}' for of in ("a", "b")]
    config = tmp_path / "redshank.toml"
    config.write_text(f"[threat_intel]\nfeeds = [{', '.join(lines)}]\n")
    made = Feeds(sources_of(load(config)))
    made.begin(0)
    assert len({source.key for source in made.sources}) == 2
    assert not any("of=" in source.key + source.shown for source in made.sources)


def test_a_feed_that_is_our_own_fault_does_not_end_the_looking(
    tmp_path: Path, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/tor.txt"] = OLD.encode()
    watch = FeedWatch(begun(tmp_path, f'url = "{server.url}/tor.txt"'))
    one = watch._watched[0]

    def fails(tokens: Any) -> None:
        raise ZeroDivisionError("x")

    monkeypatch.setattr(one.source, "ask", fails)
    watch.look(one.due_s)
    assert watch.health()[0].fault == "ZeroDivisionError: x"


def test_a_token_is_shown_to_its_server_and_to_no_other(
    tmp_path: Path, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED_TOKEN", "s3cret")
    server.token = "s3cret"
    server.moved["/tor.txt"] = "/there.txt"
    server.files["/there.txt"] = OLD.encode()
    line = f'url = "{server.url}/tor.txt", token_env = "FEED_TOKEN"'
    assert values(begun(tmp_path, line).indicators()) == [OLD]
    with feed_server() as other:
        other.files["/tor.txt"] = NEW.encode()
        server.moved["/tor.txt"] = f"{other.url}/tor.txt"
        assert values(begun(tmp_path, line).indicators()) == [NEW]
        assert "authorization" not in other.asked[0][1]
    monkeypatch.setenv("FEED_TOKEN", "wrong")
    with pytest.raises(
        ConfigurationError, match="HTTP 401: check the user and password, or the token"
    ) as raised:
        begun(tmp_path, line)
    assert "wrong" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, {}, b"[]"), "no envelope of TAXII 2.1"),
        ((200, {}, b'{"more": true}'), "says that there is more, and not how to ask for it"),
        ((302, {"Location": "/api/collections/1/objects/"}, b""), "redirects more than 5 times"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "redirects to file:///etc/passwd"),
        ((200, {}, b'{"objects": "'), "no envelope"),
    ],
)
def test_a_server_that_talks_nonsense_is_told_of_in_a_line(
    tmp_path: Path, server: FeedServer, monkeypatch: pytest.MonkeyPatch, answer: Any, told: str
) -> None:
    monkeypatch.setattr(server, "answer", lambda path, headers: answer)
    with pytest.raises(ConfigurationError, match=told) as raised:
        begun(tmp_path, f'taxii = "{server.url}/api/collections/1/"')
    assert "\n" not in str(raised.value)


def test_a_feed_that_is_away_is_asked_the_more_rarely(tmp_path: Path, server: FeedServer) -> None:
    server.files["/tor.txt"] = OLD.encode()
    watch = FeedWatch(begun(tmp_path, f'url = "{server.url}/tor.txt", refresh_minutes = 1'))
    server.status, server.asked = 503, []
    begin = next(one.due_s for one in watch._watched)
    for second in range(7_200):
        watch.look(begin + second)
    assert len(server.asked) == 10, "after 0, 10, 30, 70 ... seconds, then each hour"
    assert watch.health()[0].fault == "HTTP 503"
    server.status, server.files["/tor.txt"] = 0, NEW.encode()
    watch.look(begin + 20_000)
    assert [len(said.entries) for said in watch.take().values()] == [1]
    assert watch.health()[0].fault == ""


def test_a_file_is_read_again_when_it_was_changed_and_is_at_rest(tmp_path: Path) -> None:
    file = tmp_path / "tor.txt"
    file.write_text(OLD)
    made = begun(tmp_path, 'path = "tor.txt"')
    watch = FeedWatch(made)
    begin = next(one.due_s for one in watch._watched)
    watch.look(begin)
    assert watch.take() == {}
    file.write_text(f"{OLD}\n{NEW[:-1]}")  # somebody is writing it
    watch.look(begin + 10)
    file.write_text(f"{OLD}\n{NEW}\n")
    watch.look(begin + 20)
    assert watch.take() == {}
    watch.look(begin + 30)
    news = watch.take()
    assert [len(said.entries) for said in news.values()] == [2]
    assert made.take(news, 5 * HOUR_US)
    file.write_text("")
    for second in (40, 50):
        watch.look(begin + second)
    assert "holds no indicator now" in watch.health()[0].fault
    file.unlink()
    watch.look(begin + 100)
    assert "the feed can't be read: No such file" in watch.health()[0].fault
    assert watch.take() == {}


def test_a_feed_that_was_taken_out_ends_with_the_hours_that_were_read(tmp_path: Path) -> None:
    (tmp_path / "tor.txt").write_text(OLD)
    (tmp_path / "other.txt").write_text(NEW)
    kept = begun(tmp_path, 'path = "tor.txt"').packed()
    found = begun(tmp_path, 'path = "other.txt"', kept, 5 * HOUR_US).indicators()
    assert [found.categories(OLD, hour * HOUR_US) != () for hour in (4, 5)] == [True, False]
    assert [found.categories(NEW, hour * HOUR_US) != () for hour in (4, 5)] == [False, True]
    assert Histories().packed() == Feeds([]).packed()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('url = "ftp://x/y"', "an address, like 'https://example.com/tor.txt'"),
        ('url = "https://x/y", taxii = "https://x/y"', "one of path, url and taxii was expected"),
        (
            'url = "https://x/y", token_env = "A", user = "b"',
            "either a user or a token was expected, not both",
        ),
        ('url = "https://x/y", password_env = "A"', "has a password and no user"),
        ('url = "https://x/y", token_header = "Auth-Key"', "has token_header, but neither"),
        ('path = "redshank.toml", refresh_minutes = 5', "refresh_minutes is for feeds with url or taxii"),
        ('url = "https://x/y", ca_file = "redshank.toml"', "ca_file: "),
        ('url = "https://x/y", token_env = "UNSET_TOKEN"', "the environment variable UNSET_TOKEN is not set"),
    ],
)
def test_a_feed_that_makes_no_sense_is_refused_with_its_place(tmp_path: Path, line: str, told: str) -> None:
    from cluster.errors import UserError

    with pytest.raises(UserError, match=r"\[threat_intel\] feeds\[0\]") as raised:
        feeds(tmp_path, line)
    assert told in str(raised.value)


class Slow:
    """A run whose checkpoints take so long."""

    def __init__(self, clock: list[int], takes_us: list[int]) -> None:
        self.clock, self.takes_us = clock, takes_us
        self.kept: list[bytes] = []
        self.told: list[Indicators] = []
        self.rejected: list[Rejected] = []
        self.keep = self.rejected.extend
        self.runtime = self
        self.stop_wanted = threading.Event()

    def keep_feeds(self, body: bytes) -> None:
        self.kept.append(body)

    def checkpoint(self) -> None:
        self.clock[0] += self.takes_us.pop(0)

    def do(self, what: Any) -> None:
        what()

    def renew(self, indicators: Indicators) -> None:
        self.told.append(indicators)


@pytest.mark.parametrize(
    ("minute", "takes", "hour"),
    [(10, [1], 1), (54, [1], 1), (56, [1], 2), (54, [6, 1], 2), (0, [59.5, 1], 2), (30, [29.5, 60, 1], 3)],
)
def test_the_hour_from_which_a_feed_counts_is_kept_well_before_it_begins(
    tmp_path: Path, minute: int, takes: list[float], hour: int
) -> None:
    """Else some of the run would judge that hour by the old feed, and after a death by the new one."""
    (tmp_path / "tor.txt").write_text(OLD)
    made, noon = begun(tmp_path, 'path = "tor.txt"'), 1_000 * HOUR_US
    (tmp_path / "tor.txt").write_text(NEW)
    clock, says = [noon + minute * 60_000_000], list[Any]()
    run: Any = Slow(clock, [int(one * 60_000_000) for one in takes])
    source = made.sources[0]
    said = source.ask({})
    assert said is not None
    renew(run, made, {source: said}, lambda *words, **about: says.append(about), lambda: clock[0])
    at_us = noon + hour * HOUR_US
    assert run.takes_us == []
    for found in (*run.told, Feeds([], run.kept[-1]).indicators()):
        listed = [found.categories(one, at_us + more) != () for more in (-1, 0) for one in (OLD, NEW)]
        assert listed == [True, False, False, True]
    assert len(run.told) == 1
    assert says[0]["source"] == str(tmp_path / "tor.txt")


def test_who_stops_a_server_amid_a_change_of_a_feed_does_not_wait_for_all_of_it(tmp_path: Path) -> None:
    """The checkpoint has what counts from when, so the next start has it, too; making a large feed ready takes seconds."""
    (tmp_path / "tor.txt").write_text(OLD)
    made = begun(tmp_path, 'path = "tor.txt"')
    (tmp_path / "tor.txt").write_text(NEW)
    said = made.sources[0].ask({})
    assert said is not None
    run: Any = Slow([0], [1])
    run.stop_wanted.set()
    renew(run, made, {made.sources[0]: said}, lambda *words, **about: None, lambda: 0)
    assert (run.takes_us, run.told) == ([], [])
    assert values(Feeds([], run.kept[-1]).indicators()) == [OLD, NEW]


def test_a_stop_while_a_large_feed_is_made_ready_does_not_wait_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.threat_intel_entries.PIECE", 1)
    (tmp_path / "tor.txt").write_text(OLD)
    made = begun(tmp_path, 'path = "tor.txt"')
    (tmp_path / "tor.txt").write_text("\n".join(f"198.51.100.{number}" for number in range(3, 200)))
    said = made.sources[0].ask({})
    assert said is not None
    run: Any = Slow([0], [1])
    taken = list[str]()
    entries = made.entries

    def signalled() -> Iterator[Entry]:
        for entry in entries():
            taken.append(entry.indicator.value)
            if len(taken) == 5:
                run.stop_wanted.set()
            yield entry

    monkeypatch.setattr(made, "entries", signalled)
    says = list[Any]()
    renew(run, made, {made.sources[0]: said}, lambda *words, **about: says.append(words), lambda: 0)
    assert (len(taken), run.told, says) == (5, [], [])
    assert len(Feeds([], run.kept[-1]).indicators()) == 198, "the next start has it"


def test_a_feed_that_says_the_same_again_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "tor.txt").write_text(OLD)
    made = begun(tmp_path, 'path = "tor.txt"')
    source = made.sources[0]
    said = source.ask({})
    assert said is not None
    run: Any = Slow([0], [])
    renew(run, made, {source: said}, lambda *words: None, lambda: 0)
    assert run.told == []


def test_a_start_waits_for_no_server_of_which_something_is_kept(tmp_path: Path, server: FeedServer) -> None:
    """One that does not answer would hold up a server that begins again after a fault."""
    server.files["/tor.txt"] = OLD.encode()
    line = f'url = "{server.url}/tor.txt"'
    kept, server.asked = begun(tmp_path, line).packed(), []
    server.files["/tor.txt"] = NEW.encode()
    made = feeds(tmp_path, line, kept)
    made.begin(5 * HOUR_US, is_watched=True)
    assert (values(made.indicators()), server.asked) == ([OLD], [])
    watch = FeedWatch(made)
    watch.look(watch._watched[0].due_s)
    assert [said.entries[0].indicator.value for said in watch.take().values()] == [NEW]


def test_a_file_that_is_never_at_rest_is_told_as_down_until_it_is(tmp_path: Path) -> None:
    """Else nobody knows that the feed says what it said days ago."""
    file = tmp_path / "tor.txt"
    file.write_text(OLD)
    watch = FeedWatch(begun(tmp_path, 'path = "tor.txt"'))
    begin = watch._watched[0].due_s
    faults = []
    for look in range(12):
        file.write_text(NEW + "\n" * look)
        watch.look(begin + 10 * look)
        faults.append(watch.health()[0].fault)
    assert [bool(fault) for fault in faults] == [look >= 5 for look in range(12)]
    assert "changes all the time" in faults[-1]
    assert not watch.take()
    watch.look(begin + 120)
    assert watch.health()[0].fault == "", "a file is looked at as often as before, whatever was wrong with it"
    assert [said.entries[0].indicator.value for said in watch.take().values()] == [NEW]


def test_a_collection_without_an_end_is_given_up(
    tmp_path: Path, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fill the memory, and all other feeds would wait."""
    page = b'{"more": true, "next": "1", "objects": [{"type": "%s"}]}' % (b"x" * 1_000)
    monkeypatch.setattr(server, "answer", lambda path, headers: (200, {}, page))
    monkeypatch.setattr(feed_http, "MAX_BYTES", 20_000)
    with pytest.raises(ConfigurationError, match="is larger than"):
        begun(tmp_path, f'taxii = "{server.url}/api/collections/1/"')
    assert len(server.asked) < 25
