"""Where checkpoints lie: a local folder, written with plain system calls because it must be fsynced."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from cluster.errors import UserError
from cluster.frame import Buffer

TEMPORARY = ".new"


class StoreError(UserError):
    """The store could not be used; what it held before still holds."""


class Taken(Exception):  # noqa: N818 - it is an answer, not a fault
    """A name that was to be written for the first time is there already, or was changed meanwhile."""


class Place(Protocol):
    """The few things that a store needs of a file system: flat names, whole files.

    All raise StoreError when it can't be done. `get` raises FileNotFoundError for a name that is not there.
    """

    root: str

    def put(self, name: str, body: Sequence[Buffer]) -> None:
        """Write a file, whole or not at all. It may be lost in a power cut until `settle`."""

    def create(self, name: str, body: Sequence[Buffer]) -> None:
        """Like `put`, and it holds on return; raises Taken for a name that is there."""

    def settle(self) -> None:
        """On return, all that was put holds."""

    def get(self, name: str) -> bytes:
        """A whole file."""

    def sizes(self) -> dict[str, int]:
        """The name and size of every file."""

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, one after the other; one that is gone already is no fault."""

    def delete_many(self, names: Iterable[str]) -> None:
        """Delete files in any order."""


class LocalPlace:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self.root = str(folder)
        self.folder = folder

    def put(self, name: str, body: Sequence[Buffer]) -> None:
        temporary = self.folder / f"{name}.{os.getpid()}.{time.monotonic_ns()}{TEMPORARY}"
        with self._told("written"):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                _write(temporary, body)
                temporary.replace(self.folder / name)
            except FileNotFoundError:
                raise StoreError(
                    f"{self.root}: was removed while a run was using it; start the run again"
                ) from None
            except OSError:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise

    def create(self, name: str, body: Sequence[Buffer]) -> None:
        # Only the holder of the folder's lock comes here: to look first is enough.
        if (self.folder / name).exists():
            raise Taken(name)
        self.settle()
        self.put(name, body)
        self.settle()

    def settle(self) -> None:
        with self._told("written"):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def get(self, name: str) -> bytes:
        with self._told("read"):
            return (self.folder / name).read_bytes()

    def sizes(self) -> dict[str, int]:
        found = {}
        with self._told("read"), contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # a temporary file, renamed meanwhile
                    if entry.is_file():
                        found[entry.name] = entry.stat().st_size
        return found

    def delete(self, names: Iterable[str]) -> None:
        deleted = False
        with self._told("written"):
            for name in names:
                (self.folder / name).unlink(missing_ok=True)
                deleted = True
        if deleted:
            self.settle()

    delete_many = delete

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"{self.root}: can't be {what}: {mend(error)}") from None


def _write(path: Path, body: Sequence[Buffer]) -> None:
    with path.open("wb") as file:
        file.writelines(body)
        file.flush()
        os.fsync(file.fileno())


def mend(error: OSError) -> str:
    """Why, and what to do."""
    why = (error.strerror or str(error)).lower()
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{why}; make room, what was saved before still holds"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{why}; it must be writable, what was saved before still holds"
    return f"{why}; what was saved before still holds"
