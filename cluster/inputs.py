"""What a run is given to read: files and folders that are there; standard input and pipes are put into a file."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from cluster.errors import UserError
from ingest.folders import files_under
from ingest.object_store import NO_SUCH, Bucket, is_absent, mended
from ingest.sources import is_left_out

STDIN = "-"  # what evidence calls it: the place where it is put is another one each time


def inputs_of(inputs: Sequence[str], stack: ExitStack) -> list[str]:
    """The inputs that are there; standard input is put into a file, since an actor can't read it."""
    paths = []
    for name in inputs:
        if "://" in name:
            paths.append(name)
        elif name == "-":
            if sys.stdin is None:
                raise UserError("-: standard input is closed")
            paths.append(_spooled(sys.stdin.buffer, stack))
        elif _kind(name) in ("file", "folder"):
            paths.append(name)
        else:  # a pipe: read once, here
            with _opened(name) as stream:
                paths.append(_spooled(stream, stack))
    return paths


def seen(paths: Iterable[str | Path | None]) -> str:
    """Of the telemetry in these files and folders as it is now: names, sizes and times of the last change."""
    digest = blake2b(digest_size=16)
    for path in paths:
        for file in sorted(_telemetry(Path(path))) if path is not None else ():
            with suppress(OSError):  # what can't be looked at now can't be read either
                about = file.stat()
                digest.update(repr((os.path.realpath(file), about.st_size, about.st_mtime_ns)).encode())
    return digest.hexdigest()


def seen_objects(buckets: Sequence[Bucket]) -> str:
    """The same of what is under URLs; '' of none. Raises UserError where that can't be listed."""
    digest = blake2b(digest_size=16)
    for bucket in buckets:
        try:
            objects = bucket.objects()
        except Exception as error:  # every library has errors of its own
            reason = NO_SUCH if is_absent(error) else mended(error)
            raise UserError(f"{bucket.url}: {reason}") from None
        if not objects:
            raise UserError(f"{bucket.url}: there is nothing under it; check its name")
        for name, stands in sorted(objects.items()):
            digest.update(repr((name, stands.size, stands.stamp)).encode())
    return digest.hexdigest() if buckets else ""


def _telemetry(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    yield from (file for file in files_under(path) if file.is_file() and not is_left_out(file.name))


def _kind(name: str) -> str:
    """'file', 'folder' or 'pipe'. Raises UserError for what is not there or may not be looked at."""
    try:
        mode = Path(name).stat().st_mode
    except FileNotFoundError:
        raise UserError(f"{name}: no such file or folder") from None
    except OSError as error:
        raise UserError(f"{name}: can't be read: {error.strerror}") from None
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "pipe"


def _opened(name: str) -> BinaryIO:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UserError(f"{name}: can't be read: {error.strerror}") from None


def _spooled(stream: BinaryIO, stack: ExitStack) -> str:
    try:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redshank-")))
        with (folder / STDIN).open("wb") as file:
            shutil.copyfileobj(stream, file)
    except OSError as error:
        raise UserError(
            f"{tempfile.gettempdir()}: what comes by a pipe can't be kept there while it is read: {error.strerror}; "
            "TMPDIR=DIR names another folder"
        ) from None
    return str(folder / STDIN)
