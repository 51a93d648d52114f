"""`redshank status` and `redshank state`: what the command line does with a store beside the run."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from actors.settings import MINUTE_US
from cluster.checkpoints import Store
from cluster.config import Configuration, load
from detections.catalogue import CATALOGUE
from detections.words import counted


def _configuration(config: Path | None) -> Configuration:
    return load(config, frozenset(CATALOGUE))


def show_status(place: str, config: Path | None, as_json: bool) -> int:
    """For a person, or as JSON."""
    from rich.console import Console

    from cluster.status import opened, status_of
    from cluster.status_text import show

    about = _configuration(config)
    store = opened(place, dict(about.checkpoints.options))
    status = status_of(store, int(about.engine.lateness_minutes * MINUTE_US))
    if as_json:
        click.echo(msgspec.json.encode(status, order="sorted"))
    else:
        show(Console(emoji=False), status)
    return 0


def run_backup(place: str, file: Path, config: Path | None) -> int:
    """Tell what was written."""
    from cluster.backup import SUFFIX, backup
    from cluster.status import opened
    from cluster.status_text import moment, size

    if not file.name.endswith(SUFFIX):
        raise click.BadParameter(f"{file}: the name must end in {SUFFIX}", param_hint="FILE")
    kept = backup(opened(place, dict(_configuration(config).checkpoints.options)), file)
    for complaint in kept.complaints:
        click.echo(f"redshank: {complaint}", err=True)
    click.echo(
        f"{file}: epoch {kept.epoch}, written {moment(kept.written_us)}, {counted(kept.parts, 'part')}, "
        f"{size(kept.octets)} in {size(file.stat().st_size)}"
    )
    return 0


def run_restore(file: Path, place: str, replace: bool, config: Path | None) -> int:
    """Tell what is in place now."""
    from cluster.restore import restore
    from cluster.status_text import moment, size

    kept = restore(file, Store(place, dict(_configuration(config).checkpoints.options)), replace)
    click.echo(
        f"{place}: holds epoch {kept.epoch} now, written {moment(kept.written_us)}, {counted(kept.parts, 'part')}, "
        f"{size(kept.octets)}"
    )
    return 0
