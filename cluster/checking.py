"""`redshank check`: a configuration, every file that it names, and every sink."""

from __future__ import annotations

from pathlib import Path

import click

from cluster.config import Configuration, load
from cluster.detect import settings_of
from cluster.storing import opened
from detections.catalogue import CATALOGUE
from ingest.enrich import Enrichment


def run(config: Path) -> int:
    """Say what is there and what is wrong with it; 0 if nothing is, 1 if a sink can't be used, 3 if
    some entries are refused."""
    configuration = load(config, frozenset(CATALOGUE))
    enrichment, rejected = Enrichment.build(configuration.enrichment())
    click.echo(f"{config}: read without errors")
    settings = settings_of(configuration, 1, None)
    click.echo(f"  detections on: {len(CATALOGUE) - len(settings.disabled)} of {len(CATALOGUE)}")
    if settings.shadow:
        click.echo(f"  of them in shadow, recorded but not alerted: {', '.join(sorted(settings.shadow))}")
    click.echo(f"  resources in the inventory: {len(enrichment.inventory.ids):,}")
    if configuration.inventory.networks:
        click.echo(f"  networks whose addresses count as ours: {len(configuration.inventory.networks)}")
    click.echo(f"  feeds of threat intelligence: {len(configuration.threat_intel.feeds)}")
    if urls := configuration.stores():
        opened(configuration)
        click.echo(f"  stores of alerts: {len(urls)}, can be used")
    wrong = _sinks(configuration, config)
    for one in rejected[:20]:
        click.echo(f"  refused: {one.source}, line {one.offset}: {one.reason}")
    if len(rejected) > 20:
        click.echo(f"  and {len(rejected) - 20:,} more")
    return 1 if wrong else 3 if rejected else 0


def _sinks(configuration: Configuration, config: Path) -> int:
    """Reach every sink and send nothing; how many can't be reached."""
    if not configuration.sinks:
        return 0
    from cluster.sink_commands import checked
    from cluster.sinking import ways

    wrong = 0
    for way in ways(configuration, config):
        reached, what = checked(way)
        click.echo(f"  sink {way.name} ({way.kind}): {'' if reached else 'CAN NOT BE USED: '}{what}")
        wrong += not reached
    return wrong
