"""`redshank report`: what is asked; `cluster.report_making` does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cluster.cli_alerts import places
from cluster.cli_incidents import FILE


@click.command()
@click.argument("file", type=FILE, required=False)
@places
@click.option(
    "--since", metavar="WHEN", help="A date, a time, or how long ago: 7d, 12h; by default the first alert."
)
@click.option("--until", metavar="WHEN", help="By default now; of FILE, the end of its last alert.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The report (.html).")
@click.option("--pdf", is_flag=True, help="A PDF beside it too, printed by Chromium.")
@click.option("--language", type=click.Choice(["en", "ja"]), default="en", show_default=True)
@click.option(
    "--most",
    type=click.IntRange(0, 1_000),
    default=100,
    show_default=True,
    help="Alerts told one by one, the gravest first.",
)
def report(**asked: Any) -> int:
    """A report as one HTML file that loads nothing: numbers, incidents as stories, alerts with their pictures.

    Of FILE ('-' is standard input), or of the store (--config, --store); with --config how the sources stand too.
    """
    from cluster.report_making import make

    return make(**asked)
