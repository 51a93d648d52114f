"""`redshank console`: what is asked; `cluster.consoling` and `cluster.console_people` do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cluster.cli_alerts import places

ROLE = click.Choice(["viewer", "analyst", "admin"])


@click.group(invoke_without_command=True)
@places
@click.option("--listen", metavar="HOST:PORT", help="By default [console] listen, or 127.0.0.1:8321.")
@click.pass_context
def console(context: click.Context, config: Path | None, store: str | None, listen: str | None) -> Any:
    """Alerts, and the work on them, as a web page; without a command it serves until it is stopped."""
    if context.invoked_subcommand is not None:
        if config or store or listen:
            raise click.UsageError(f"options come after `{context.invoked_subcommand} ...`")
        return None
    from cluster.consoling import run

    return run(config, store, listen)


@console.group()
def user() -> None:
    """Who may sign in. A viewer sees, an analyst works on alerts, an admin may remove rules."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=ROLE, required=True)
@places
def user_add(**options: Any) -> int:
    """Let somebody sign in. The password is asked for, or read as a line of standard input."""
    from cluster.console_people import add_user

    return add_user(**options)


@user.command("change")
@click.argument("name")
@click.option("--role", type=ROLE)
@click.option("--password", is_flag=True, help="Ask for a new one.")
@places
def user_change(**options: Any) -> int:
    """Another role or password. Whoever is signed in under the name must sign in again."""
    from cluster.console_people import change_user

    return change_user(**options)


@user.command("remove")
@click.argument("name")
@places
def user_remove(**options: Any) -> int:
    """Let somebody sign in no more, and sign them out."""
    from cluster.console_people import remove_user

    return remove_user(**options)


@user.command("list")
@places
def user_list(**options: Any) -> int:
    """Who may sign in."""
    from cluster.console_people import list_users

    return list_users(**options)


@console.group()
def token() -> None:
    """Tokens with which programs use the API."""


@token.command("add")
@click.argument("name")
@click.option("--role", type=ROLE, required=True)
@click.option("--expires", metavar="WHEN", help="A date, a time, or how long from now: 90d.")
@places
def token_add(**options: Any) -> int:
    """Make a token, and print it once."""
    from cluster.console_people import add_token

    return add_token(**options)


@token.command("remove")
@click.argument("name")
@places
def token_remove(**options: Any) -> int:
    """Take a token back."""
    from cluster.console_people import remove_token

    return remove_token(**options)


@token.command("list")
@places
def token_list(**options: Any) -> int:
    """The tokens that there are."""
    from cluster.console_people import list_tokens

    return list_tokens(**options)
