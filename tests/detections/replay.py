"""Shards and the aggregator as a run has them, without a router: an hour is applied, then closed."""

from __future__ import annotations

from actors.aggregator import Aggregator
from actors.aggregator_state import Kept
from actors.conductor import Days
from actors.keys import entity_key, group_of, shard_of
from actors.messages import Close
from actors.settings import Settings
from actors.shard import Shard
from alerts.alert import Alert
from ingest.enrich import Enrichment


class OwnPath:
    """What a replay on the product's own path is made of; who derives from it applies the records."""

    def __init__(self, settings: Settings, enrichment: Enrichment) -> None:
        self.settings = settings
        self.enrichment = enrichment
        self.shards = [Shard(index, settings) for index in range(settings.shards)]
        self.aggregator = Aggregator(settings, enrichment)
        self.days = Days()
        self.since: dict[str, int] = {}

    def owner(self, kind: str, entity: str) -> int:
        """The shard that an entity belongs to."""
        return shard_of(group_of(entity_key(kind, entity)), len(self.shards))

    def close(self, hour: int) -> list[Alert]:
        """Close an hour (since 1970) on all shards; its alerts."""
        order = Close(hour, dict(self.since), self.days.turn(hour, self.aggregator.snapshot))
        said = [self.aggregator.report(shard.close(order), self.since) for shard in self.shards]
        return [alert for alerts in said for alert in alerts]

    def kept(self, type_: str = "") -> list[Kept]:
        """The findings (of a type) that are no alerts, with the reason. No detection may have failed."""
        outcome = self.aggregator.finish()
        assert not outcome.faults, outcome.faults[:3]
        return [one for one in outcome.kept if type_ in ("", one.type)]
