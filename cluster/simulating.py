"""`redshank simulate`: telemetry with attacks in it, and what there is to find."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from cluster.asked import known_type
from cluster.errors import UserError
from detections.words import counted


def run(
    out: Path,
    days: int,
    seed: int,
    attacks: tuple[str, ...],
    kind: str = "default",
    strength: str = "loud",
    sign_ins: bool = False,
) -> int:
    """Write the telemetry to a folder that is new, empty, or an older simulation's."""
    for type_ in attacks:
        known_type(type_, "--attack", "attack")
    _check(kind, strength)
    if out.is_dir() and any(out.iterdir()) and not _made_here(out):
        raise UserError(f"{out}: is a folder with other things in it; name a new one")
    return _simulate(out, days, seed, attacks, kind, strength, sign_ins)


def _check(kind: str, strength: str) -> None:
    from simulation.attacks import STRENGTHS
    from simulation.kinds import KINDS

    for what, given, known in (("--kind", kind, tuple(KINDS)), ("--strength", strength, STRENGTHS)):
        if given not in known:
            raise click.BadParameter(f"{given!r} is none of {', '.join(known)}", param_hint=what)


def _made_here(out: Path) -> bool:
    """Whether an earlier simulation wrote the folder: its configuration says so."""
    try:
        return (out / "redshank.toml").read_text().startswith("# Written by the simulation.")
    except (OSError, UnicodeDecodeError):
        return False


def _simulate(
    out: Path, days: int, seed: int, attacks: tuple[str, ...], kind: str, strength: str, sign_ins: bool
) -> int:
    from simulation import simulate
    from simulation.kinds import kind_of

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Simulating", total=days)
        try:
            summary = simulate(
                out,
                days=days,
                seed=seed,
                attacks=list(attacks) or None,
                organisation=kind_of(kind).full,
                start=kind_of(kind).start,
                strength=strength,
                sign_ins=sign_ins,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        except OSError as error:
            raise UserError(f"{out}: can't be written: {error.strerror}") from None
    click.echo(
        f"{counted(summary.days, 'day')} in {out / 'telemetry'}: {summary.management_records:,} Activity Log and "
        f"{summary.vault_records:,} Key Vault records, {counted(summary.flows, 'flow')}"
        + (f", {counted(summary.sign_ins, 'sign-in')}" if sign_ins else "")
    )
    click.echo(f"{len(summary.attacks)} attacks are in it; {out / 'truth.jsonl'} says which, where and when")
    for type_, why in sorted(summary.left_out.items()):
        click.echo(f"  left out: {type_}: {why}")
    click.echo(f"Now: redshank detect {out / 'telemetry'} --config {out / 'redshank.toml'}")
    return 0
