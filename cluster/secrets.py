"""Secrets that a configuration points to: they stand in the environment, or in files, never in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.errors import UserError


def secret(table: Any, name: str, where: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """What `NAME_env` or `NAME_file` of a table points to; None if it has neither. Raises UserError.

    What was found is in no message.
    """
    variable: str | None = getattr(table, f"{name}_env")
    file: Path | None = getattr(table, f"{name}_file")
    if variable is not None and file is not None:
        raise UserError(f"{where}: has {name}_env and {name}_file: take one of the two out")
    if variable is not None:
        place, found = (
            f"{name}_env: the environment variable {variable}",
            environment.get(variable, "").strip(),
        )
        if not found:
            raise UserError(f"{where}: {place} is not set, or empty")
    elif file is not None:
        place, found = f"{name}_file: {file}", _read(file, f"{where}: {name}_file: {file}")
    else:
        return None
    if not found.isprintable():
        raise UserError(f"{where}: {place} holds a line break or another control character")
    return found


def _read(file: Path, place: str) -> str:
    try:
        found = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{place} can't be read: {said}") from None
    if not found:
        raise UserError(f"{place} is empty")
    return found
