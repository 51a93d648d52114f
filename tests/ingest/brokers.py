"""A Kafka cluster to test against over the wire: librdkafka's own mock brokers, in this process."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class Cluster:
    """Brokers on loopback that can be taken away and come back with what they hold."""

    def __init__(self, library: Any, brokers: int) -> None:
        self._library, self._numbers = library, range(1, brokers + 1)
        why = ctypes.create_string_buffer(512)
        self._client = ctypes.c_void_p(library.rd_kafka_new(0, library.rd_kafka_conf_new(), why, 512))
        self._cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(self._client, brokers))
        self.servers = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        from confluent_kafka import Producer

        self._producer = Producer({"bootstrap.servers": self.servers, "log_level": 0, "linger.ms": 0})

    def create(self, topic: str, partitions: int) -> None:
        """A topic."""
        assert not self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)

    def send(self, topic: str, partition: int, bodies: Iterable[bytes | None], key: bytes = b"") -> None:
        """Messages, acknowledged when this returns."""
        for body in bodies:
            self._producer.produce(topic, body, key=key, partition=partition)
        assert self._producer.flush(30) == 0

    def down(self) -> None:
        """No broker listens any more; what they hold stays."""
        for number in self._numbers:
            self._library.rd_kafka_mock_broker_set_down(self._cluster, number)

    def up(self) -> None:
        """All are there again."""
        for number in self._numbers:
            self._library.rd_kafka_mock_broker_set_up(self._cluster, number)

    def committed(self, topic: str, partition: int, group: str = "redshank") -> int:
        """What a group has told the broker."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": group, "log_level": 0})
        try:
            return int(consumer.committed([TopicPartition(topic, partition)], timeout=10)[0].offset)
        finally:
            consumer.close()

    def close(self) -> None:
        """End them all."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


@contextmanager
def cluster(brokers: int = 2) -> Iterator[Cluster]:
    """Skips the test where the library is not installed, or has no mock cluster."""
    package = pytest.importorskip("confluent_kafka", reason="the extra `kafka` is not installed")
    folder = Path(package.__file__).parent.with_name("confluent_kafka.libs")
    found = next(folder.glob("librdkafka*"), None) if folder.is_dir() else None
    if found is None:
        pytest.skip("confluent-kafka brings no librdkafka of its own here: no mock cluster")
    made = Cluster(_library(str(found)), brokers)
    try:
        yield made
    finally:
        made.close()


def _library(path: str) -> Any:
    library = ctypes.CDLL(path)
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, given in (
        ("conf_new", pointer, []),
        ("new", pointer, [ctypes.c_int, pointer, text, ctypes.c_size_t]),
        ("destroy", None, [pointer]),
        ("mock_cluster_new", pointer, [pointer, ctypes.c_int]),
        ("mock_cluster_destroy", None, [pointer]),
        ("mock_cluster_bootstraps", text, [pointer]),
        ("mock_topic_create", ctypes.c_int, [pointer, text, ctypes.c_int, ctypes.c_int]),
        ("mock_broker_set_down", ctypes.c_int, [pointer, ctypes.c_int32]),
        ("mock_broker_set_up", ctypes.c_int, [pointer, ctypes.c_int32]),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, given
    return library


def payload(records: list[Any]) -> bytes:
    """As diagnostic settings send them to an event hub."""
    return json.dumps({"records": records}).encode()
