"""Kafka over the wire: a stream processor gets every alert, those of one entity in order, whatever the brokers do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.alert import Entity
from alerts.routing import Route
from alerts.sinks.base import NotNowError, RefusedError
from alerts.sinks.kafka import Kafka
from alerts.store.store import AlertStore
from cluster.delivering import Courier
from cluster.sinking import DAY_S, Way
from ingest.errors import ConfigurationError
from ingest.kafka import KafkaSettings
from tests.alerts.hostile import hostile, row, withdrawn
from tests.cluster.receivers import Clock, an_alert, drained
from tests.ingest.brokers import Cluster, cluster


@pytest.fixture
def brokers() -> Iterator[Cluster]:
    with cluster() as made:
        made.create("alerts", 4)
        yield made


def settings(servers: str, topic: str = "alerts", **options: Any) -> KafkaSettings:
    return KafkaSettings(servers, (topic,), options=options)


def read(brokers: Cluster, number: int) -> list[Any]:
    """So many messages of the topic, and whatever comes in a moment after them."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": brokers.servers, "group.id": "r", "log_level": 0})
    consumer.assign([TopicPartition("alerts", number, 0) for number in range(4)])
    try:
        found = consumer.consume(number, timeout=20) + consumer.consume(100, timeout=0.5)
    finally:
        consumer.close()
    assert all(one.error() is None for one in found)
    return found


def test_alerts_of_one_entity_are_in_one_partition_in_order(brokers: Cluster) -> None:
    one = Kafka(settings(brokers.servers), 10.0)
    names = [f"/Subs/1/Vaults/{number % 5}" for number in range(20)]
    rows = [
        row(an_alert(f"a{at:02}", entity=Entity("vault", name if at % 2 else name.upper())), id_=at)
        for at, name in enumerate(names)
    ]
    one.send(rows[:10], 0.0)
    one.send(rows[10:], 0.0)
    found = read(brokers, 20)
    told = [(message.partition(), message.key(), json.loads(message.value())["id"]) for message in found]
    assert len(told) == 20
    assert {key for _, key, _ in told} == {b"vault:/subs/1/vaults/%d" % number for number in range(5)}
    for key in {key for _, key, _ in told}:
        mine = [(number, id_) for number, other, id_ in told if other == key]
        assert len({number for number, _ in mine}) == 1
        assert [id_ for _, id_ in mine] == sorted(id_ for _, id_ in mine)
    one.close()


@pytest.mark.parametrize("form", ["json", "ocsf", "sentinel", "cef", "syslog", "stix"])
def test_a_message_says_what_it_is_and_holds_one_line(brokers: Cluster, form: str) -> None:
    if form == "stix":
        pytest.importorskip("stix2", reason="the extra `stix` is not installed")
    Kafka(settings(brokers.servers), 10.0, form).send([row(withdrawn(hostile()), kind="withdrawn")], 0.0)
    (found,) = read(brokers, 1)
    assert dict(found.headers()) == {
        "redshank-delivery": b"aa11-7",
        "redshank-kind": b"withdrawn",
        "redshank-format": form.encode(),
    }
    assert b"\n" not in found.value()
    if form not in ("cef", "syslog"):
        assert json.loads(found.value())


def test_a_broker_that_is_away_gets_it_when_it_is_back(brokers: Cluster, tmp_path: Path) -> None:
    store, clock, said = AlertStore(f"sqlite:///{tmp_path}/a.db"), Clock(), list[str]()
    # It takes a busy machine longer than a second to connect; and who waits for what is away waits for all of it.
    patient, hasty = (Kafka(settings(brokers.servers), timeout_s) for timeout_s in (60.0, 1.0))

    def once(sink: Kafka) -> bool:
        way = Way("topic", "kafka", Route(name="topic"), sink, 60.0, 7 * DAY_S)
        return Courier(way, [store.outbox], lambda what, **more: said.append(f"{what} {more}"), clock).once()

    def write(*ids: str) -> None:
        alerts = [an_alert(one, entity=Entity("vault", one)) for one in ids]
        store.write(alerts, "2026-03-17T11:00:00Z", [Route(name="topic")])

    write("a1")
    assert once(patient)
    assert store.outbox.backlog("topic").waiting == 0
    brokers.down()
    write("b2", "c3")
    assert once(hasty)
    assert store.outbox.backlog("topic").waiting == 2
    assert "the sink can't be reached" in said[0]
    assert "it does not answer: check host, port and network" in said[0]
    brokers.up()
    drained(lambda: once(patient), clock)
    assert store.outbox.backlog("topic").waiting == 0
    found = [json.loads(message.value())["id"] for message in read(brokers, 3)]
    assert sorted(found) == ["a1", "b2", "c3"]
    patient.close()
    hasty.close()


def test_an_alert_that_is_too_large_is_refused_and_lets_the_others_pass(
    brokers: Cluster, tmp_path: Path
) -> None:
    store, clock = AlertStore(f"sqlite:///{tmp_path}/a.db"), Clock()
    sink = Kafka(settings(brokers.servers, **{"message.max.bytes": 4_000}), 10.0)
    with pytest.raises(RefusedError, match=r"kafka://.*/alerts: .*too large"):
        sink.send([row(an_alert(description="x" * 5_000))], 0.0)
    way = Way("topic", "kafka", Route(name="topic"), sink, 60.0, 7 * DAY_S)
    courier = Courier(way, [store.outbox], lambda *_, **__: None, clock)
    alerts = [an_alert("a1"), an_alert("b2", description="x" * 5_000), an_alert("c3")]
    store.write(alerts, "2026-03-17T11:00:00Z", [Route(name="topic")])
    drained(courier.once, clock)
    assert store.outbox.backlog("topic").dead == 1
    assert {json.loads(message.value())["id"] for message in read(brokers, 2)} == {"a1", "c3"}


def test_check_reaches_the_topic_and_writes_nothing(brokers: Cluster) -> None:
    assert "the topic alerts has 4 partitions" in Kafka(settings(brokers.servers), 5.0).check()
    assert read(brokers, 0) == []


def test_check_says_what_is_wrong_with_a_broker_that_is_away() -> None:
    with pytest.raises(NotNowError, match=r"kafka://127\.0\.0\.1:1: it does not answer: check host, port"):
        Kafka(settings("127.0.0.1:1"), 1.0).check()


def test_an_option_that_there_is_not_is_said_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match=r"an option can't be used: .*no\.such\.option"):
        Kafka(settings("127.0.0.1:1", **{"no.such.option": 1}), 1.0)
