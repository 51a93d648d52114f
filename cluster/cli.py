"""The command line. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cluster.cli_alerts import alerts
from cluster.cli_console import console
from cluster.cli_incidents import incidents
from cluster.cli_report import report
from cluster.cli_sinks import sample, sinks
from cluster.errors import UserError
from ingest.errors import ConfigurationError

F = TypeVar("F", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="redshank")
def cli() -> None:
    """Threat detection for a cloud's service layer: telemetry in, explained alerts out."""


@cli.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration (TOML).")
@click.option("--alerts", type=click.Path(path_type=Path), help="Write the alerts here (.jsonl or .json).")
@click.option("--shards", type=click.IntRange(1, 4096), help="Shard actors; by default one a core.")
@click.option("--runtime", type=click.Choice(["ray", "loop"]), default="ray", show_default=True)
@click.option("--address", help="Run on an existing Ray cluster.")
@click.option(
    "--state", metavar="DIR|URL", help="Go on from what was learned there; save it there, as the run goes on."
)
@click.option("--quiet", is_flag=True, help="No progress, no summary.")
@click.option(
    "--deliver", is_flag=True, help="Deliver the alerts to the [[sinks]] of the configuration at the end."
)
def detect(deliver: bool, **options: Any) -> int:
    """Read files and folders (IPFIX, Activity Log, Key Vault audit logs) and raise the alerts.

    Formats are found by content, gzip and zstd too; '-' is standard input. Exit status: 0 it ran, 1 it could
    not run, 2 bad arguments, 3 it ran and some input was rejected.
    """
    from rich.console import Console

    from cluster.detect import Options, detecting
    from cluster.reporting import check_output, report
    from cluster.storing import store_alerts, stores_of

    if wrong := check_output(options["alerts"]):
        raise click.BadParameter(wrong, param_hint="--alerts")
    if options["address"] and options["runtime"] != "ray":
        raise click.UsageError("--address is for --runtime ray")
    chosen = Options(**options)
    out, err = Console(emoji=False), Console(stderr=True)
    stores = stores_of(chosen.config, deliver)
    with detecting(chosen, err) as result:
        status = report(result, chosen.alerts, chosen.quiet, out, err)
        store_alerts(stores, result.outcome.alerts)
    if deliver and chosen.config:
        from cluster.sink_commands import deliver_after

        deliver_after(chosen.config, chosen.quiet)
    return status


@cli.command()
@click.option("--config", type=click.Path(path_type=Path), required=True, help="Configuration (TOML).")
def serve(config: Path) -> int:
    """Read live sources and raise alerts as they come, until it is stopped. Its state survives whatever dies."""
    from cluster.stopping import Stopping, in_order

    def begin(stopping: Stopping) -> int:
        from cluster.serving import serve as run

        return run(config, stopping)

    return in_order(begin)


@cli.command()
@click.argument("shards", type=click.IntRange(1, 4096))
@click.option("--config", type=click.Path(path_type=Path), required=True, help="That of the server.")
def scale(shards: int, config: Path) -> int:
    """Have a server on this machine go on with so many shards; what they know moves with them."""
    from cluster.scaling import ask

    return ask(config, shards)


@cli.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--days", type=click.IntRange(1, 400), default=60, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True)
@click.option(
    "--attack", "attacks", multiple=True, metavar="TYPE", help="Only these attacks; by default all."
)
@click.option(
    "--kind", default="default", show_default=True, metavar="NAME", help="The kind of organisation."
)
@click.option(
    "--strength", default="loud", show_default=True, help="Of the attacks: loud, moderate or faint."
)
@click.option("--sign-ins", is_flag=True, help="With Entra's sign-in logs beside the others.")
def simulate(
    out: Path, days: int, seed: int, attacks: tuple[str, ...], kind: str, strength: str, sign_ins: bool
) -> int:
    """Make an organisation's telemetry with attacks in it, in the real wire formats."""
    from cluster.simulating import run

    return run(out, days, seed, attacks, kind, strength, sign_ins)


@cli.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it here; else it is printed."
)
def inventory(inputs: tuple[Path, ...], out: Path | None) -> int:
    """Who held which address when, from the Activity Log and from answers of Azure Resource Graph.

    Gives a file for [inventory] path. Earlier inventories (CSV) may be among the inputs: their lines are kept. Exit
    status 3: it was made, and something could not be read.
    """
    from cluster.inventorying import run

    return run(inputs, out)


@cli.command()
@click.argument("type_", metavar="[TYPE]", required=False)
def catalogue(type_: str | None) -> int:
    """The detections: what, why, learning period, remediation."""
    from cluster.showing import show_catalogue, show_detection

    return show_detection(type_) if type_ else show_catalogue()


cli.add_command(alerts)
cli.add_command(incidents)
cli.add_command(report)
alerts.add_command(sample)
cli.add_command(sinks)
cli.add_command(console)


@cli.command()
@click.argument("id_", metavar="ID")
@click.option(
    "--alerts",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    required=True,
    help="The file of alerts that it is in; '-' is standard input.",
)
@click.option("--picture", type=click.Path(path_type=Path), help="Draw it too (.svg or .png).")
def explain(id_: str, alerts: Path, picture: Path | None) -> int:
    """Why an alert was raised: what was seen, what is usual, how improbable it is. ID may be its beginning."""
    from cluster.explaining import check_picture
    from cluster.explaining import explain as run

    if wrong := check_picture(picture):
        raise click.BadParameter(wrong, param_hint="--picture")
    return run(id_, alerts, picture)


@cli.command()
@click.option("--config", type=click.Path(path_type=Path), required=True, help="Configuration (TOML).")
def check(config: Path) -> int:
    """Validate a configuration, read every file that it names, and reach every source and sink; nothing is sent.

    Exit status: 0 all is well; 1 it can't be used; 3 entries of its files are refused, or a source or a sink can't
    be reached.
    """
    from cluster.checking import run

    return run(config)


@cli.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--config", type=click.Path(path_type=Path), required=True, help="The new configuration.")
@click.option("--against", type=click.Path(path_type=Path), required=True, help="The one that is used now.")
@click.option("--runtime", type=click.Choice(["ray", "loop"]), default="loop", show_default=True)
@click.option("--json", type=click.Path(path_type=Path), help="Write all that differs here.")
@click.option("--quiet", is_flag=True, help="No progress, no table, no summary.")
def backtest(**options: Any) -> int:
    """What a new configuration would have made of recorded telemetry: which alerts come, go, and change.

    Both run over all of INPUT from its beginning; no state is read or written, and no alert is sent anywhere.
    Exit status: 0 it ran, whatever differs; 1 it could not run; 2 bad arguments.
    """
    from rich.console import Console

    from cluster.backtest import Asked
    from cluster.backtest import backtest as run
    from cluster.reporting import check_output

    if wrong := check_output(options["json"], (".json",)):
        raise click.BadParameter(wrong, param_hint="--json")
    return run(Asked(**options), Console(emoji=False), Console(stderr=True))


CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), help="Configuration (TOML); how an object store is opened."
)


@cli.command()
@click.argument("place", metavar="DIR|URL")
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def status(place: str, config: Path | None, as_json: bool) -> int:
    """How the run stands that saves its state there, by its last checkpoint. A run may be going on."""
    from cluster.state_commands import show_status

    return show_status(place, config, as_json)


@cli.group()
def state() -> None:
    """Back-up and restore of what was learned."""


@state.command()
@click.argument("place", metavar="DIR|URL")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.tar.zst")
@CONFIG
def backup(place: str, file: Path, config: Path | None) -> int:
    """Write the newest checkpoint to one file, each part checked. A run may be going on."""
    from cluster.state_commands import run_backup

    return run_backup(place, file, config)


@state.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.tar.zst")
@click.argument("place", metavar="DIR|URL")
@click.option("--replace", is_flag=True, help="Give up the checkpoints that are there.")
@CONFIG
def restore(file: Path, place: str, replace: bool, config: Path | None) -> int:
    """Put a back-up in place: a run with this state goes on from it. No run may be using it."""
    from cluster.state_commands import run_restore

    return run_restore(file, place, replace, config)


def _stopped(*_: object) -> None:
    """As by the keyboard; not as another signal: a shell has SIGINT ignored by what it runs in the background."""
    raise KeyboardInterrupt


def main() -> None:
    """The `redshank` command: one line for what a user can mend, never a traceback."""
    signal.signal(signal.SIGTERM, _stopped)
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("redshank: stopped", err=True)
        status = 1
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (UserError, ConfigurationError) as error:
        click.echo(f"redshank: {error}", err=True)
        status = 1
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not complain of it once more at its end.
        sys.stderr.close()
        status = 0
    except OSError as error:
        click.echo(f"redshank: {error.filename or 'its output'}: {error.strerror}", err=True)
        status = 1
    sys.exit(status if isinstance(status, int) else 0)
