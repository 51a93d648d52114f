"""Whether a server could write where its configuration says, without writing anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from cluster.config_tables import Configuration
from cluster.sources import placed


def file_fault(path: Path) -> str:
    """Why lines can't be appended to a file; '' if they can.

    Only a plain file is taken: it is read at the start, and of a device or a pipe that might never end.
    """
    try:
        if path.exists():
            if not S_ISREG(path.stat().st_mode):
                return "is no plain file; name another path"
            return (
                "" if os.access(path, os.R_OK | os.W_OK) else "may not be read and written; change its rights"
            )
        return folder_fault(path.parent)
    except OSError as error:
        return f"can't be written: {error.strerror or error}"


def folder_fault(path: Path) -> str:
    """Why files can't be made in a folder, or the folder itself; '' if they can."""
    try:
        there = next(one for one in (path, *path.parents) if one.exists())
        if not S_ISDIR(there.stat().st_mode):
            return f"{there} is no folder; name another place"
    except OSError as error:
        return f"can't be reached: {error.strerror or error}"
    may = os.access(there, os.W_OK | os.X_OK)
    return "" if may else f"nothing may be written in {there}; change its rights, or name another place"


def wrong_outputs(configuration: Configuration, config: Path) -> Iterator[str]:
    """What a server could not write, a line each. Places that are URLs are not asked here."""
    folder = config.parent.resolve()
    alerts = Path(placed(configuration.serve.alerts, folder))
    if fault := file_fault(alerts):
        yield f"[serve] alerts: {alerts}: WRONG: {fault}"
    for name, given in (
        ("[checkpoints] store", configuration.checkpoints.store or "state"),
        ("[serve] journal", configuration.serve.journal),
    ):
        place = placed(given, folder)
        if "://" not in place and (fault := folder_fault(Path(place))):
            yield f"{name}: {place}: WRONG: {fault}"
