"""What was learned, in a folder: MessagePack by key group, versioned, checksummed, replaced atomically.

    DIR/CURRENT            names the epoch that holds
    DIR/epoch-00000003/    manifest, router, aggregator, groups-00 … groups-0f (256 key groups each)
    DIR/LOCK               held while a run uses the folder

Every file is a frame (cluster/frame.py). The epoch before the current one is kept.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

from actors.keys import GROUPS
from cluster.errors import UserError
from cluster.frame import framed, unframed

SEGMENTS = 16


@dataclass(slots=True)
class Saved:
    """A run's whole state, packed by its owners."""

    router: bytes
    aggregator: bytes
    groups: dict[int, bytes] = field(default_factory=dict)  # key group -> packed entities and windows


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for one run; a second one is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / "LOCK").open("w")
    except OSError as error:
        raise UserError(f"--state {folder}: can't be used: {error.strerror}") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"--state {folder}: another run is using it; wait for its end") from None
        yield


def save(folder: Path, saved: Saved) -> None:
    """Write a new epoch and make it the one that holds, in one step."""
    try:
        _save(folder, saved)
    except OSError as error:
        raise UserError(
            f"--state {folder}: could not be written ({error.strerror}); what was there before still holds"
        ) from None


def _save(folder: Path, saved: Saved) -> None:
    epochs = _epochs(folder)
    name = f"epoch-{(epochs[-1] if epochs else 0) + 1:08d}"
    new = folder / f"{name}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    _write(new / "router", saved.router)
    _write(new / "aggregator", saved.aggregator)
    for segment in range(SEGMENTS):
        part = [(group, saved.groups[group]) for group in _range(segment) if group in saved.groups]
        _write(new / f"groups-{segment:02x}", msgpack.packb(part))
    _sync_folder(new)
    new.rename(folder / name)
    pointer = folder / "CURRENT.new"
    _write(pointer, name.encode())
    pointer.replace(folder / "CURRENT")
    _sync_folder(folder)
    for old in epochs[:-1]:
        shutil.rmtree(folder / f"epoch-{old:08d}", ignore_errors=True)


def load(folder: Path) -> Saved | None:
    """The state that holds, or None if there is none yet. Raises UserError for one that can't be read."""
    if not (folder / "CURRENT").exists():
        if _epochs(folder):
            raise UserError(f"--state {folder}: CURRENT is missing; it names the epoch folder that holds")
        return None
    epoch = folder / _read(folder / "CURRENT").decode("ascii", "replace")
    saved = Saved(_read(epoch / "router"), _read(epoch / "aggregator"))
    for segment in range(SEGMENTS):
        path = epoch / f"groups-{segment:02x}"
        saved.groups.update(_unpacked(path))
    return saved


def _unpacked(path: Path) -> dict[int, bytes]:
    pairs: Any = msgpack.unpackb(_read(path))
    return {int(group): bytes(packed) for group, packed in pairs}


def _range(segment: int) -> range:
    return range(segment * GROUPS // SEGMENTS, (segment + 1) * GROUPS // SEGMENTS)


def _epochs(folder: Path) -> list[int]:
    names = [path.name for path in folder.glob("epoch-*") if path.is_dir()]
    return sorted(int(name[6:]) for name in names if name[6:].isdigit())


def _write(path: Path, body: bytes) -> None:
    with path.open("wb") as file:
        file.writelines(framed([body])[0])
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    try:
        frame = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None
    mend = "; put a back-up in its place, or let CURRENT's older epoch hold"
    body, _digest = unframed(str(path), frame, mend)
    return body


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
