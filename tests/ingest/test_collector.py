"""Flows over a real socket: each one once, and what is lost is counted where it was lost."""

from __future__ import annotations

import pytest

from ingest import ipfix_datagrams
from tests.ingest.collecting import Listening
from tests.ingest.ipfix_messages import FOUR, TALK, a_set


def test_each_flow_comes_once(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    for n in range(50):
        one.send(one.flows(2 * n, 2 * n + 1))
    heard.applied(51)
    stats = heard.collector.stats()
    assert (heard.ports(), heard.lost(), heard.say()) == (list(range(100)), 0, [])
    assert (stats.received, stats.flows, stats.lost, stats.dropped_at_journal) == (51, 100, {one.name: 0}, 0)
    assert stats.journal_octets > stats.received_octets > 51 * 100
    assert sum(block.read for block in heard.blocks) == 100


def test_where_nothing_comes_it_says_so_at_once_and_looks_again(heard: Listening) -> None:
    assert all(next(heard._open).idle for _ in range(3))
    assert heard.blocks == []


def test_loss_is_counted_by_exporter_and_domain(heard: Listening) -> None:
    one, two = heard.exporter(), heard.exporter(9)
    for exporter in (one, two):
        exporter.tell()
        exporter.send(exporter.flows(1))
    one.flows(2, 3, 4)  # is never sent
    for exporter in (one, two):
        exporter.send(exporter.flows(5))
    heard.applied(6)
    assert (heard.lost(), heard.collector.stats().lost) == (3, {one.name: 3, two.name: 0})


def test_another_order_is_no_loss_and_a_copy_no_flow(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    sent = [one.flows(3 * n, 3 * n + 1, 3 * n + 2) for n in range(40)]
    for at in (0, 2, 1, 3, 3, 7, 6, 5, 4, 7, *range(8, 20), 5, *range(39, 19, -1), 30):
        one.send(sent[at])
    heard.applied(1 + 44)
    assert sorted(heard.ports()) == list(range(120))
    assert (heard.lost(), heard.collector.stats().repeated) == (0, 4)


def test_copies_and_late_ones_are_known_after_a_restart_too(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    sent = [one.flows(n) for n in range(30)]
    for at in range(30):
        if at not in (11, 12):
            one.send(sent[at])
    heard.applied(29)
    assert heard.lost() == 2
    heard.restart()
    for at in (5, 12, 29, 12):
        one.send(sent[at])
    heard.applied(4)
    assert (sorted(heard.ports()), heard.lost()) == ([n for n in range(30) if n != 11], 1)


def test_data_wait_for_their_template(heard: Listening) -> None:
    one = heard.exporter()
    one.send(one.flows(1, 2))
    one.send(one.flows(3))
    heard.applied(2)
    assert heard.ports() == []
    heard.restart()
    one.tell()
    one.send(one.flows(4))
    heard.applied(2)
    assert (heard.ports(), heard.lost()) == ([1, 2, 3, 4], 0)


def test_what_waits_in_vain_is_rejected_and_not_called_lost(heard: Listening) -> None:
    one = heard.exporter()
    one.send(one.flows(1, 2))
    one.send(one.flows(3, number=300))
    heard.applied(2)
    heard.clock.us += (ipfix_datagrams.PATIENCE_S + 2) * 1_000_000
    one.tell()
    one.flows(4, 5)
    one.send(one.flows(6))
    heard.applied(4)
    assert (heard.ports(), len(heard.say())) == ([6], 2)
    assert all("before its template" in reason for reason in heard.say())


def test_a_template_that_nobody_tells_again_is_forgotten(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    step_us = (ipfix_datagrams.LIFETIME_S - 10) * 1_000_000
    for n in range(3):
        heard.applied(2 * n)
        heard.clock.us += step_us
        one.tell()
        one.send(one.flows(n))
    heard.applied(7)
    assert heard.ports() == [0, 1, 2]
    heard.clock.us += 2 * step_us
    one.send(one.flows(3))
    heard.applied(8)
    assert heard.ports() == [0, 1, 2]
    one.tell()
    heard.applied(9)
    assert (heard.ports(), heard.lost()) == ([0, 1, 2, 3], 0)


def test_a_template_changes_and_a_withdrawal_is_not_listened_to(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    one.send(one.flows(1))
    one.send(one.made(a_set(2, b"\x01\x00\x00\x00")))  # RFC 7011, 8.4: must be ignored by UDP
    one.send(one.flows(2))
    one.tell(fields=FOUR)
    one.send(one.made(a_set(256, TALK), records=1))
    heard.applied(6)
    assert (heard.ports(), heard.lost(), heard.say()) == ([1, 2, 40_000], 0, [])


def test_exporters_may_use_the_same_template_id(heard: Listening) -> None:
    one, two = heard.exporter(), heard.exporter()
    one.tell()
    two.tell(fields=FOUR)
    one.send(one.flows(1))
    two.send(two.made(a_set(256, TALK), records=1))
    heard.applied(4)
    assert (sorted(heard.ports()), heard.say()) == ([1, 40_000], [])


@pytest.mark.parametrize("later_s", [0, 30])
def test_an_exporter_that_begins_anew_has_lost_nothing(heard: Listening, later_s: int) -> None:
    one = heard.exporter()
    one.sequence = 5_000
    one.tell()
    one.send(one.flows(1, 2))
    one.sequence, one.exported_s = 0, one.exported_s + later_s
    one.tell()
    one.send(one.flows(3, 4))
    one.send(one.flows(5))
    heard.applied(5)
    assert (heard.ports(), heard.lost(), heard.collector.stats().repeated) == ([1, 2, 3, 4, 5], 0, 0)


def test_sequence_numbers_begin_again_after_the_greatest(heard: Listening) -> None:
    one = heard.exporter()
    one.sequence = (1 << 32) - 3
    one.tell()
    for n in range(4):
        sent = one.flows(2 * n, 2 * n + 1)
        if n != 2:
            one.send(sent)
    heard.applied(4)
    assert (heard.ports(), heard.lost()) == ([0, 1, 2, 3, 6, 7], 2)


@pytest.mark.parametrize("back", [0, 1, 3])
def test_a_new_process_goes_on_from_a_position(heard: Listening, back: int) -> None:
    one = heard.exporter()
    one.tell()
    count = 1
    for n in range(6):
        one.send(one.flows(n))
        count += 1
        heard.applied(count)
    heard.restart(back)
    for n in range(6, 12):
        one.send(one.flows(n))
    heard.until(lambda: len(heard.ports()) >= 12)
    assert (heard.ports(), heard.lost()) == (list(range(12)), 0)


def test_what_came_and_was_not_read_is_there_for_the_next_process(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    for n in range(300):
        one.send(one.flows(n))
    heard.restart()
    heard.until(lambda: len(heard.ports()) >= 300)
    assert (heard.ports(), heard.lost()) == (list(range(300)), 0)
