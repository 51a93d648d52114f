"""`redshank sinks` and `redshank alerts sample`: how delivery stands, and delivery without a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from alerts.output import plain
from alerts.routing import word
from alerts.samples import samples
from alerts.sinks.base import NotNowError, RefusedError, short
from alerts.store.opening import AlertStoreError
from alerts.store.outbox import Backlog, Outbox
from cluster.asked import stamp
from cluster.config import Configuration, load
from cluster.delivering import Delivery
from cluster.errors import UserError
from cluster.sinking import Way, routes, ways
from cluster.storing import Writer
from detections.catalogue import CATALOGUE

AFTER_DETECT_S = 60.0
GONE = "not in the configuration any more"


class Standing(msgspec.Struct, kw_only=True):
    """How a sink stands, from all stores; `--json` is this."""

    name: str
    kind: str
    waiting: int = 0
    waiting_since: str | None = None
    delivered: int = 0  # in the last 30 days
    delivered_last: str | None = None
    dead: int = 0
    held: int = 0
    error: str = ""


@contextmanager
def _known(config: Path) -> Iterator[Configuration]:
    """A configuration with sinks; whatever the store says is one line."""
    configuration = load(config, frozenset(CATALOGUE))
    if not configuration.sinks:
        raise UserError(f"{config}: has no [[sinks]]: name = '...' and kind = '...' were expected")
    try:
        yield configuration
    except AlertStoreError as error:
        raise UserError(str(error)) from None


def status(config: Path, as_json: bool) -> int:
    """Every sink; also what waits for one that the configuration does not name any more."""
    with _known(config) as configuration:
        found = standings(configuration, Writer(configuration).outboxes())
    if as_json:
        click.echo(msgspec.json.encode(found, order="sorted").decode())
        return 0
    for one in found:
        click.echo(f"{one.name} ({one.kind})")
        since = f", the oldest since {one.waiting_since}" if one.waiting_since else ""
        click.echo(f"  waiting: {one.waiting:,}{since}")
        last = f", the last at {one.delivered_last}" if one.delivered_last else ""
        click.echo(f"  delivered: {one.delivered:,}{last}")
        if one.held:
            click.echo(f"  held back by the day's bound: {one.held:,}")
        if one.dead:
            click.echo(f"  given up: {one.dead:,} (`redshank sinks retry {one.name}` puts them back)")
        if one.error:
            click.echo(f"  last error: {plain(one.error)}")
    return 0


def standings(configuration: Configuration, outboxes: Sequence[Outbox]) -> list[Standing]:
    """Those of the configuration first."""
    kinds = {table.name: str(table.kind) for table in configuration.sinks}
    gone = {name for outbox in outboxes for name in outbox.sinks()} - set(kinds)
    found = [_standing(name, kind, outboxes) for name, kind in kinds.items()]
    left = [_standing(name, GONE, outboxes) for name in sorted(gone)]
    return found + [one for one in left if one.waiting or one.dead]


def _standing(name: str, kind: str, outboxes: Sequence[Outbox]) -> Standing:
    backlogs = [outbox.backlog(name) for outbox in outboxes]
    told = [outbox.told(name) for outbox in outboxes]
    return Standing(
        name=name,
        kind=kind,
        waiting=sum(one.waiting for one in backlogs),
        waiting_since=_time([one.oldest for one in backlogs], min),
        delivered=sum(number for number, _ in told),
        delivered_last=_time([last for _, last in told], max),
        dead=sum(one.dead for one in backlogs),
        held=sum(one.held for one in backlogs),
        error=next((one.error for one in backlogs if one.error), ""),
    )


def _time(said: Sequence[float | None], which: Callable[[list[float]], float]) -> str | None:
    times = [one for one in said if one is not None]
    return stamp(datetime.fromtimestamp(which(times), UTC)) if times else None


def retry(name: str, config: Path) -> int:
    """Put dead ones back."""
    with _known(config) as configuration:
        outboxes = Writer(configuration).outboxes()
        names = {table.name for table in configuration.sinks}
        if name not in names:
            raise click.BadParameter(
                f"{name!r}: no such sink; there are: {', '.join(sorted(names))}", param_hint="NAME"
            )
        again = sum(outbox.retry(name, time.time()) for outbox in outboxes)
        waiting = sum(outbox.backlog(name).waiting for outbox in outboxes)
    click.echo(f"{name}: {again:,} put back, {waiting:,} wait now")
    return 0


def deliver(config: Path, seconds: float) -> int:
    """Deliver what waits."""
    with _known(config) as configuration:
        outboxes = Writer(configuration).outboxes()
        found = ways(configuration, config)
        drain(found, outboxes, seconds)
        return _told([(way.name, [one.backlog(way.name) for one in outboxes]) for way in found])


def deliver_after(config: Path, quiet: bool) -> None:
    """What a run has found; what is not taken now waits on, and that is said."""
    with _known(config) as configuration:
        outboxes = Writer(configuration).outboxes()
        found = ways(configuration, config)
        drain(found, outboxes, AFTER_DETECT_S)
        for way in found:
            backlogs = [one.backlog(way.name) for one in outboxes]
            left = sum(one.waiting + one.dead for one in backlogs)
            if left or not quiet:
                what = _left(backlogs) or "all is delivered"
                click.echo(f"sink {way.name}: {what}", err=True)


def sample(config: Path, seconds: float) -> int:
    """One alert of each type, through the store and its outbox as any other."""
    with _known(config) as configuration:
        found = ways(configuration, config)
        writer = Writer(configuration, routes(configuration))
        raised = samples(int(time.time()) * 1_000_000)
        writer.write(raised)
        click.echo(f"{len(raised)} samples raised")
        outboxes = writer.outboxes()
        counts = drain(found, outboxes, seconds)
        for way in found:
            meant = sum(word(way.route, one, None) is not None for one in raised) * len(way.route.targets)
            rest = f"; its filters leave out {len(raised) - meant:,}" if meant < len(raised) else ""
            click.echo(f"{way.name}: {counts[way.name]:,} of {meant:,} delivered{rest}")
        return _told([(way.name, [one.backlog(way.name) for one in outboxes]) for way in found])


def drain(found: Sequence[Way], outboxes: Sequence[Outbox], seconds: float) -> dict[str, int]:
    """Deliver until nothing waits, or so long; how many each sink took. A server may do the same meanwhile."""
    delivery = Delivery(found, outboxes, lambda *_, **__: None)
    delivery.start()
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end and any(
            outbox.backlog(way.name).waiting for way in found for outbox in outboxes
        ):
            time.sleep(0.1)
    finally:
        delivery.stop()
    return {one.name: one.delivered for one in delivery.now()}


def _told(found: Sequence[tuple[str, Sequence[Backlog]]]) -> int:
    left = 0
    for name, backlogs in found:
        if what := _left(backlogs):
            click.echo(f"{name}: {what}", err=True)
            left += 1
    return 3 if left else 0


def _left(backlogs: Sequence[Backlog]) -> str:
    waiting, dead = sum(one.waiting for one in backlogs), sum(one.dead for one in backlogs)
    said = [f"{waiting:,} wait"] if waiting else []
    said += [f"{dead:,} were given up"] if dead else []
    error = next((one.error for one in backlogs if one.error), "")
    return ", ".join(said) + (f": {plain(error)}" if said and error else "")


def checked(way: Way) -> tuple[bool, str]:
    """Whether a sink can be reached, and what was found."""
    try:
        return True, way.sink.check()
    except (NotNowError, RefusedError) as error:
        return False, str(error)
    except Exception as error:
        return False, short(f"our fault, please report it: {error!r}")
    finally:
        way.sink.close()
