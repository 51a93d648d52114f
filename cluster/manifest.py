"""What a checkpoint consists of: its manifest names every file of the state, in the order of application."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cluster.frame import Buffer, Damaged, Newer, framed, unframed

VERSION = 1
PREFIX = "manifest-"
_MANIFEST = re.compile(PREFIX + r"(\d{12})")
_PART = re.compile(r"(\d{12})-[A-Za-z0-9._-]+")


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One written file: `size` is the whole file's, `digest` its body's."""

    name: str
    size: int
    digest: bytes
    kind: str = ""
    low: int = 0
    high: int = 4096


class Manifest(msgspec.Struct):
    """A restart point."""

    epoch: int
    run: dict[str, Any]
    router: bytes
    parts: list[Part]
    written_us: int = 0
    version: int = VERSION


class _Versioned(msgspec.Struct):
    version: int


_DECODER = msgspec.msgpack.Decoder(Manifest)
_VERSIONED = msgspec.msgpack.Decoder(_Versioned)


def part_name(epoch: int, what: str) -> str:
    """The name to write a part under. It starts with the epoch: cleaning must know what is under way.

    >>> part_name(12, "groups-03")
    '000000000012-groups-03'
    """
    return f"{epoch:012d}-{what}"


def manifest_name(epoch: int) -> str:
    """The name of an epoch's manifest.

    >>> manifest_name(12)
    'manifest-000000000012'
    """
    return f"{PREFIX}{epoch:012d}"


def manifest_epoch(name: str) -> int | None:
    """The epoch of a manifest's file name, None for another file.

    >>> manifest_epoch("manifest-000000000012"), manifest_epoch("LOCK")
    (12, None)
    """
    match = _MANIFEST.fullmatch(name)
    return int(match[1]) if match else None


def part_epoch(name: str) -> int | None:
    """The epoch a part was written in, None for another file.

    >>> part_epoch("000000000012-groups-03"), part_epoch("LOCK")
    (12, None)
    """
    match = _PART.fullmatch(name)
    return int(match[1]) if match else None


def encoded(manifest: Manifest) -> list[Buffer]:
    """The manifest as a frame."""
    return framed([msgspec.msgpack.encode(manifest)])[0]


def decoded(where: str, name: str, frame: bytes) -> Manifest:
    """Read a manifest back. Raises Damaged for one that is torn, foreign, or of another version."""
    body, _digest = unframed(where, frame)
    try:
        version = _VERSIONED.decode(body).version
        if version != VERSION:
            kind = Newer if version > VERSION else Damaged
            raise kind(f"{where}: version {version}; this version of Redshank reads {VERSION}")
        manifest = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Damaged(f"{where}: is no manifest of a checkpoint ({error})") from None
    if manifest.epoch != manifest_epoch(name):
        raise Damaged(f"{where}: holds epoch {manifest.epoch}; it was renamed or copied")
    return manifest
