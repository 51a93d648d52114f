"""Restore of a back-up: looked through whole before anything is written, then parts first, the manifest last."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import msgspec

from cluster.archive import Member, reading
from cluster.backup import Kept
from cluster.beginning import place_of
from cluster.checkpoints import Store
from cluster.errors import UserError
from cluster.frame import DIGEST, FORMAT, HEAD, MAGIC, Damaged, unframed
from cluster.manifest import Manifest, Part, decoded, manifest_epoch, part_epoch

LARGEST_MANIFEST = 1 << 28


def restore(file: Path, store: Store, replace: bool = False) -> Kept:
    """Put a back-up in place. Raises UserError, and leaves the place as it was, for a back-up that can't be used.

    Restored over other checkpoints it gets the next number, and they are given up once it holds.
    """
    manifest = checked(file)
    with store.lock():
        there = store.epochs()
        if there and not replace:
            raise UserError(f"{store.root}: holds checkpoints (epoch {there[0]}); --replace gives them up")
        _write_parts(file, manifest, store)
        epoch = max(manifest.epoch, there[0] + 1) if there else manifest.epoch
        store.commit(msgspec.structs.replace(manifest, epoch=epoch))
        store.drop_all_but(epoch)
    octets = sum(part.size for part in manifest.parts)
    return Kept(epoch=epoch, written_us=manifest.written_us, parts=len(manifest.parts), octets=octets)


def checked(file: Path) -> Manifest:
    """The manifest of a back-up that is whole: each member's checksum is right, and no part is missing."""
    manifest: Manifest | None = None
    found: dict[str, tuple[int, bytes]] = {}
    with reading(file) as members:
        for member in members:
            if manifest is not None:
                raise UserError(f"{file}: is no back-up of Redshank: something follows its manifest")
            if manifest_epoch(member.name) is not None:
                manifest = _manifest(file, member)
            elif member.name in found:
                raise UserError(f"{file}: is no back-up of Redshank: {member.name} is in it twice")
            else:
                found[member.name] = member.size, _digest(f"{file}: {member.name}", member)
    if manifest is None:
        raise UserError(f"{file}: is no back-up of Redshank: it has no manifest")
    for part in manifest.parts:
        if _bare(part) == part.name or part_epoch(_bare(part)) is None:
            raise Damaged(f"{file}: {part.name} is no name of a part")
        if found.get(part.name) != (part.size, part.digest):
            raise Damaged(f"{file}: is damaged: {part.name} is missing, or another than its manifest names")
    place_of(manifest)
    return manifest


def _manifest(file: Path, member: Member) -> Manifest:
    where = f"{file}: {member.name}"
    if member.size > LARGEST_MANIFEST:
        raise Damaged(f"{where}: is too large for a manifest")
    return decoded(where, member.name, member.read())


def _digest(where: str, member: Member) -> bytes:
    """The digest of a part's body, which is not kept in memory. Raises Damaged."""
    pieces = member.pieces()
    first = next(pieces, b"")
    if first[: len(MAGIC)] != MAGIC or len(first) < HEAD or first[len(MAGIC)] != FORMAT:
        raise Damaged(f"{where}: is no part of a checkpoint")
    digest = blake2b(first[HEAD:], digest_size=DIGEST)
    for piece in pieces:
        digest.update(piece)
    if digest.digest() != first[HEAD - DIGEST : HEAD]:
        raise Damaged(f"{where}: is damaged (its checksum does not match)")
    return digest.digest()


def _write_parts(file: Path, manifest: Manifest, store: Store) -> None:
    missing = {part.name: part for part in manifest.parts}
    with reading(file) as members:
        for member in members:
            part = missing.pop(member.name, None)
            if part is None:
                continue
            body, digest = unframed(f"{file}: {member.name}", member.read())
            if digest != part.digest:
                raise Damaged(f"{file}: has changed while it was restored")
            store.write(_bare(part), body, part.kind, part.low, part.high)
    if missing:
        raise Damaged(f"{file}: has changed while it was restored")


def _bare(part: Part) -> str:
    """A part's name as it was given to `Store.write`, which puts a piece of the digest at its end."""
    return part.name.removesuffix(f"-{part.digest.hex()[:16]}")
