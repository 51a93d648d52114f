"""Feeds of a server: looked at again and again beside everything else, and taken in from an hour to come on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from actors.memory import give_back
from cluster.feed_http import FeedError
from cluster.feed_sources import FeedSource, Said, signature
from cluster.feeds import Feeds
from cluster.serve_run import ServeRun, now_us
from detections.words import rfc3339
from ingest.blocks import Health
from ingest.records import HOUR_US

SHORTEST_S, LONGEST_S = 10.0, 3600.0  # pauses of a feed that can't be had: each twice the one before
LOOK_S = 1.0
MARGIN_US = 300_000_000  # before an hour, for every part of the run to hear of what counts in it ...
RESTLESS = 6  # looks running at which a file has changed since the one before, until that is said
GUARD_US = 60_000_000  # ... of which so much must be left when a checkpoint has it


class _StoppedError(Exception):
    """The server is to stop: the next start has it all from the checkpoint, and nobody need wait for so much work."""


class _Watched:
    """One of them."""

    def __init__(self, source: FeedSource, tokens: dict[str, str], now_s: float) -> None:
        self.source, self.tokens = source, tokens
        self.due_s = now_s + source.refresh_s
        self.fault, self.since_s, self.failed = "", 0.0, 0
        self._seen = dict(tokens)  # of a file: how it was at the look before ...
        self._changed = 0  # ... and at how many looks running it was another

    def look(self, now_s: float) -> Said | None:
        """What is new in it, if it is time to look and anything is."""
        if now_s < self.due_s:
            return None
        try:
            said = self._ask()
        except Exception as error:  # whatever it is: if the thread ended, nobody would look at any of them
            self.since_s = self.since_s if self.fault else now_s
            self.fault = str(error) if isinstance(error, FeedError) else f"{type(error).__name__}: {error}"
            self.due_s = now_s + self._pause_s(error)
            self.failed += 1
            return None
        self.fault, self.failed, self.due_s = "", 0, now_s + self.source.refresh_s
        if said is not None:
            self.tokens = said.tokens
        return said

    def _pause_s(self, error: Exception) -> float:
        """Before it is asked again: nobody minds how often a file is looked at."""
        if not self.source.is_far:
            return self.source.refresh_s
        asked_s = error.after_s if isinstance(error, FeedError) else 0.0
        return min(max(SHORTEST_S * 2.0 ** min(self.failed, 20), asked_s), LONGEST_S)

    def _ask(self) -> Said | None:
        if not self.source.is_far:
            found = signature(str(self.source.table.path))
            before, self._seen = self._seen, found
            self._changed = self._changed + 1 if found and found != before else 0
            if self._changed >= RESTLESS:
                raise FeedError(
                    f"changes all the time: it was not at rest for {self.source.refresh_s:.0f} s at any of the last "
                    f"{self._changed} looks; what it said before counts; write it less often"
                )
            if self._changed:
                return None  # somebody may be writing it: the next look finds it at rest, or changed again
        said = self.source.ask(self.tokens)
        if said is not None and said.refused and not said.entries:
            raise FeedError(f"holds no indicator now ({said.refused[0].reason}); what it said before counts")
        return said


class FeedWatch:
    """Looks at feeds in a thread of its own."""

    def __init__(self, feeds: Feeds) -> None:
        self.feeds = feeds
        now_s = time.monotonic()
        self._watched = [_Watched(one, feeds.tokens(one), now_s) for one in feeds.sources]
        for one in self._watched:
            if one.source in feeds.unasked:
                one.due_s = now_s
        self._news: dict[FeedSource, Said] = {}  # of each the newest
        self._lock, self._end = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeds", daemon=True)

    def start(self) -> None:
        """Begin to look, if there is anything to look at."""
        if self._watched:
            self._thread.start()

    def stop(self) -> None:
        """Look no more; a look under way ends with the process."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(LOOK_S):
            self.look(time.monotonic())

    def look(self, now_s: float) -> None:
        """At those whose time it is."""
        for one in self._watched:
            if (said := one.look(now_s)) is not None:
                with self._lock:
                    self._news[one.source] = said

    def take(self) -> dict[FeedSource, Said]:
        """What is new; it is the caller's now."""
        if not self._news:
            return {}
        with self._lock:
            news, self._news = self._news, {}
        return news

    def health(self) -> list[Health]:
        """How they are doing."""
        now_s = time.monotonic()
        return [
            Health(name=one.source.shown, fault=one.fault, since_s=now_s - one.since_s if one.fault else 0.0)
            for one in self._watched
        ]


def renew(
    run: ServeRun,
    feeds: Feeds,
    news: dict[FeedSource, Said],
    say: Callable[..., None],
    clock: Callable[[], int] = now_us,
) -> None:
    """Have the whole run go by what feeds say now, from the next hour on that nobody has read records of.

    A checkpoint holds what counts from when before any part of the run hears of it: whoever begins again, however
    often, matches each hour against the same. Where that takes so long that the hour is near, a later one is taken.
    """
    before = feeds.packed()
    while True:
        at_us = ((clock() + MARGIN_US) // HOUR_US + 1) * HOUR_US
        is_new = feeds.take(news, at_us)
        run.keep(feeds.untold())
        run.keep_feeds(feeds.packed())
        if not is_new:
            return  # but the tokens are, which the next checkpoint has
        run.checkpoint()
        if clock() < at_us - GUARD_US:
            break
        feeds.restore(before)
    with suppress(_StoppedError):
        _tell(run, feeds)
        for source, said in news.items():
            told = {"indicators": len(said.entries), "refused": said.refused_count}
            say("a feed has changed", source=source.shown, counts_from=rfc3339(at_us), **told)


def _tell(run: ServeRun, feeds: Feeds) -> None:
    """Have all parts of the run know. Raises _StoppedError."""

    def check() -> None:
        if run.stop_wanted.is_set():
            raise _StoppedError

    check()
    indicators = feeds.indicators(check)
    check()
    run.do(lambda: run.runtime.renew(indicators))
    give_back()
