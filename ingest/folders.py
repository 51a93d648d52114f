"""What is under a folder, however deep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def files_under(path: Path) -> Iterator[Path]:
    """All files under a folder, in no order, links to folders not followed; a path that is no folder is itself.

    Like `Path.rglob`, which calls itself for each folder in a folder.
    """
    ahead = [path]
    while ahead:
        one = ahead.pop()
        try:
            if one is path or not one.is_symlink():
                ahead += one.iterdir()
                continue
        except NotADirectoryError:
            pass  # a file
        except OSError:
            continue  # what can't be looked at has no files for us
        yield one
