"""Alerts into a topic of a Kafka cluster, or into an event hub; what is about one entity is in one partition, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alerts.formats import FORMATS
from alerts.output import worded
from alerts.sinks.base import NOTHING_HELD, Held, NotNowError, RefusedError
from alerts.store.outbox import Row
from ingest.kafka import KafkaSettings
from ingest.kafka_topics import ask
from ingest.kafka_words import mended

if TYPE_CHECKING:
    from confluent_kafka import Producer

TIMEOUT = "message.timeout.ms"
GRACE_S = 1.0  # after the timeout of a message, for the library to tell of it
# By the names of the library's errors: of the message itself, so a later try has the same end.
REFUSED = {"MSG_SIZE_TOO_LARGE", "INVALID_MSG", "INVALID_MSG_SIZE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD"}


def message(row: Row, form: str) -> dict[str, Any]:
    """Key, value and headers. A try that is made again has the same delivery."""
    alert = row.alert
    return {
        # Ids of entities are compared without case.
        "key": f"{alert.entity.kind}:{alert.entity.id}".lower().encode(),
        "value": FORMATS[form][1](alert if form == "json" else worded(alert)).rstrip(b"\r\n"),
        "headers": {
            "redshank-delivery": f"{alert.id}-{row.id}".encode(),
            "redshank-kind": row.kind.encode(),
            "redshank-format": form.encode(),
        },
    }


class Kafka:
    """Writes, and counts as delivered what the cluster has acknowledged."""

    most = 100

    def __init__(self, settings: KafkaSettings, timeout_s: float, form: str = "json") -> None:
        """Raises ConfigurationError for options that there are not, or where the library is missing."""
        self._settings, self._timeout_s, self._form = settings, timeout_s, form
        self._errors: list[Any] = []
        self._producer: Producer | None = self._made()

    def _made(self) -> Producer:
        ours = {
            "enable.idempotence": True,  # what the library tries again by itself is there once, and in order
            TIMEOUT: int(self._timeout_s * 1_000),
            "linger.ms": 5,
            "error_cb": self._heard,
        }
        return self._settings.producer(**ours)

    def _heard(self, error: Any) -> None:
        self._errors = [*self._errors[-10:], error]

    def send(self, rows: Sequence[Row], at: float, held: Held = NOTHING_HELD) -> None:
        """Raises NotNowError or RefusedError; then some of several may be there all the same."""
        import confluent_kafka as library

        self._errors = []
        failed: list[Any] = []
        producer = self._producer = self._producer or self._made()
        try:
            for row in rows:
                producer.produce(
                    self._settings.topics[0],
                    on_delivery=lambda error, _: failed.append(error) if error else None,
                    **message(row, self._form),
                )
            left = producer.flush(self._timeout_s + GRACE_S)
        except library.KafkaException as error:
            left, failed = 0, [error.args[0]]
        if left or failed:
            self.close()  # whatever state it is in, the next try begins anew
            raise self._judged(failed)

    def _judged(self, failed: Sequence[Any]) -> Exception:
        place = f"{self._settings.cluster}/{self._settings.topics[0]}"
        for one in failed:
            if one.name() in REFUSED:
                return RefusedError(f"{place}: {mended([one])}")
        said = mended([*self._errors, *failed]) or f"no answer in {self._timeout_s:g} s"
        return NotNowError(f"{place}: {said}")

    def check(self) -> str:
        """Raises NotNowError."""
        asked = ask(self._settings)
        if asked.faults:
            said = "; ".join(f"{topic}: {fault}" if topic else fault for topic, fault in asked.faults.items())
            raise NotNowError(f"{self._settings.cluster}: {said}")
        topic = self._settings.topics[0]
        return f"{self._settings.cluster}: the topic {topic} has {asked.counts[topic]} partitions"

    def close(self) -> None:
        """Give up the connection, and what was not sent: the outbox has it."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.flush(GRACE_S)
