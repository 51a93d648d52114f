"""`redshank console`: what is asked; `cluster.consoling` does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cluster.cli_alerts import places


@click.group(invoke_without_command=True)
@places
@click.option("--listen", metavar="HOST:PORT", help="By default [console] listen, or 127.0.0.1:8321.")
@click.pass_context
def console(context: click.Context, config: Path | None, store: str | None, listen: str | None) -> Any:
    """Alerts, and the work on them, as a web page; without a command it serves until it is stopped."""
    if context.invoked_subcommand is not None:
        return None
    from cluster.consoling import run

    return run(config, store, listen)
