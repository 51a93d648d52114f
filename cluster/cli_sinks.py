"""`redshank sinks`: what is asked; `cluster.sink_commands` does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), required=True, help="Configuration with [[sinks]]."
)


@click.group()
def sinks() -> None:
    """Where alerts are delivered: what waits, what was given up, and how to put it back."""


@sinks.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def status(**options: Any) -> int:
    """What waits, was delivered, was held back by a bound, and was given up, for each sink."""
    from cluster.sink_commands import status as run

    return run(**options)


@sinks.command()
@click.argument("name")
@CONFIG
def retry(**options: Any) -> int:
    """Put what was given up back into the outbox of the sink NAME, and have it tried now.

    A server that runs delivers it; else `redshank sinks deliver` does.
    """
    from cluster.sink_commands import retry as run

    return run(**options)


SECONDS = click.option(
    "--seconds",
    type=click.FloatRange(0.1, 86_400),
    default=60.0,
    show_default=True,
    help="At the latest after so long; what is left waits on.",
)


@sinks.command()
@CONFIG
@SECONDS
def deliver(**options: Any) -> int:
    """Deliver what waits, and come to an end. Exit status 3: something is left, or was given up."""
    from cluster.sink_commands import deliver as run

    return run(**options)


@click.command()
@CONFIG
@SECONDS
def sample(**options: Any) -> int:
    """Raise one alert of each type, marked as a sample, and deliver it through every sink."""
    from cluster.sink_commands import sample as run

    return run(**options)
