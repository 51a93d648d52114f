"""A partition of a Kafka topic, or of an event hub, as a live partition.

Where reading goes on is said by our checkpoints: each partition is assigned by itself, from the checkpoint's offset
on. What is committed to the broker is for people and their tools, which see there how far we are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ingest.blocks import Block, Health
from ingest.errors import ConfigurationError
from ingest.ipfix_templates import BadTemplateError
from ingest.kafka_words import DOWN_S, QUIET, UNKNOWN, Watch, mended, words
from ingest.positions import StreamPosition, known, unusable
from ingest.records import Rejected
from ingest.stream_messages import Message, StreamReader

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Producer

BATCH = 200  # messages that are taken at once ...
BLOCK = 4 << 20  # ... until they are so many octets
LONGEST_S = 30.0  # between two tries to connect, or to open anew
ASK_S = 5.0  # for which a broker's answer is waited for
RESERVED = {
    "bootstrap.servers": "kafka",
    "group.id": "group",
    "auto.offset.reset": "start",
    "enable.auto.commit": "",
    "enable.auto.offset.store": "",
    "enable.partition.eof": "",
}
_KEPT_UP = {
    "metadata.recovery.strategy": "none",  # else a broker that is away is asked without a pause
    "reconnect.backoff.max.ms": int(LONGEST_S * 1_000),
}
_OURS = {
    **_KEPT_UP,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # what is not there any more is said, not passed over
    "max.poll.interval.ms": 86_400_000,  # a source that is far ahead of others waits for them
    "queued.max.messages.kbytes": 8_192,
    "statistics.interval.ms": 1_000,
}


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """A cluster, and what of it is read. `options` are librdkafka's; they may hold secrets, and are not shown."""

    servers: str  # 'host:port', several with commas between
    topics: tuple[str, ...]
    group: str = "redshank"
    start: Literal["earliest", "latest"] = "earliest"  # where a topic begins of which no checkpoint tells
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def __reduce__(self) -> Any:
        return KafkaSettings, (self.servers, self.topics, self.group, self.start, dict(self.options))

    @property
    def cluster(self) -> str:
        """Its name: the first server says which it is."""
        return f"kafka://{self.servers.split(',')[0].strip()}"

    def name(self, topic: str, partition: int) -> str:
        """Of a partition."""
        return f"{self.cluster}/{topic}/{partition}"

    def of(self, name: str) -> tuple[str, int] | None:
        """Topic and partition of a name; None if it is none of these topics."""
        topic, _, number = name.rpartition("/")
        topic = topic.removeprefix(f"{self.cluster}/")
        return (topic, int(number)) if number.isdecimal() and topic in self.topics else None

    def consumer(self, **calls: Any) -> Consumer:
        """A consumer; it connects by itself. Raises ConfigurationError for options that there are not."""
        kinds = self._library()
        said = {"bootstrap.servers": self.servers, "group.id": self.group, **_OURS, **self.options, **calls}
        made: Consumer = self._made(kinds.Consumer, said)
        return made

    def producer(self, **ours: Any) -> Producer:
        """One that writes; it connects by itself. Raises ConfigurationError for options that there are not."""
        said = {"bootstrap.servers": self.servers, **_KEPT_UP, **ours, **self.options}
        made: Producer = self._made(self._library().Producer, said)
        return made

    def _library(self) -> Any:
        try:
            import confluent_kafka
        except ImportError:
            raise ConfigurationError(
                f"kafka://{self.servers}: needs a package that is not there; install it: "
                "pip install 'redshank[kafka]'"
            ) from None
        return confluent_kafka

    def _made(self, kind: Any, said: Mapping[str, Any]) -> Any:
        try:
            return kind(said, logger=QUIET)
        except (self._library().KafkaException, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"kafka://{self.servers}: an option can't be used: {words(error)}"
            ) from None


class KafkaPartition:
    """One partition, read from the offset `begins` on where no position is given."""

    live = True
    first_us: int | None = None

    def __init__(self, settings: KafkaSettings, topic: str, number: int, begins: int) -> None:
        self.name = settings.name(topic, number)
        self._given = (settings, topic, number, begins)
        self._consumer: Consumer | None = None
        self._stopped = False
        self._offset = begins
        self._committed = UNKNOWN
        self._watch = Watch()
        self._fault, self._since, self._tries = "", monotonic(), 0  # of our own, beside the broker's
        self._again_at = self._opened_at = 0.0
        self._odd: Any = None  # an error that came behind messages

    def __reduce__(self) -> Any:
        return KafkaPartition, self._given

    def prefetch(self, position: Any = None) -> None:
        """Nothing: it is read when it is wanted."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """The messages from a position on, and those that come."""
        at = known(position, StreamPosition, self.name)
        try:
            reader = StreamReader(self.name, at.decoders)
        except BadTemplateError as error:
            raise unusable(self.name, error) from None
        return self._blocks(at.offset if at.offset >= 0 else self._offset, reader)

    def _blocks(self, offset: int, reader: StreamReader) -> Iterator[Block]:
        self._offset = offset
        position = place(offset, reader)
        while not self._stopped:
            messages, said = self._take()
            if messages:
                block = reader.read(messages)
                self._offset = messages[-1].offset + 1
            else:
                block = Block(idle=not said, down=bool(self.stats().fault))
            block.rejected += [Rejected(reason=one, source=self.name, kind="file") for one in said]
            if messages or said:
                position = place(self._offset, reader)
            block.position = position
            yield block

    def _take(self) -> tuple[list[Message], list[str]]:
        """The next messages; and what is to be said of those that are not there any more."""
        taken, octets = list[Message](), 0
        try:
            consumer = self._opened()
            while consumer is not None and octets < BLOCK and self._odd is None:
                some = consumer.consume(BATCH, timeout=0)
                good = [one for one in some if one.error() is None]
                self._odd = next((one.error() for one in some if one.error() is not None), None)
                taken += [Message(one.offset() or 0, one.value(), one.key() or b"") for one in good]
                octets += sum(len(one.value() or b"") for one in good)
                if len(some) < BATCH:
                    break
            if self._odd is not None and not taken:
                odd, self._odd = self._odd, None
                return [], self._missing(odd)
        except Exception as error:  # the library's own are of one kind
            if not _is_kafka(error):
                raise
            self._close(mended(error.args[:1]))
        return taken, []

    def _opened(self) -> Consumer | None:
        """The consumer; None while it is not to be tried again."""
        if self._consumer is None and monotonic() >= self._again_at:
            from confluent_kafka import TopicPartition

            settings, topic, number, _ = self._given
            self._watch = Watch(topic, number)
            consumer = settings.consumer(stats_cb=self._watch.stats, error_cb=self._watch.error)
            consumer.assign([TopicPartition(topic, number, self._offset)])
            self._consumer, self._opened_at = consumer, monotonic()
        return self._consumer

    def _missing(self, odd: Any) -> list[str]:
        """What is to be said of an error that came in a message's place; nothing, if it is a fault that may pass."""
        from confluent_kafka import KafkaError, TopicPartition

        assert self._consumer is not None
        _, topic, number, _ = self._given
        low = high = self._offset
        if odd.code() == KafkaError._AUTO_OFFSET_RESET:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ASK_S)
        if low <= self._offset <= high:
            self._close(mended([odd]))
            return []
        before, self._offset = self._offset, low
        self._consumer.assign([TopicPartition(topic, number, low)])
        if before < low:
            lost = f"messages {before} to {low - 1} were deleted by the broker before they were read"
            return [f"{lost}; reading goes on at {low}: have it keep them for longer than we may be away"]
        return [
            f"the topic was made anew: it had {before} messages, and ends at {high} now; it is read from {low} on"
        ]

    def _close(self, fault: str) -> None:
        """Try again later, the later the more often it was in vain."""
        if not self._fault:
            self._since = monotonic()
        self._fault = fault
        self._again_at = monotonic() + min(LONGEST_S, 0.5 * 2.0 ** min(self._tries, 10))
        self._tries += 1
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def release(self, position: Any) -> None:
        """A checkpoint holds: tell the broker how far we are. That it can't be told now is no fault."""
        at = known(position, StreamPosition, self.name).offset
        if self._consumer is None or at < 0 or at == self._committed:
            return
        from confluent_kafka import KafkaException, TopicPartition

        _, topic, number, _ = self._given
        with suppress(KafkaException):
            self._consumer.commit(offsets=[TopicPartition(topic, number, at)], asynchronous=True)
            self._committed = at

    def stop(self) -> None:
        """Close the connection."""
        self._stopped = True
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def stats(self) -> Health:
        """How it is doing."""
        fault, since = self._watch.fault()
        if self._fault and self._watch.is_up and monotonic() - self._opened_at > 2 * DOWN_S:
            self._fault, self._tries = "", 0  # this time it was not in vain
        if self._fault:
            fault, since = self._fault, self._since
        behind = max(0, self._watch.end - self._offset) if self._watch.end >= 0 else None
        since_s = monotonic() - since if fault else 0.0
        return Health(name=self.name, fault=fault, since_s=since_s, behind=behind)


def place(offset: int, reader: StreamReader) -> list[Any]:
    """A `StreamPosition` in plain values."""
    decoders = [msgspec.to_builtins(one, builtin_types=(bytes,)) for one in reader.kept()]
    return [1, "stream", offset, decoders]


def _is_kafka(error: Exception) -> bool:
    from confluent_kafka import KafkaException

    return isinstance(error, KafkaException)
