"""The feeds of a run: what they say at its beginning, and what they said when earlier runs read the state's hours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec

from actors.conductor import Standing
from actors.saving import FEEDS
from cluster.checkpoints import Manifest, Store
from cluster.config_tables import Configuration
from cluster.errors import UserError
from cluster.feed_http import FeedError
from cluster.feed_sources import FeedSource, Said
from ingest.enrich import EnrichmentSettings
from ingest.errors import ConfigurationError
from ingest.feed_history import EMPTY, FeedNow, Histories, History, unpacked
from ingest.networks import ALWAYS_US, Network
from ingest.records import HOUR_US, Rejected
from ingest.threat_intel import Entry, Indicators


class Feeds:
    """All of them. `kept`: what an earlier run's checkpoint has of them."""

    def __init__(self, sources: Sequence[FeedSource], kept: bytes | None = None) -> None:
        self.sources = sources
        self.notes: list[str] = []
        self.unasked: list[FeedSource] = []  # as yet
        self._histories = Histories() if kept is None else unpacked(kept)
        self._is_first = kept is None
        self._refused: dict[str, list[Rejected]] = {}
        self._untold: list[Rejected] = []
        self._networks: dict[str, dict[str, Network]] = {}  # by feed and value, of what it says now

    def begin(self, at_us: int, is_watched: bool = False) -> None:
        """Read all. What is new counts from that time on; where nothing is kept, for all time.

        `is_watched`: they will be asked again and again, so a start need not wait for a server of which something is
        kept. Raises ConfigurationError for one that can't be read and of which nothing is kept.
        """
        at_us = ALWAYS_US if self._is_first else at_us
        for source in self.sources:
            history = self._histories.feeds.get(source.key)
            if is_watched and source.is_far and history is not None:
                self.unasked.append(source)
                continue
            try:
                said = source.ask(history.tokens if history and source.is_far else {})
                if said is not None:
                    self._take(source, said, at_us)
            except FeedError as error:
                if history is None or not source.is_far:
                    raise ConfigurationError(f"{source.shown}: the feed can't be read: {error}") from None
                self.notes.append(f"{source.shown}: {error}; what the feed said before counts")
        self._retire(at_us)

    def _retire(self, at_us: int) -> None:
        """Those that the configuration has no more."""
        for key in self._histories.feeds.keys() - {source.key for source in self.sources}:
            self._histories.feeds[key].take((), at_us)
            if not self._histories.feeds[key].past:
                del self._histories.feeds[key]

    def take(self, news: Mapping[FeedSource, Said], at_us: int) -> bool:
        """What some say now, from that time on; whether anything of it is new."""
        new = [self._take(source, said, at_us) for source, said in news.items()]
        return any(new)

    def _take(self, source: FeedSource, said: Said, at_us: int) -> bool:
        history = self._histories.feeds.setdefault(source.key, History(source.feed.category, source.name))
        history.name, history.tokens, history.refused = source.name, said.tokens, said.refused_count
        self._refused[source.key] = said.refused
        told = _hash(said.refused)
        if told != history.told:
            history.told = told
            self._untold += said.refused
        self._networks[source.key] = {entry.indicator.value: entry.network for entry in said.entries}
        return history.take(said.entries, at_us)

    def untold(self) -> list[Rejected]:
        """What was refused of versions that are new since the last time; it is the caller's now."""
        untold, self._untold = self._untold, []
        return untold

    def tokens(self, source: FeedSource) -> dict[str, str]:
        """Those with which it was read last."""
        history = self._histories.feeds.get(source.key)
        return dict(history.tokens) if history else {}

    def now(self) -> list[FeedNow]:
        """How they stand."""
        return self._histories.now()

    def packed(self) -> bytes:
        """For a checkpoint."""
        return self._histories.packed()

    def restore(self, body: bytes) -> None:
        """As it was when it was packed; what was told since stays told."""
        told = {key: history.told for key, history in self._histories.feeds.items()}
        self._histories = unpacked(body)
        for key, history in self._histories.feeds.items():
            history.told = told[key]

    def entries(self) -> Iterator[Entry]:
        """Of all feeds, with the times for which they count."""
        for key, history in self._histories.feeds.items():
            yield from history.entries(self._networks.get(key, EMPTY))

    def indicators(self, check: Callable[[], None] = lambda: None) -> Indicators:
        """The same, to be looked up; `check` is called again and again, and may raise."""
        return Indicators(self.entries(), check)

    def settings(self, about: EnrichmentSettings) -> EnrichmentSettings:
        """Enrichment by these."""
        refused = tuple(one for some in self._refused.values() for one in some)
        return msgspec.structs.replace(about, feeds=(), listed=tuple(self.entries()), refused=refused)


def _hash(refused: Sequence[Rejected]) -> bytes:
    return blake2b(msgspec.msgpack.encode(refused), digest_size=16).digest() if refused else b""


def sources_of(configuration: Configuration) -> list[FeedSource]:
    """Those that the configuration names. Raises UserError."""
    return [
        FeedSource(table, f"[threat_intel] feeds[{number}]")
        for number, table in enumerate(configuration.threat_intel.feeds)
    ]


def feeds_of(
    configuration: Configuration,
    config: Path | None,
    store: Store | None,
    manifest: Manifest | None,
    at_us: int,
    is_watched: bool = False,
) -> Feeds:
    """The feeds, read; `at_us`: before that the state has read records. Raises UserError, ConfigurationError."""
    if configuration.threat_intel.history is not None:
        return _as_they_were(configuration, config)
    kept = _kept(store, manifest) if store is not None and manifest is not None else None
    feeds = Feeds(sources_of(configuration), kept)
    feeds.begin(at_us, is_watched)
    return feeds


def _as_they_were(configuration: Configuration, config: Path | None) -> Feeds:
    """By another state: nothing is asked, and nothing is changed there."""
    from cluster.sources import placed

    where = "[threat_intel] history"
    place = configuration.threat_intel.history or ""
    store = Store(
        placed(place, config.parent.resolve() if config else Path()), dict(configuration.checkpoints.options)
    )
    manifest = store.latest(store.whole)
    kept = _kept(store, manifest) if manifest is not None else None
    if kept is None:
        raise UserError(
            f"{where}: {store.root}: has no state with feeds; name the state of a run that has read them"
        )
    return Feeds((), kept)


def _kept(store: Store, manifest: Manifest) -> bytes | None:
    return next((store.read(part) for part in manifest.parts if part.kind == FEEDS), None)


def unread_us(standing: Standing | None) -> int:
    """The start of the first hour of event time of which nothing was read before."""
    if standing is None:
        return ALWAYS_US
    router, run = standing.router, standing.run
    hours: Iterable[int] = [hour + 1 for hour in router.get("open_hours") or ()]
    hours = [router.get("closed_until") or 0, *hours]
    if run is not None:
        hours += [place.frontier_us // HOUR_US + 1 for place in run.places]
    return max(hours) * HOUR_US
