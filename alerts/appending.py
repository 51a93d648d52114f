"""Appending to a file of lines, all or nothing: what a full disk takes half of would spoil the line that comes next."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def append(path: Path, lines: Sequence[bytes], synced: bool = False) -> None:
    """Append lines, without their ends; `synced`: see that they are on the disk. Raises OSError, and then none is there."""
    body = memoryview(b"".join(line + b"\n" for line in lines))
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            while body:
                body = body[file.write(body) :]
            if synced:
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                file.truncate(size)
            raise
