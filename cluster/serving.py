"""`redshank serve`: live sources in, alerts out, until it is stopped."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from actors.settings import MINUTE_US, Settings
from alerts.kept import KeptLines
from alerts.log import AlertLog
from cluster.beginning import SERVE, beginning, place_of
from cluster.checkpoints import Store
from cluster.config import Configuration, load
from cluster.consoling import beside
from cluster.detect import every_of, settings_of
from cluster.errors import UserError
from cluster.feed_watch import FeedWatch
from cluster.feeds import feeds_of, unread_us
from cluster.health import serving
from cluster.listening import check_free, joined
from cluster.local import LocalRuntime
from cluster.logs import configure, logger
from cluster.serve_run import SCALED, LiveRuntime, ServeRun, scaled
from cluster.server import Server
from cluster.sinking import Way, routes, ways
from cluster.snapshot import Board
from cluster.sources import finder_of, gathered, host_and_port, placed
from cluster.stopping import Stopping
from cluster.storing import Stored, Storing, Writer, opened
from cluster.teaching import marks_of
from cluster.writable import file_fault
from detections.catalogue import CATALOGUE
from ingest.enrich import EnrichmentSettings
from ingest.records import Rejected
from ingest.sources import Finder

if TYPE_CHECKING:
    from cluster.delivering import Delivery

MOST_REFUSED = 20  # entries that are told at a start, each in a line
KEPT = ("withheld", "rejected", "shadow")


def serve(config: Path, stopping: Stopping) -> int:
    """Until it is told to stop. Raises UserError where it could not run, KeyboardInterrupt where it was still starting."""
    configuration = load(config, frozenset(CATALOGUE))
    folder = config.parent.resolve()
    configure(configuration.serve.log_level)
    host, port = host_and_port(configuration.serve.listen, f"{config}: [serve] listen")
    sources = gathered(configuration, config)
    finder = finder_of(sources, configuration, config)
    found = ways(configuration, config)
    with ExitStack() as stack:
        store = Store(
            placed(configuration.checkpoints.store or "state", folder),
            dict(configuration.checkpoints.options),
        )
        stack.enter_context(store.lock())
        check_free(sources.listeners)  # all on this machine, whatever the cluster is like
        begin = beginning(store, SERVE)
        for note in begin.notes:
            logger().warning(note)
        configured = configuration.serve.shards or os.cpu_count() or 1
        asked = scaled(begin.manifest, configured)
        settings = replace(
            settings_of(configuration, asked or configured, None),
            checkpoints=True,
            streaming=True,
            silence_us=int(configuration.serve.silence_minutes * MINUTE_US),
            outage_us=int(configuration.serve.outage_minutes * MINUTE_US),
        )
        standing = place_of(begin.manifest) if begin.manifest is not None else None
        feeds = feeds_of(configuration, config, store, begin.manifest, unread_us(standing), is_watched=True)
        runtime = _runtime(configuration, finder, settings, feeds.settings(configuration.enrichment()), store)
        stack.callback(runtime.stop)
        _tell_refused(runtime.rejected)
        say = logger().warning
        run = ServeRun(runtime, store, begin, every_of(configuration), say, finder.journal_octets)
        run.keep_feeds(feeds.packed())
        run.configured = configured
        if asked:
            run.about[SCALED] = [configured, asked]
        alerts = Path(placed(configuration.serve.alerts, folder))
        _made_ready(alerts, config)
        log = AlertLog(alerts)
        writer = Writer(configuration, routes(configuration))
        delivery = _delivery(found, writer)
        storing = None
        if writer.used:
            storing = Storing(Stored(writer, logger().warning, delivery.wake if delivery else lambda: None))
        board = Board()
        kept = {name: _kept(configuration, alerts.parent / f"{name}.jsonl") for name in KEPT}
        server = Server(run, log, board, settings.lateness_us, kept, storing)
        server.ports = finder.ports
        run.keep(feeds.untold())
        server.feeds = watch = FeedWatch(feeds)
        watch.start()
        stack.callback(watch.stop)
        run.marked = marks_of(opened(configuration), say)
        if delivery is not None:
            server.sinks = delivery.now
            delivery.start()
            stack.callback(delivery.stop)
        stopping.stop = server.stop
        stack.enter_context(serving(board, host, port, scale=server.scale))
        stores = opened(configuration) if configuration.console.listen else None
        where = stack.enter_context(beside(configuration, config, stores.all() if stores else [], board))
        if where is not None:
            logger().info("console", address=where)
        logger().info(
            "serving", epoch=begin.last_epoch, shards=settings.shards, health=f"http://{joined(host, port)}"
        )
        if asked:
            logger().info("shards as `redshank scale` asked for", shards=asked, configured=configured)
        server.serve()
    return 0


def _tell_refused(rejected: list[Rejected]) -> None:
    """Entries of the configuration's files. A feed may have a hundred thousand of them."""
    for one in rejected[:MOST_REFUSED]:
        logger().warning("refused", source=one.source, reason=one.reason)
    if len(rejected) > MOST_REFUSED:
        more = len(rejected) - MOST_REFUSED
        logger().warning("refused more; `redshank check` counts them", entries=more)


def _delivery(found: list[Way], writer: Writer) -> Delivery | None:
    """What brings alerts to the sinks."""
    if not found:
        return None
    from cluster.delivering import Delivery

    return Delivery(found, writer.outboxes(), logger().warning)


def _made_ready(alerts: Path, config: Path) -> None:
    """Raises UserError where the alerts could not be written."""
    if fault := file_fault(alerts):
        raise UserError(f"{config}: [serve] alerts: {alerts}: {fault}")
    try:
        alerts.parent.mkdir(parents=True, exist_ok=True)
        with alerts.open("ab"):
            pass
    except OSError as error:
        raise UserError(f"{config}: [serve] alerts: {alerts} can't be written: {error.strerror}") from None


def _runtime(
    configuration: Configuration, finder: Finder, settings: Settings, about: EnrichmentSettings, store: Store
) -> LiveRuntime:
    if configuration.serve.runtime == "loop":
        return LocalRuntime(finder, settings, about, store)
    from cluster.ray_runtime import RayRuntime

    return RayRuntime(finder, settings, about, store, configuration.serve.address)


def _kept(configuration: Configuration, path: Path) -> KeptLines:
    return KeptLines(path, configuration.serve.kept_megabytes << 20, configuration.serve.kept_files)
