"""`redshank inventory`: who held which address when, from the Activity Log and from answers of Azure Resource Graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from cluster.errors import UserError
from detections.words import counted
from ingest import holding_files
from ingest.inventory_file import claims_of

SHOWN = 10  # things that could not be read, of each kind


def run(inputs: Sequence[Path], out: Path | None) -> int:
    """Write the inventory to a file, or to standard output; what it was made of is said on standard error."""
    for path in inputs:
        if not path.exists():
            raise UserError(f"{path}: there is no such file or folder")
    found = holding_files.read(inputs)
    if not found.lines:
        _say(found)
        raise UserError(
            "nothing tells who held an address: answers of Azure Resource Graph with id, type and properties were "
            "expected, or the Activity Log with writes of public addresses, network interfaces or machines"
        )
    text = found.csv()
    claims, refused = claims_of(out or Path("inventory.csv"), text.splitlines(keepends=True))
    found.rejected += refused
    if out is None:
        click.echo(text, nl=False)
    else:
        _write(out, text)
    _say(found)
    click.echo(
        f"{counted(len(found.lines), 'line')} on {counted(len(claims.ids), 'resource')} from "
        f"{counted(found.told, 'record')}" + (f"; they are in {out}" if out else ""),
        err=True,
    )
    return 3 if found.rejected else 0


def _write(out: Path, text: str) -> None:
    """Whole, or not at all: a server may read it at any time."""
    beside = out.with_name(f"{out.name}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(out)
    except OSError as error:
        raise UserError(f"{out}: can't be written: {error.strerror}") from None


def _say(found: holding_files.Holders) -> None:
    for reason, number in sorted(found.left_out.items()):
        click.echo(f"  left out: {reason}: {number:,}", err=True)
    for one in found.rejected[:SHOWN]:
        click.echo(
            f"  refused: {one.source}, record {one.offset}: {one.reason}: {one.excerpt[:80]}".rstrip(": "),
            err=True,
        )
    if len(found.rejected) > SHOWN:
        click.echo(f"  refused: {len(found.rejected) - SHOWN:,} more", err=True)
