"""`redshank status`: how a run stands, for a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.output import plain
from cluster.snapshot import UNSETTLED
from cluster.status import BudgetSpent, Status
from detections.words import counted
from ingest.feed_history import MOST_PAST, FeedNow
from ingest.told_holders import HoldersNow

SHOWN = 10  # sources, reasons and complaints that are listed; the rest is summed up


def show(console: Console, status: Status) -> None:
    """A table of what is known, and one of the sources that are furthest behind."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _rows(status):
        table.add_row(name, escape(plain(text)))
    console.print(table, soft_wrap=False)
    if status.sources:
        console.print(_sources(status))
    for complaint in status.complaints[:SHOWN]:
        console.print(f"[yellow]damaged:[/] {escape(plain(complaint))}", soft_wrap=True, highlight=False)
    if len(status.complaints) > SHOWN:
        console.print(f"and {len(status.complaints) - SHOWN} complaints more")


def _rows(status: Status) -> Iterator[tuple[str, str]]:
    yield "Place", status.place
    yield (
        "Checkpoint",
        f"epoch {status.epoch}, written {in_words(status.age_s)} ago ({moment(status.written_us)})",
    )
    yield "Run", _standing(status)
    yield from _records(status)
    begun = status.sources_finished + len(status.sources)
    if begun:
        yield "Sources", f"{begun:,} begun, {status.sources_finished:,} of them at their end"
    if status.watermark_us is not None:
        yield "Watermark", moment(status.watermark_us)
    if status.closed_until_us is not None:
        yield "Hours closed", f"until {moment(status.closed_until_us)}"
    yield "Open hours", _hours(status.open_hours)
    if status.holders is not None:
        yield "Inventory", told_of(status.holders)
    for number, feed in enumerate(status.feeds[:SHOWN]):
        yield "" if number else "Feeds", _feed(feed)
    if len(status.feeds) > SHOWN:
        yield "", f"and {len(status.feeds) - SHOWN:,} more"
    for layer, since in sorted(status.layers_since_us.items()):
        yield f"{layer.replace('_', ' ').capitalize()} known", f"since {moment(since)}"
    stored = status.stored
    kinds = ", ".join(f"{kind} {size(octets)}" for kind, octets in sorted(stored.by_kind.items()))
    yield (
        "Stored",
        f"{size(stored.octets)} in {counted(stored.parts, 'part')} ({kinds}), by {counted(status.shards, 'shard')}",
    )
    yield "Entities", _entities(status)
    if status.budget is not None:
        yield "Alert budget", _budget(status.budget)
        for day in status.budget.days:
            yield "", f"{day.day}: {day.told:,} told, {day.withheld:,} withheld by the budget"


def _standing(status: Status) -> str:
    if status.state == "delivered":
        told = "at its end, its alerts were delivered"
        return f"{told}; a run holds the store now" if status.in_use else told
    told = "all input is read, its alerts are not delivered yet" if status.state == "read" else "under way"
    return f"{told}; it runs now" if status.in_use else f"{told}; nobody runs it now: start it again"


def _records(status: Status) -> Iterator[tuple[str, str]]:
    fates = status.records
    if fates is None:
        return
    numbers = {
        "applied": fates.applied,
        "late": fates.late,
        "rejected": fates.rejected,
        "filtered": sum(fates.filtered.values()),
    }
    yield (
        "Records",
        f"{fates.read:,} read: " + ", ".join(f"{many:,} {fate}" for fate, many in numbers.items()),
    )
    if fates.lost:
        yield "", f"lost before they came here: {counted(fates.lost, 'flow')}"
    if fates.unsettled:
        yield "", f"{UNSETTLED}: {counted(fates.unsettled, 'flow')}"
    for reason, number in sorted(fates.filtered.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]:
        yield "", f"filtered {number:,}: {reason}"


def _hours(open_hours: list[int]) -> str:
    if not open_hours:
        return "none"
    first, last = moment(open_hours[0]), moment(open_hours[-1])
    return first if first == last else f"{len(open_hours)}, from {first} to {last}"


def _budget(budget: BudgetSpent) -> str:
    alerts = "alert" if budget.a_day == 1 else "alerts"
    said = f"{budget.a_day:g} false {alerts} a day, of the detections that state a chance"
    return said if budget.days else f"{said}; no hour was closed with it yet"


def told_of(holders: HoldersNow) -> str:
    """What telemetry told of who holds which address."""
    if not holders.newest_us and not holders.addresses:
        return "telemetry has told of no address yet"
    both = f"{counted(holders.addresses, 'address', 'addresses')} of {counted(holders.resources, 'resource')}"
    since = (
        f"known since {moment(holders.since_us)}" if holders.since_us else "the first of them always known"
    )
    newest = f", the newest told at {moment(holders.newest_us)}" if holders.newest_us else ""
    refused = f"; {holders.refused:,} beyond the bound were refused" if holders.refused else ""
    taken = f"; pictures taken for full pages of larger ones: {holders.pages:,}" if holders.pages else ""
    hurried = (
        f"; {holders.hurried:,} changes counted before all older ones had come" if holders.hurried else ""
    )
    return f"{both}, {since}{newest}{refused}{taken}{hurried}"


def _feed(feed: FeedNow) -> str:
    ended = f", {feed.ended:,} more in earlier hours" if feed.ended else ""
    lost = f"; {feed.forgotten:,} of earlier hours are not known any more, beyond {MOST_PAST:,}"
    refused = f"; {feed.refused:,} refused" if feed.refused else ""
    return f"{feed.name}: {counted(feed.indicators, 'indicator')}{ended}{refused}{lost if feed.forgotten else ''}"


def _entities(status: Status) -> str:
    if status.entities is None:
        return "not counted, the state is too large to be read for that"
    return ", ".join(f"{number:,} {kind}s" for kind, number in sorted(status.entities.items())) or "none"


def _sources(status: Status) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Source, the furthest behind first", overflow="fold")
    table.add_column("Read until (UTC)", no_wrap=True)
    for source in status.sources[:SHOWN]:
        until = moment(source.frontier_us) if source.frontier_us else "nothing yet"
        table.add_row(escape(plain(source.name)), until)
    rest = status.sources[SHOWN:]
    if rest:
        table.add_row(f"and {len(rest):,} more", f"until {moment(rest[-1].frontier_us)}")
    return table


def moment(at_us: int) -> str:
    """A time as a person writes it.

    >>> moment(1_767_571_500_000_000), moment(1 << 62)
    ('2026-01-05 00:05:00 UTC', 'a time that is no time')
    """
    try:
        return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "a time that is no time"


def in_words(seconds: float) -> str:
    """A span in one or two units.

    >>> in_words(0.4), in_words(61), in_words(7_380), in_words(180_000)
    ('less than a second', '1 minute 1 second', '2 hours 3 minutes', '2 days 2 hours')
    """
    left, told = int(seconds), list[str]()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        number, left = divmod(left, length)
        if number:
            told.append(f"{number:,} {unit}{'s' if number > 1 else ''}")
        elif told:
            break
    return " ".join(told[:2]) or "less than a second"


def size(octets: int) -> str:
    """Octets as a person reads them.

    >>> size(999), size(1_208_031), size(53_000_000_000)
    ('999 B', '1.2 MB', '53.0 GB')
    """
    if octets < 1_000:
        return f"{octets} B"
    value, units = octets / 1_000, ["kB", "MB", "GB", "TB"]
    while value >= 999.95 and len(units) > 1:
        value /= 1_000
        del units[0]
    return f"{value:.1f} {units[0]}"
