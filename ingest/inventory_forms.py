"""The forms that an inventory may have: its own CSV file, or a file that tells of the cloud's network."""

from __future__ import annotations

from pathlib import Path

from ingest import holding_files
from ingest.errors import ConfigurationError
from ingest.inventory_file import Claims, check_header, claims_of, read_claims
from ingest.records import Rejected


def read(path: Path) -> tuple[Claims, list[Rejected]]:
    """Who held which address when. Raises ConfigurationError if the file is of no use."""
    if not _tells(path):
        return read_claims(path)
    found = holding_files.read([path])
    if not found.lines:
        raise ConfigurationError(
            f"{path}: no address is held by anybody: rows of Azure Resource Graph with id, type and properties were "
            "expected (public addresses, network interfaces, virtual machines), or the Activity Log with their writes"
        )
    claims, rejected = claims_of(path, found.csv().splitlines(keepends=True))
    return claims, [*found.rejected, *rejected]


def check(path: Path) -> None:
    """Raise ConfigurationError if it is no inventory, by its begin."""
    if not _tells(path):
        check_header(path)


def _tells(path: Path) -> bool:
    """Whether it is no inventory's own CSV file; one that can't be read is said to be so by whoever reads it."""
    if not path.is_file():
        return False
    return not holding_files.is_csv(path) or holding_files.header(path) >= holding_files.OF_GRAPH
