"""Topics of Kafka, over the wire to brokers that come and go: each message is read once, and what can't be is said."""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest import kafka, kafka_topics, kafka_words
from ingest.blocks import Block, Health
from ingest.errors import ConfigurationError, PositionError
from ingest.kafka import KafkaPartition, KafkaSettings
from ingest.kafka_topics import KafkaTopics, ask
from ingest.live_sources import LiveSources
from ingest.records import Event
from tests.ingest.brokers import Cluster, cluster, payload
from tests.ingest.streamed import RECORDS, uids

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def brokers() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


class Reading:
    """One partition, read by one process after another."""

    def __init__(self, settings: KafkaSettings, topic: str, number: int = 0, begins: int = 0) -> None:
        self._given = (settings, topic, number, begins)
        self.blocks: list[Block] = []
        self.position: Any = None
        self.again()

    def again(self) -> None:
        """Another process goes on from the position."""
        if self.blocks:
            self.partition.stop()
        self.partition = pickle.loads(pickle.dumps(KafkaPartition(*self._given)))
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(self.position))
        self._open = self.partition.blocks(kept)

    def until(self, what: Callable[[], Any]) -> None:
        """Read until it is so."""
        end = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < end, (self.partition.stats(), self.said())
            block = next(self._open)
            self.position = block.position
            if block.idle:
                time.sleep(0.02)
            else:
                self.blocks.append(block)

    def events(self) -> list[Event]:
        return [one for block in self.blocks for one in block.events.events(self.partition.name)]

    def read(self) -> int:
        return sum(block.read for block in self.blocks)

    def said(self) -> list[str]:
        return [one.reason for block in self.blocks for one in block.rejected]


def settings(brokers: Cluster, *topics: str, **others: Any) -> KafkaSettings:
    return KafkaSettings(brokers.servers, topics, **others)


# Over the wire


def test_each_message_is_read_once_whatever_process_reads_it(brokers: Cluster) -> None:
    brokers.create("once", 1)
    reading = Reading(settings(brokers, "once"), "once")
    for n in range(0, 12, 3):
        brokers.send("once", 0, [json.dumps(one).encode() for one in RECORDS[n : n + 3]])
        reading.until(lambda least=n + 3: reading.read() >= least)
        reading.again()
    reading.until(lambda: next(reading._open).idle)
    assert sorted(one.uid for one in reading.events()) == uids(RECORDS)
    assert [one.offset for one in reading.events()] == list(range(12))
    reading.partition.stop()


def test_brokers_may_go_and_come_back_and_others_are_read_meanwhile(
    brokers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "DOWN_S", 0.3)
    monkeypatch.setattr(kafka_words, "DOWN_S", 0.3)
    monkeypatch.setitem(kafka._OURS, "reconnect.backoff.max.ms", 500)
    with cluster(1) as ours:
        ours.create("there", 1)
        brokers.create("elsewhere", 1)
        reading = Reading(settings(ours, "there"), "there")
        other = Reading(settings(brokers, "elsewhere"), "elsewhere")
        ours.send("there", 0, [payload(RECORDS[:4])])
        reading.until(lambda: reading.read() == 4)
        ours.down()
        reading.until(lambda: reading.partition.stats().fault)
        health = reading.partition.stats()
        assert "it does not answer: check host, port and network" in health.fault
        assert health.name == reading.partition.name
        assert min(_took_s(lambda: next(reading._open)) for _ in range(5)) < 1, "whoever asks it is held up"
        brokers.send("elsewhere", 0, [payload(RECORDS[:2])])
        other.until(lambda: other.read() == 2)
        ours.up()
        ours.send("there", 0, [payload(RECORDS[4:])])
        reading.until(lambda: reading.read() == 12)
        reading.until(lambda: not reading.partition.stats().fault)
        assert sorted(one.uid for one in reading.events()) == uids(RECORDS)
        assert not reading.said()
        reading.partition.stop()
        other.partition.stop()


def _took_s(what: Callable[[], Any]) -> float:
    """One may take long on a busy machine; all of several take long only where somebody waits."""
    began = time.monotonic()
    what()
    return time.monotonic() - began


def test_messages_that_the_broker_has_deleted_are_said_to_be_missing(brokers: Cluster) -> None:
    """It keeps five megabytes of a partition: a server that was away for long finds the rest gone."""
    brokers.create("short", 1)
    reading = Reading(settings(brokers, "short"), "short")
    brokers.send("short", 0, [payload(RECORDS[:1])])
    reading.until(lambda: reading.read() == 1)
    filler = payload([{**RECORDS[1], "properties": {"note": "x" * 400_000}}])
    brokers.send("short", 0, [filler] * 20)
    reading.again()
    reading.until(lambda: reading.said())
    (said,) = reading.said()
    assert said.startswith("messages 1 to ")
    first = int(said.split(" to ")[1].split()[0]) + 1
    reading.until(lambda: reading.read() == 1 + 21 - first)
    assert [one.offset for one in reading.events()][1:] == list(range(first, 21))
    reading.partition.stop()


def test_a_topic_that_was_made_anew_is_read_from_its_begin(brokers: Cluster) -> None:
    brokers.create("anew", 1)
    brokers.send("anew", 0, [payload(RECORDS[:2])])
    reading = Reading(settings(brokers, "anew"), "anew")
    reading.position = [1, "stream", 999, []]
    reading.again()
    reading.until(lambda: reading.read() == 2)
    (said,) = reading.said()
    assert "made anew: it had 999 messages, and ends at 1" in said
    reading.partition.stop()


def test_the_broker_is_told_what_a_checkpoint_has(brokers: Cluster) -> None:
    brokers.create("told", 1)
    brokers.send("told", 0, [payload(RECORDS[:2])] * 3)
    reading = Reading(settings(brokers, "told", group="people"), "told")
    reading.until(lambda: reading.read() == 6)
    assert brokers.committed("told", 0, "people") < 0
    reading.partition.release(reading.position)
    reading.until(lambda: brokers.committed("told", 0, "people") == 3)
    reading.until(lambda: reading.partition.stats().behind == 0)
    reading.partition.stop()


def test_a_position_of_another_kind_of_source_is_refused_at_once(brokers: Cluster) -> None:
    with pytest.raises(PositionError):
        KafkaPartition(settings(brokers, "x"), "x", 0, 0).blocks([1, "growing"])


# Topics


def test_partitions_are_found_once_and_those_that_come_later_are_read_from_their_begin(
    brokers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_topics, "EVERY_S", 0.1)
    brokers.create("first", 2)
    brokers.send("first", 1, [payload(RECORDS[:1])] * 3)
    topics = KafkaTopics(settings(brokers, "first", "second", start="latest"), {})
    found = {one.name: one._given[3] for one in topics.found()}
    about = settings(brokers, "first")
    assert found == {about.name("first", 0): 0, about.name("first", 1): 3}
    (missing,) = topics.health()
    assert missing.name.endswith("/second")
    assert "there is no such topic: check its name, or create it" in missing.fault
    brokers.create("second", 1)
    (later,) = _looked(topics)
    assert (later.name, later._given[3]) == (about.name("second", 0), 0)
    assert not topics.health()
    monkeypatch.setattr(  # the mock cluster can't give a topic more partitions
        kafka_topics, "ask", lambda *_: kafka_topics.Asked({("first", 2): (0, 9)}, {"first": 3})
    )
    (more,) = _looked(topics)
    assert (more.name, more._given[3]) == (about.name("first", 2), 0), (
        "nobody has read it, whatever `start` says"
    )


def _looked(topics: KafkaTopics) -> list[KafkaPartition]:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := topics.look():
            return found
        time.sleep(0.05)
    raise AssertionError(topics.health())


def test_with_no_broker_at_the_start_the_positions_of_a_checkpoint_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_topics, "ASK_S", 1.0)
    away = KafkaSettings("127.0.0.1:1", ("logs",))
    position = [1, "stream", 41, []]
    sources = LiveSources((), (), tmp_path, 1, lambda: 0, streams=(away,))
    found = sources.found({"kafka://127.0.0.1:1/logs/2": position, "kafka://127.0.0.1:1/other/2": position})
    assert [one.name for one in found.partitions] == ["kafka://127.0.0.1:1/logs/2"]
    (health,) = found.health
    assert health.name == "kafka://127.0.0.1:1"
    assert "it does not answer" in health.fault
    assert next(iter(found.partitions[0].blocks(position))).position == position


def test_what_can_not_be_used_is_refused_with_its_name(brokers: Cluster) -> None:
    with pytest.raises(ConfigurationError, match="No such configuration property"):
        ask(settings(brokers, "x", options={"sasl.pasword": "secret"}))
    about = settings(brokers, "x", options={"sasl.password": "very secret"})
    assert "secret" not in repr(about)
    assert isinstance(pickle.loads(pickle.dumps(about)), KafkaSettings)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'redshank\[kafka\]'"):
        KafkaSettings("a:1", ("x",)).consumer()


def test_a_login_that_is_refused_is_said_as_such(brokers: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mock brokers know no login: they hang up, as a broker does that expects none."""
    monkeypatch.setattr(kafka_topics, "ASK_S", 2.0)
    login = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "$ConnectionString",
        "sasl.password": "x",
    }
    faults = ask(settings(brokers, "x", options=login)).faults
    assert "login" in faults[""] or "does not answer" in faults[""]


def test_health_is_plain() -> None:
    assert (
        msgspec.msgpack.decode(msgspec.msgpack.encode(Health(name="x", fault="y")), type=Health).fault == "y"
    )
