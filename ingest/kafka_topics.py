"""Which partitions the topics of a Kafka cluster have: asked now and then, beside everything else."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from ingest.blocks import Health
from ingest.errors import PositionError
from ingest.kafka import ASK_S, KafkaPartition, KafkaSettings
from ingest.kafka_words import mended
from ingest.positions import StreamPosition, known

if TYPE_CHECKING:
    from confluent_kafka import Consumer

Which = tuple[str, int]  # topic and number
EVERY_S = 10.0  # partitions may come
LONGEST_S = 60.0  # between two tries with a cluster that does not answer
FIRST_S = 10.0  # for which a start waits for the cluster's first answer


@dataclass(slots=True)
class Asked:
    """What a cluster has said: of partitions that were not known the first offset and the one behind the last."""

    new: dict[Which, tuple[int, int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # partitions, by topic
    faults: dict[str, str] = field(default_factory=dict)  # by topic; '': of the whole cluster


def ask(settings: KafkaSettings, seen: Container[Which] = ()) -> Asked:
    """Ask the cluster, for some seconds at most. Raises ConfigurationError for options that can't be used."""
    errors: list[Any] = []
    consumer = settings.consumer(error_cb=errors.append)
    try:
        asked = Asked()
        for topic in settings.topics:
            _ask_topic(consumer, topic, seen, asked, errors)
            if "" in asked.faults:
                break
        return asked
    finally:
        consumer.close()


def _ask_topic(
    consumer: Consumer, topic: str, seen: Container[Which], asked: Asked, errors: list[Any]
) -> None:
    from confluent_kafka import KafkaException, TopicPartition

    try:
        about = consumer.list_topics(topic, timeout=ASK_S).topics.get(topic)
    except KafkaException as error:
        consumer.poll(0)  # tells of what is behind it
        asked.faults[""] = mended([*errors, error.args[0]])
        return
    if about is None or about.error is not None or not about.partitions:
        asked.faults[topic] = mended([about.error]) if about and about.error else "the topic has no partition"
        return
    asked.counts[topic] = len(about.partitions)
    for number in sorted(about.partitions):
        if (topic, number) not in seen:
            try:
                at = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ASK_S)
                asked.new[topic, number] = at
            except KafkaException as error:
                asked.faults[topic] = mended([error.args[0]])


class KafkaTopics:
    """Finds partitions. Those that a checkpoint tells of are there at once, whether or not the cluster answers."""

    def __init__(self, settings: KafkaSettings, positions: Mapping[str, Any]) -> None:
        self._settings = settings
        self._seen: dict[Which, KafkaPartition] = {}
        self._begun: set[str] = (
            set()
        )  # topics of which something is known: what comes there is read from its begin
        self._known = [
            self._made(which, at.offset)
            for name, position in positions.items()
            if (which := settings.of(name)) is not None and (at := _position(name, position)) is not None
        ]
        self._thread: Thread | None = None
        self._said: Asked | Exception | None = None
        self._faults: dict[str, str] = {}
        self._is_heard = False
        self._since, self._tries, self._due = monotonic(), 0, 0.0

    def found(self) -> list[KafkaPartition]:
        """What is there to begin with; a cluster that does not answer is waited for some seconds."""
        known, self._known = self._known, []
        self.begin()
        if self._thread is not None:
            self._thread.join(FIRST_S)
        return [*known, *self.look()]

    def look(self) -> list[KafkaPartition]:
        """The partitions that have come. Raises ConfigurationError for options that can't be used."""
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
        self.begin()
        said, self._said = self._said, None
        if isinstance(said, Exception):
            raise said
        return self._heard(said) if said is not None else []

    @property
    def is_unlisted(self) -> bool:
        """Whether there may be partitions that nobody knows of. A topic that is not there has none."""
        return not self._is_heard or "" in self._faults

    def health(self) -> list[Health]:
        """Topics of which nothing is known, as it stands."""
        since_s = monotonic() - self._since
        cluster = self._settings.cluster
        return [
            Health(name=f"{cluster}/{topic}" if topic else cluster, fault=fault, since_s=since_s)
            for topic, fault in self._faults.items()
        ]

    def begin(self) -> None:
        """Ask, if it is time and nobody does."""
        if self._thread is None and self._said is None and monotonic() >= self._due:
            self._thread = Thread(target=self._ask, name="kafka-topics", daemon=True)
            self._thread.start()

    def _ask(self) -> None:
        try:
            self._said = ask(self._settings, dict(self._seen))
        except Exception as error:  # told by whoever looks
            self._said = error

    def _heard(self, asked: Asked) -> list[KafkaPartition]:
        if asked.faults:
            if not self._faults:
                self._since = monotonic()
            self._tries += 1
            self._due = monotonic() + min(LONGEST_S, EVERY_S / 10 * 2.0 ** min(self._tries, 10))
        else:
            self._tries, self._due = 0, monotonic() + EVERY_S
        self._faults, self._is_heard = asked.faults, True
        latest = self._settings.start == "latest"
        begun = set(self._begun)
        return [
            self._made(which, high if latest and which[0] not in begun else low)
            for which, (low, high) in asked.new.items()
        ]

    def _made(self, which: Which, offset: int) -> KafkaPartition:
        made = self._seen[which] = KafkaPartition(self._settings, *which, offset)
        self._begun.add(which[0])
        return made


def _position(name: str, position: Any) -> StreamPosition | None:
    try:
        return known(position, StreamPosition, name)
    except PositionError:
        return None  # said by whoever reads on
