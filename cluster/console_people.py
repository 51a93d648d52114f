"""`redshank console user` and `redshank console token`: who may use the console."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alerts.output import plain
from alerts.store.people import People, Token, User
from cluster.asked import moment, now, stamp
from cluster.errors import UserError
from cluster.working import stores

if TYPE_CHECKING:
    from alerts.store.people import Role

LONGEST = 100


@contextmanager
def people(config: Path | None, store: str | None) -> Iterator[People]:
    """Those of the first store; the console of that configuration asks there too."""
    from cluster.consoling import check_installed

    check_installed()
    with stores(config, store) as found:
        yield People(found[0])


def _name(said: str) -> str:
    name = said.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise click.BadParameter(
            f"{said!r}: a name of 1 to {LONGEST} letters was expected", param_hint="NAME"
        )
    return name


def _password() -> str:
    """From the terminal, twice; or a line from whatever is piped in."""
    from console.passwords import LONGEST as MOST
    from console.passwords import SHORTEST

    if sys.stdin.isatty():
        said = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        said = sys.stdin.readline().rstrip("\r\n")
    if not SHORTEST <= len(said) <= MOST:
        raise UserError(f"the password must have {SHORTEST} to {MOST:,} letters")
    return said


def add_user(name: str, role: Role, config: Path | None, store: str | None) -> int:
    """Somebody new."""
    from console.passwords import hashed

    name = _name(name)
    with people(config, store) as found:
        if found.user(name):
            raise UserError(
                f"there is a user {plain(name)} already; `redshank console user change` changes it"
            )
        found.add(User(name, role, hashed(_password()), stamp(now())))
    click.echo(f"{plain(name)} may sign in as {role}")
    return 0


def change_user(name: str, role: Role | None, password: bool, config: Path | None, store: str | None) -> int:
    """Another role or password."""
    from console.passwords import hashed

    if role is None and not password:
        raise click.UsageError("what is to be changed? --role or --password")
    with people(config, store) as found:
        secret = hashed(_password()) if password else None
        if not found.change(name, secret, role):
            raise UserError(f"there is no user {plain(name)}")
    click.echo(f"{plain(name)} is changed, and must sign in again")
    return 0


def remove_user(name: str, config: Path | None, store: str | None) -> int:
    """Somebody less."""
    with people(config, store) as found:
        left = found.user(name) is None  # who signs in elsewhere is not one of ours
        if not found.remove(name):
            raise UserError(f"there is no user {plain(name)}, and nobody is signed in under the name")
        left = left or found.any()
    click.echo(f"{plain(name)} is removed, and signed out")
    if not left:
        click.echo(
            "There are no users left: on this machine anybody may use the console, from others nobody.",
            err=True,
        )
    return 0


def list_users(config: Path | None, store: str | None) -> int:
    """All of them."""
    with people(config, store) as found:
        users = found.users()
    for one in users:
        click.echo(f"{plain(one.name)}  {one.role}, since {one.made}")
    if not users:
        click.echo("There are no users.")
    return 0


def add_token(name: str, role: Role, expires: str | None, config: Path | None, store: str | None) -> int:
    """A program's token: printed once."""
    from console.tickets import digest, new_secret

    until = moment(expires, "--expires", 1)
    if until is not None and until <= stamp(now()):
        raise click.BadParameter(f"{expires!r}: is over already", param_hint="--expires")
    secret, name = f"rsk_{new_secret()}", _name(name)
    with people(config, store) as found:
        if not found.any():
            raise UserError(
                "the console has no users yet: `redshank console user add NAME --role admin` makes one"
            )
        if not found.add_token(Token(name, role, stamp(now()), until), digest(secret)):
            raise UserError(f"there is a token {plain(name)} already")
    click.echo(secret)
    click.echo("It is shown this once. Use it as  Authorization: Bearer TOKEN", err=True)
    return 0


def list_tokens(config: Path | None, store: str | None) -> int:
    """All of them, without what is secret."""
    with people(config, store) as found:
        tokens = found.tokens()
    for one in tokens:
        until = f", until {one.expires}" if one.expires else ""
        click.echo(f"{plain(one.name)}  {one.role}, since {one.made}{until}")
    if not tokens:
        click.echo("There are no tokens.")
    return 0


def remove_token(name: str, config: Path | None, store: str | None) -> int:
    """Take one back."""
    with people(config, store) as found:
        if not found.remove_token(name):
            raise UserError(f"there is no token {plain(name)}")
    click.echo(f"{plain(name)} is taken back")
    return 0
