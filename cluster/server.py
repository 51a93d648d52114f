"""The loop of `redshank serve`: it moves the run on, hands alerts over, and tells how it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from actors.conductor import Progress
from actors.steps import Counts, SourceState
from alerts.kept import KeptLines
from alerts.log import AlertLog
from cluster.deadline import OverdueError
from cluster.exceeded import Exceeded
from cluster.feed_watch import FeedWatch, renew
from cluster.handing import Handing
from cluster.logs import batch_line, logger
from cluster.serve_run import STEPS, ServeRun, now_us
from cluster.snapshot import (
    RUNNING,
    STOPPING,
    Board,
    FlowsLost,
    SinkNow,
    Snapshot,
    SourceNow,
    TcpNow,
    UdpNow,
    UdpTotal,
)
from cluster.storing import Storing
from ingest.blocks import Health
from ingest.collector import CollectorStats

# From a signal to the end of the last checkpoint: service managers kill after 30 s, some after 10.
STOP_S = 5.0
PAUSE_S = 0.02  # while no source has anything ...
LONG_PAUSE_S = 0.05  # ... and for longer than a moment
LONG_S = 0.5  # of steps of the stream, after which fewer are taken at a time
LOOK_S = 5.0  # for sources that have come
LOOKING = 0.05  # of the time at most
TELL_S = 0.2  # between two looks at what is to be told ...
SOON_S = 0.02  # ... and while records come, and a little longer: some of them may be told at once
LATELY_S = 1.0
POST_S = 2.0  # between two looks at how it stands
MOST_SOURCES = 100


class Server:
    """Moves a run on, and hands over what comes out of it."""

    def __init__(
        self,
        run: ServeRun,
        log: AlertLog,
        board: Board,
        lateness_us: int,
        kept: dict[str, KeptLines],  # 'withheld', 'rejected', 'shadow'
        storing: Storing | None = None,  # into the stores of alerts
    ) -> None:
        self.run = run
        self.handing = Handing(run, log, kept, storing)
        self.sinks: Callable[[], list[SinkNow]] = list
        self.ports = 0  # that are to be listened on
        self.feeds: FeedWatch | None = None
        self._board = board
        self._lateness_us = lateness_us
        run.begins_again = self._begins_again
        run.told_early = log.early
        self._started_us = now_us()
        self._look_at = self._told = self._posted = time.monotonic()
        self._read = 0  # records, when more of them were last seen to have come ...
        self._came = float("-inf")  # ... and when that was
        self._begun = False  # to read
        self._stopping = False
        self._shards = 0  # that somebody has asked for
        self._before: Snapshot | None = None
        self._progress: Progress | None = None
        self._unseen: list[Health] = []  # sources that could not be looked at
        self._down: dict[str, str] = {}  # sources of which nothing can be read, and why
        self._exceeded = Exceeded(logger().warning)
        self._steps = STEPS  # of the stream at a time
        self._held = ""  # why nothing is read
        self._udp, self._tcp = UdpTotal(), UdpTotal()

    def _begins_again(self, store_fault: str) -> None:
        self._board.begins_again(store_fault)
        self._udp.begin_again()
        self._tcp.begin_again()

    def stop(self, *_: Any) -> None:
        """Come to an end after a last checkpoint, if that does not take long."""
        self._stopping = True
        self.run.runtime.deadline.set(STOP_S if self._begun else 0.0)
        self.run.stop_wanted.set()

    def scale(self, shards: int) -> None:
        """Go on with so many shards, when the loop comes round."""
        self._shards = shards

    def serve(self) -> None:
        """Until `stop`."""
        try:
            self._serve()
        except OverdueError:
            self._tell_overdue()
        finally:
            self.handing.stop()

    def _tell_overdue(self) -> None:
        if self._begun:
            logger().warning(
                "stopped without a last checkpoint, which would have taken too long: what was read since the one before "
                "is read again at the next start",
                epoch=self.run.epoch,
            )
        else:
            logger().info("stopped before it had begun", epoch=self.run.epoch)

    def _serve(self) -> None:
        self.run.start()
        self._begun = not self._stopping
        while not self._stopping:
            self._once()
        self.run.do(lambda: self._post(STOPPING))
        self.run.checkpoint()
        if waiting := self.run.do(self.handing.last):
            logger().warning(
                "alerts wait for the next start: the checkpoint has them",
                alerts=waiting,
                reason=self.handing.fault,
            )
        logger().info("stopped", epoch=self.run.epoch)

    def _once(self) -> None:
        now = time.monotonic()
        if self._is_held():
            self.run.rest()
        else:
            self._progress = self.run.advance(self._steps, now_us())
            # A flood of alerts makes steps long: probes, signals and what is to be handed over don't wait for twenty.
            is_long = time.monotonic() - now > LONG_S
            self._steps = max(1, self._steps // 2) if is_long else min(STEPS, 2 * self._steps)
            self._look(now, self._progress)
        lately = now - self._came < LATELY_S
        more = now - self._told >= (SOON_S if lately or self._held else TELL_S) and self._tell(now)
        if now - self._posted >= POST_S:
            self._posted = now
            self.run.do(lambda: self._post(RUNNING))
        if self.feeds is not None and (news := self.feeds.take()):
            renew(self.run, self.feeds.feeds, news, logger().info)
        if self._shards:
            shards, self._shards = self._shards, 0
            self.run.scale(shards)
            logger().info("scaled", shards=shards)
        self._board.moved()
        if (self._held or (self._progress is not None and self._progress.waiting)) and not more:
            time.sleep(PAUSE_S if lately or self._held else LONG_PAUSE_S)

    def _is_held(self) -> bool:
        """Whether nothing is to be read, for what comes of it could not be handed over. It is said when that changes."""
        before, self._held = self._held, self.handing.held
        if self._held and not before:
            logger().warning("nothing more is read for now", reason=self._held)
        if before and not self._held:
            logger().info("sources are read again")
            # What has come meanwhile is known before the time that has passed closes hours without it.
            self._unseen = self.run.do(self.run.runtime.look)
        return bool(self._held)

    def _look(self, now: float, progress: Progress) -> None:
        """Take in what has come: records, sources, marks."""
        if now >= self._look_at:
            begun = time.monotonic()
            self._unseen = self.run.do(self.run.runtime.look)
            took_s = time.monotonic() - begun  # the longer, the more files there are
            self._look_at = now + max(LOOK_S, took_s / LOOKING)
            if self.handing.store_is_well:
                self.run.teach(progress.untold_hour)
        if progress.counts.read != self._read:
            self._read, self._came = progress.counts.read, now

    def _tell(self, now: float) -> bool:
        """Hand over what there is; whether there may be more at once."""
        more = self.run.do(self.handing.once)
        self._told = float("-inf") if more else now
        return more

    # How it stands

    def _post(self, phase: str) -> None:
        snapshot = self._snapshot(phase, self._progress)
        self._board.post(snapshot)
        self._exceeded.look(snapshot)
        if batch_line(logger(), snapshot, self._before):
            self._before = snapshot

    def _snapshot(self, phase: str, progress: Progress | None) -> Snapshot:
        now, runtime, said = now_us(), self.run.runtime, self.handing.numbers
        said_of = runtime.stats()
        ports = [one for one in said_of if isinstance(one, CollectorStats)]
        unseen = [*self._unseen, *(self.feeds.health() if self.feeds is not None else ())]
        told = [one for one in (*said_of, *unseen) if isinstance(one, Health)]
        health = {one.name: one for one in sorted(told, key=lambda one: bool(one.fault))}
        self._tell_faults(health)
        if any(port.journal_octets > self.run.journal_bound / 2 for port in ports):
            self.run.hurry()
        return Snapshot(
            started_us=self._started_us,
            taken_us=now,
            phase=phase,
            counts=progress.counts if progress else Counts(),
            filtered=said.filtered,
            entities=said.entities,
            alerts=said.raised,
            shadow=said.shadow,
            expected=said.expected,
            unknown_systems=said.unknown_systems,
            open_hours=progress.open_hours if progress else 0,
            watermark_us=progress.watermark_us if progress and progress.watermark_us > 0 else None,
            holders=progress.holders if progress else None,
            feeds=self.feeds.feeds.now() if self.feeds is not None else [],
            sources=self._sources(health, now),
            sources_open=sum(port.is_open for port in ports) >= self.ports,
            store_fault=self.run.store_fault,
            checkpoint=self.run.checkpoint_now(),
            deaths=self.run.deaths,
            recoveries=self.run.deaths,
            kept_dropped=self.handing.dropped,
            held=self._held,
            alerts_waiting=said.waiting,
            queues=runtime.queues(),
            sinks=self.sinks(),
            udp=_told(ports, False, self._udp),
            tcp=_by_tcp(_told(ports, True, self._tcp)),
            journal_octets=sum(port.journal_octets for port in ports) if ports else None,
        )

    def _sources(self, health: dict[str, Health], now: int) -> list[SourceNow]:
        """Those that are furthest behind, and whatever is down."""
        states = {one.name: one for one in self.run.runtime.sources(MOST_SOURCES)}
        down = [name for name, one in health.items() if one.fault and name not in states][:MOST_SOURCES]
        known = [self._source(one, health.get(name), now) for name, one in states.items()]
        return [*known, *(self._source(None, health[name], now) for name in down)]

    def _source(self, one: SourceState | None, health: Health | None, now: int) -> SourceNow:
        health = health or Health(name=one.name if one else "")
        known = SourceNow(name=health.name, fault=health.fault, down_s=health.since_s, behind=health.behind)
        if one is None or not one.frontier_us:
            return known
        return msgspec.structs.replace(
            known,
            frontier_us=one.frontier_us,
            lag_s=(now - one.frontier_us) / 1e6,
            watermark_us=one.frontier_us - self._lateness_us,
        )

    def _tell_faults(self, health: dict[str, Health]) -> None:
        """Of each source once that it is down, and that it is there again."""
        down = {name: one.fault for name, one in health.items() if one.fault}
        for name in down.keys() - self._down.keys():
            logger().warning("a source is down; the others go on", source=name, reason=down[name])
        for name in self._down.keys() - down.keys():
            logger().info("a source is there again", source=name)
        self._down = down


def _told(ports: list[CollectorStats], by_tcp: bool, total: UdpTotal) -> UdpNow | None:
    """What came by TCP, or by UDP; None where no port listens so."""
    mine = [port for port in ports if port.by_tcp == by_tcp]
    return total.with_now(_came(mine)) if mine else None


def _by_tcp(came: UdpNow | None) -> TcpNow | None:
    return None if came is None else TcpNow(messages=came.datagrams, octets=came.octets, lost=came.lost)


def _came(ports: list[CollectorStats]) -> UdpNow:
    lost = [
        FlowsLost(exporter, int(domain), flows)
        for port in ports
        for exporter, _, domain, flows in (
            (*name.rpartition("/"), flows) for name, flows in port.lost.items()
        )
    ]
    dropped = sum((port.dropped_at_socket or 0) + port.dropped_at_journal for port in ports)
    received, octets = sum(port.received for port in ports), sum(port.received_octets for port in ports)
    return UdpNow(datagrams=received, octets=octets, dropped=dropped, lost=lost)
