"""Delivery to a real receiver: what it can't take now comes later, what it refuses is kept, and a death loses nothing."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from alerts.routing import Route
from alerts.sinks.base import NOTHING_HELD, Held, NotNowError, RefusedError
from alerts.sinks.file import LineFile
from alerts.sinks.http import Poster
from alerts.sinks.webhook import Webhook
from alerts.store.outbox import Row
from alerts.store.store import AlertStore
from cluster.asked import now as time_now
from cluster.asked import stamp
from cluster.delivering import Courier, Delivery
from cluster.sinking import DAY_S, Way
from tests.cluster.receivers import Clock, Receiver, an_alert, drained, receiving
from tests.cluster.served import until

SECRET = b"between us"


@pytest.fixture
def store(tmp_path: Path) -> AlertStore:
    return AlertStore(f"sqlite:///{tmp_path}/a.db")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def way(url: str, timeout_s: float = 30.0, **more: Any) -> Way:
    sink = Webhook(url, Poster(timeout_s, allow_internal=True), SECRET, "a-token")
    return Way("hook", "webhook", Route(name="hook"), sink, 60.0, more.pop("give_up_s", 7 * DAY_S))


def courier(store: AlertStore, one: Way, clock: Clock, said: list[str] | None = None) -> Courier:
    def say(what: str, **more: Any) -> None:
        if said is not None:
            said.append(f"{what} {more}")

    return Courier(one, [store.outbox], say, clock, lambda: 1.0)


def write(store: AlertStore, clock: Clock, *alerts: Any) -> None:
    at = stamp(time_now().fromtimestamp(clock.now, tz=time_now().tzinfo))
    store.write(alerts, at, [Route(name="hook")])


def test_an_alert_comes_signed_with_its_time(store: AlertStore, receiver: Receiver) -> None:
    clock = Clock()
    write(store, clock, an_alert())
    assert courier(store, way(receiver.url), clock).once()
    (got,) = receiver.got
    assert got.said["id"] == "aa11"
    timestamp = got.headers["x-redshank-timestamp"]
    assert timestamp == "1774000000"
    expected = hmac.new(SECRET, timestamp.encode() + b"." + got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-redshank-signature"] == f"sha256={expected}"
    assert got.headers["authorization"] == "Bearer a-token"


@pytest.mark.parametrize("failure", [500, 503, 429, 408, "reset", (429, {"Retry-After": "120"})])
def test_what_fails_for_now_is_tried_again_until_it_is_taken(
    store: AlertStore, receiver: Receiver, failure: Any
) -> None:
    clock = Clock()
    receiver.plan[:] = [failure] * 3
    write(store, clock, an_alert())
    one = courier(store, way(receiver.url), clock)
    assert one.once()
    assert not one.once(), "it was not left alone"
    drained(one.once, clock)
    assert receiver.ids() == ["aa11"] * 4
    assert len({got.headers["x-redshank-delivery"] for got in receiver.got}) == 1
    assert store.outbox.backlog("hook")[:3] == (0, None, 0)


def test_what_a_receiver_asks_for_is_kept_to(store: AlertStore, receiver: Receiver) -> None:
    clock = Clock()
    receiver.plan[:] = [(429, {"Retry-After": "120"})]
    write(store, clock, an_alert())
    one = courier(store, way(receiver.url), clock)
    one.once()
    clock.now += 119
    assert not one.once()
    clock.now += 2
    assert one.once()


def test_a_receiver_that_does_not_answer_costs_its_timeout_and_no_alert(
    store: AlertStore, receiver: Receiver
) -> None:
    clock, never = Clock(), threading.Event()
    receiver.plan[:] = [never]
    write(store, clock, an_alert())
    courier(store, way(receiver.url, timeout_s=0.2), clock).once()
    assert "no answer in 0.2 s" in store.outbox.backlog("hook").error
    until(lambda: receiver.got)  # it may be read only after nobody waits for the answer any more
    never.set()
    patient = courier(store, way(receiver.url), clock)  # a busy machine may need longer than that to answer
    drained(patient.once, clock)
    assert receiver.ids() == ["aa11", "aa11"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 302])
def test_what_is_refused_for_good_is_put_aside_and_keeps_nothing_waiting(
    store: AlertStore, receiver: Receiver, status: int
) -> None:
    clock, said = Clock(), list[str]()
    receiver.plan[:] = [status]
    write(store, clock, an_alert(), an_alert("bb22"))
    one = courier(store, way(receiver.url), clock, said)
    drained(one.once, clock)
    assert receiver.ids() == ["aa11", "bb22"]
    backlog = store.outbox.backlog("hook")
    assert (backlog.waiting, backlog.dead) == (0, 1)
    assert f"HTTP {status}" in backlog.error
    assert any("sinks retry" in line for line in said)
    store.outbox.retry("hook", clock.now)
    drained(one.once, clock)
    assert receiver.ids() == ["aa11", "bb22", "aa11"]


def test_a_receiver_that_is_down_for_a_day_gets_all_of_it_after(
    store: AlertStore, receiver: Receiver
) -> None:
    clock, said = Clock(), list[str]()
    down = Receiver([])
    down.server.server_close()  # nobody listens there
    write(store, clock, an_alert(complete=False), an_alert("bb22"), an_alert(count=9))
    one = courier(store, way(down.url), clock, said)
    for _ in range(24):
        clock.now += 3_600
        one.once()
    assert receiver.got == []
    assert sum("can't be reached" in line for line in said) == 1, "said more than once"
    back = courier(store, way(receiver.url), clock)
    drained(back.once, clock)
    assert [(got.said["id"], got.said["count"]) for got in receiver.got if got.said["id"] == "aa11"] == [
        ("aa11", 1),
        ("aa11", 9),
    ]
    assert "bb22" in receiver.ids()


def test_after_so_many_days_it_is_given_up_and_shown(store: AlertStore, receiver: Receiver) -> None:
    clock = Clock()
    receiver.plan[:] = [500] * 500
    write(store, clock, an_alert())
    one = courier(store, way(receiver.url, give_up_s=DAY_S), clock)
    drained(one.once, clock, pause_s=3_600)
    backlog = store.outbox.backlog("hook")
    assert (backlog.waiting, backlog.dead, backlog.error) == (0, 1, "given up: HTTP 500")


def test_a_receiver_that_fails_on_one_alert_gets_the_others(store: AlertStore, receiver: Receiver) -> None:
    clock = Clock()
    write(store, clock, *(an_alert(f"a{n}") for n in range(5)))

    class Picky:
        most = 1

        def __init__(self) -> None:
            self.told: list[str] = []

        def send(self, rows: list[Row], at: float, held: Held = NOTHING_HELD) -> None:
            if rows[0].alert.id == "a0":
                raise ZeroDivisionError("a fault of ours")
            self.told.append(rows[0].alert.id)

        def check(self) -> str:
            return ""

        def close(self) -> None:
            pass

    sink = Picky()
    one = courier(store, way(receiver.url)._replace(sink=sink), clock)
    for _ in range(40):
        clock.now += 30
        one.once()
    assert sink.told == ["a1", "a2", "a3", "a4"]
    assert "a fault of ours" in store.outbox.backlog("hook").error


def test_a_slow_sink_keeps_neither_detection_nor_another_sink_waiting(
    store: AlertStore, receiver: Receiver, tmp_path: Path
) -> None:
    never = threading.Event()
    receiver.plan[:] = [never]
    quick = Way("quick", "file", Route(name="quick"), LineFile(tmp_path / "out.jsonl"), 60.0, DAY_S)
    delivery = Delivery([way(receiver.url, timeout_s=300), quick], [store.outbox], lambda *_, **__: None)
    delivery.start()
    try:
        both = [Route(name="hook"), Route(name="quick")]
        for number in range(50):
            store.write([an_alert(f"a{number:02}")], stamp(time_now()), both)
            delivery.wake()
        until(lambda: len((tmp_path / "out.jsonl").read_bytes().splitlines()) >= 50)
        until(lambda: receiver.got)  # its thread may only just have begun
        assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 50
        assert len(receiver.got) == 1
        assert store.outbox.backlog("hook").waiting == 50
    finally:
        never.set()
        delivery.stop()


KILLED = """
import os, signal, sys, threading, time
from alerts.store.store import AlertStore
from alerts.routing import Route
from cluster.asked import now, stamp
from cluster.delivering import Delivery
from tests.cluster.receivers import an_alert
from tests.cluster.test_delivering import way
store = AlertStore(sys.argv[1])
store.write([an_alert("aa11"), an_alert("bb22")], stamp(now()), [Route(name="hook")])
if sys.argv[3] == "stored":
    os.kill(os.getpid(), signal.SIGKILL)
delivery = Delivery([way(sys.argv[2], timeout_s=30)], [store.outbox], print)
delivery.start()
print("sending", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("moment", ["stored", "sending"])
def test_what_a_killed_process_had_stored_is_delivered_by_the_next_one(
    tmp_path: Path, receiver: Receiver, moment: str
) -> None:
    url, never = f"sqlite:///{tmp_path}/a.db", threading.Event()
    receiver.plan[:] = [never]
    command = [sys.executable, "-c", KILLED, url, receiver.url, moment]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    if moment == "sending":
        until(lambda: receiver.got)
        process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    never.set()
    before = len(receiver.got)
    assert before == (moment == "sending")
    receiver.plan.clear()
    # Its claim ends by itself: the next one is another process, which may run meanwhile.
    clock = Clock(time.time() + 120)
    drained(courier(AlertStore(url), way(receiver.url), clock).once, clock)
    assert set(receiver.ids()[before:]) == {"aa11", "bb22"}


class Leaving:
    """Refuses many at once, and is gone when it is asked for one."""

    most = 50
    tries = 0

    def send(self, rows: Sequence[Row], at: float, held: Held = NOTHING_HELD) -> None:
        self.tries += 1
        if len(rows) > 1:
            raise RefusedError("HTTP 413")
        raise NotNowError("gone")

    def check(self) -> str:
        return ""

    def close(self) -> None:
        pass


def test_a_receiver_that_goes_away_costs_one_timeout_and_not_one_for_each_alert(store: AlertStore) -> None:
    sink, clock = Leaving(), Clock()
    write(store, clock, *[an_alert(f"a{number}") for number in range(30)])
    gone = Way("hook", "webhook", Route(name="hook"), sink, 60.0, 7 * DAY_S)
    courier(store, gone, clock).once()
    assert sink.tries == 2
    backlog = store.outbox.backlog("hook")
    assert (backlog.waiting, backlog.dead, backlog.error) == (30, 0, "gone")
