"""Secrets that a configuration points to: they stand in the environment, or in files, never in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cluster.errors import UserError


def secret(table: Any, name: str, where: str) -> str | None:
    """What `NAME_env` or `NAME_file` of a table points to; None if it has neither. Raises UserError.

    What was found is in no message.
    """
    variable: str | None = getattr(table, f"{name}_env")
    file: Path | None = getattr(table, f"{name}_file")
    if variable is not None and file is not None:
        raise UserError(f"{where}: has {name}_env and {name}_file: take one of the two out")
    if variable is not None:
        if not (found := os.environ.get(variable, "").strip()):
            raise UserError(f"{where}: {name}_env: the environment variable {variable} is not set")
        return found
    if file is None:
        return None
    try:
        found = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: {name}_file: {file} can't be read: {error}") from None
    if not found:
        raise UserError(f"{where}: {name}_file: {file} is empty")
    return found
