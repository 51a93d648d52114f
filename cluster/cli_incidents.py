"""`redshank incidents`: what is asked; `cluster.incidents` does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cluster.cli_alerts import SEVERITIES, places

FILE = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)


@click.group()
def incidents() -> None:
    """Alerts that belong together, as one story: of a file of alerts, or of the store."""


@incidents.command("list")
@click.argument("file", type=FILE, required=False)
@places
@click.option("--since", metavar="WHEN", help="A date, a time, or how long ago: 7d, 12h.")
@click.option("--until", metavar="WHEN")
@click.option("--severity", type=SEVERITIES, help="Of the incident.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--single", is_flag=True, help="Those of a single alert too.")
@click.option("--json", "as_json", is_flag=True, help="Whole, an incident a line: story, graph and all.")
def list_(**asked: Any) -> int:
    """The incidents of FILE ('-' is standard input), or of the store (--config, --store), the newest first."""
    from cluster.incidents import show_list

    return show_list(**asked)


@incidents.command()
@click.argument("which", nargs=-1, required=True, metavar="[FILE] ID")
@places
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw its time line too (.svg or .png).")
def show(
    which: tuple[str, ...], config: Path | None, store: str | None, as_json: bool, picture: Path | None
) -> int:
    """One incident: how grave and why, its story in the order of time, who is connected with whom.

    ID may be its beginning, that of an incident which became part of it, or that of one of its alerts.
    """
    from cluster.explaining import check_picture
    from cluster.incidents import show_one

    if len(which) > 2:
        raise click.UsageError("FILE and ID were expected, or ID with --config or --store")
    if len(which) == 2 and (config or store):
        raise click.UsageError("either FILE or --config or --store")
    if wrong := check_picture(picture):
        raise click.BadParameter(wrong, param_hint="--picture")
    file = FILE.convert(which[0], None, click.get_current_context()) if len(which) == 2 else None
    return show_one(file, which[-1], config, store, as_json, picture)
