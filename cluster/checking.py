"""`redshank check`: a configuration, every file that it names, every source and every sink."""

from __future__ import annotations

import errno
from pathlib import Path

import click

from cluster.checkpoints import Store
from cluster.config import Configuration, load
from cluster.detect import settings_of
from cluster.errors import UserError
from cluster.feed_http import FeedError
from cluster.feeds import feeds_of, sources_of
from cluster.listening import Listener, fault_of, mend
from cluster.reaching import reach
from cluster.sources import pages, placed
from cluster.status import opened as opened_state
from cluster.status import status_of
from cluster.status_text import told_of
from cluster.storing import opened
from cluster.writable import wrong_outputs
from detections.catalogue import CATALOGUE
from detections.words import counted
from ingest.enrich import Enrichment
from ingest.records import Rejected


def run(config: Path) -> int:
    """Say what is there and what is wrong with it; 0 if nothing is, 3 if entries are refused or a source or sink can't
    be reached."""
    configuration = load(config, frozenset(CATALOGUE))
    listeners = pages(configuration, config)
    enrichment, rejected = Enrichment.build(configuration.enrichment())
    click.echo(f"{config}: read without errors")
    settings = settings_of(configuration, 1, None)
    click.echo(f"  detections on: {len(CATALOGUE) - len(settings.disabled)} of {len(CATALOGUE)}")
    if settings.shadow:
        click.echo(f"  of them in shadow, recorded but not alerted: {', '.join(sorted(settings.shadow))}")
    if settings.budget is not None:
        sharing = counted(len(settings.sharing_budget()), "detection")
        click.echo(f"  alert budget: {settings.budget:g} false alerts a day, shared by {sharing}")
    click.echo(f"  resources in the inventory: {len(enrichment.inventory.ids):,}")
    if configuration.inventory.networks:
        click.echo(f"  networks whose addresses count as ours: {len(configuration.inventory.networks)}")
    if configuration.inventory.from_telemetry:
        click.echo(f"  told by telemetry, too: {_told(configuration, config)}")
    click.echo(f"  feeds of threat intelligence: {len(configuration.threat_intel.feeds)}")
    wrong = _wrong_feeds(configuration, config, rejected)
    if urls := configuration.stores():
        opened(configuration)
        click.echo(f"  stores of alerts: {len(urls)}, can be used")
    for one in rejected[:20]:
        click.echo(f"  refused: {one.source}, line {one.offset}: {one.reason}")
    if len(rejected) > 20:
        click.echo(f"  and {len(rejected) - 20:,} more")
    wrong += _wrong_sources(configuration, config) + _wrong_sinks(configuration, config)
    wrong += _wrong_provider(configuration) + _wrong_outputs(configuration, config)
    wrong += _wrong_pages(listeners, configuration, config)
    return 3 if rejected or wrong else 0


def _told(configuration: Configuration, config: Path) -> str:
    """How much of that a server has been told by now."""
    try:
        holders = status_of(_state(configuration, config)).holders
    except UserError:
        return "no run has kept anything of it yet"
    return told_of(holders) if holders is not None else "no run has kept anything of it yet"


def _state(configuration: Configuration, config: Path) -> Store:
    """Raises UserError where there is none."""
    place = placed(configuration.checkpoints.store or "state", config.parent.resolve())
    return opened_state(place, dict(configuration.checkpoints.options))


def _wrong_feeds(configuration: Configuration, config: Path, rejected: list[Rejected]) -> int:
    """Ask those that are far, and say what they answer; how many can't be had."""
    if configuration.threat_intel.history is not None:
        feeds = feeds_of(configuration, config, None, None, 0)
        click.echo(
            f"  as an earlier run read them: {counted(len(feeds.indicators()), 'indicator')}, with their times"
        )
        return 0
    wrong = 0
    for source in sources_of(configuration):
        try:
            said = source.ask({}) if source.is_far else None
        except FeedError as error:
            wrong += 1
            click.echo(f"  feed {source.shown}: WRONG: {error}")
            continue
        if said is not None:
            rejected += said.refused
            click.echo(f"  feed {source.shown}: can be read; {counted(len(said.entries), 'indicator')}")
    return wrong


def _wrong_sources(configuration: Configuration, config: Path) -> int:
    """Say of each source whether it can be read; how many can't."""
    wrong = 0
    for one in reach(configuration, config):
        wrong += one.is_wrong
        click.echo(f"  {one.where}: {'WRONG: ' if one.is_wrong else ''}{one.said}")
    return wrong


def _wrong_sinks(configuration: Configuration, config: Path) -> int:
    """Reach every sink and send nothing; how many can't be reached."""
    if not configuration.sinks:
        return 0
    from cluster.sink_commands import checked
    from cluster.sinking import ways

    wrong = 0
    for way in ways(configuration, config):
        reached, what = checked(way)
        click.echo(f"  sink {way.name} ({way.kind}): {'' if reached else 'WRONG: '}{what}")
        wrong += not reached
    return wrong


def _wrong_outputs(configuration: Configuration, config: Path) -> int:
    """Say where a server could not write; in how many places. Without sources there is no server."""
    faults = list(wrong_outputs(configuration, config)) if configuration.sources else []
    for fault in faults:
        click.echo(f"  {fault}")
    return len(faults)


def _wrong_pages(listeners: list[Listener], configuration: Configuration, config: Path) -> int:
    """Say where a server could not answer; in how many places. A port that it has already is none."""
    taken = [(one, fault) for one in listeners if (fault := fault_of(one)) is not None]
    if taken and all(fault.errno == errno.EADDRINUSE for _, fault in taken) and _runs(configuration, config):
        click.echo(
            "  a server runs with these checkpoints: that the ports of its pages are taken is no fault"
        )
        return 0
    for one, fault in taken:
        click.echo(f"  {one.where.removeprefix(f'{config}: ')}: WRONG: {one.shown}: {mend(fault)}")
    return len(taken)


def _runs(configuration: Configuration, config: Path) -> bool:
    try:
        return _state(configuration, config).in_use()
    except UserError:
        return False


def _wrong_provider(configuration: Configuration) -> int:
    """Ask the console's OpenID Connect provider whether it is there; 1 where it is not."""
    from cluster.consoling import asked_provider

    told = asked_provider(configuration)
    if told is None:
        return 0
    answers, what = told
    click.echo(f"  [console.oidc]: {'' if answers else 'WRONG: '}{what}")
    return int(not answers)
