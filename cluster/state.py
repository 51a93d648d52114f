"""What an earlier version left in a folder, before there were checkpoints. It is read, never written.

    DIR/CURRENT            names the epoch that holds
    DIR/epoch-00000003/    router, aggregator, groups-00 … groups-0f (256 key groups each)

Every file is a frame (cluster/frame.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from actors.keys import GROUPS
from cluster.errors import UserError
from cluster.frame import unframed

CURRENT = "CURRENT"
SEGMENTS = 16
_EPOCH = re.compile(r"epoch-\d{8}")
_MEND = "; put a back-up in its place, or let CURRENT name the epoch folder before it"
_groups = msgspec.msgpack.Decoder(list[tuple[int, bytes]]).decode


@dataclass(slots=True)
class Saved:
    """A run's whole state, packed by its owners."""

    router: bytes
    aggregator: bytes
    groups: dict[int, bytes] = field(default_factory=dict)  # key group -> packed entities and windows


def is_earlier(name: str) -> bool:
    """Whether a file or folder of that name is of such a state."""
    return name == CURRENT or _EPOCH.fullmatch(name.removesuffix(".new")) is not None


def load(folder: Path) -> Saved | None:
    """The state that holds, or None if there is none. Raises UserError for one that can't be read."""
    if not (folder / CURRENT).exists():
        if any(_EPOCH.fullmatch(path.name) for path in folder.glob("epoch-*")):
            raise UserError(f"{folder}: {CURRENT} is missing; it names the epoch folder that holds")
        return None
    name = _read(folder / CURRENT).decode("ascii", "replace")
    if _EPOCH.fullmatch(name) is None:
        raise UserError(f"{folder / CURRENT}: names no epoch folder{_MEND}")
    epoch = folder / name
    saved = Saved(_read(epoch / "router"), _read(epoch / "aggregator"))
    for segment in range(SEGMENTS):
        saved.groups.update(_unpacked(epoch / f"groups-{segment:02x}"))
    return saved


def _unpacked(path: Path) -> dict[int, bytes]:
    body = _read(path)
    try:
        groups = dict(_groups(body))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UserError(f"{path}: holds no key groups ({error}){_MEND}") from None
    if not all(0 <= group < GROUPS for group in groups):
        raise UserError(f"{path}: a key group is out of range{_MEND}")
    return groups


def _read(path: Path) -> bytes:
    try:
        frame = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}{_MEND}") from None
    return unframed(str(path), frame, _MEND)[0]
