"""Back-up of a store's newest checkpoint, while its run goes on."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cluster.archive import LONGEST_NAME, Writer, writing
from cluster.checkpoints import Store
from cluster.errors import UserError
from cluster.frame import Damaged, framed
from cluster.manifest import Manifest, encoded, manifest_name

SUFFIX = ".tar.zst"
MOST_TRIES = 20  # checkpoints: a run that cleans faster than we read would keep us for ever


class Kept(msgspec.Struct, kw_only=True):
    """What a back-up holds."""

    epoch: int
    written_us: int
    parts: int
    octets: int
    complaints: list[str] = []  # about newer checkpoints that could not be taken


def backup(store: Store, file: Path) -> Kept:
    """Write the newest checkpoint whose parts all read. Raises UserError if there is none.

    A part that the run has cleaned away meanwhile sends us to a newer checkpoint. Parts that are in the archive
    already stay there: each further attempt has less to read, so that we catch up with the run.
    """
    if file.is_dir():
        raise UserError(f"{file}: is a folder; name a file")
    written: set[str] = set()
    tried: set[tuple[int, int]] = set()
    complaints: list[str] = []
    with writing(file) as archive:
        for _ in range(MOST_TRIES):
            manifest = _newest(store, tried, complaints)
            tried.add((manifest.epoch, manifest.written_us))
            try:
                _add_parts(store, manifest, archive, written)
            except Damaged as error:
                complaints.append(str(error))
                continue
            archive.add(manifest_name(manifest.epoch), encoded(manifest), manifest.written_us)
            return _kept(manifest, _still(store, manifest, complaints))
    raise UserError(f"{store.root}: could not be backed up: {complaints[-1]}")


def _newest(store: Store, tried: set[tuple[int, int]], complaints: list[str]) -> Manifest:
    for manifest in store.manifests():
        if (manifest.epoch, manifest.written_us) not in tried:
            complaints += [one for one in store.complaints if one not in complaints]
            return manifest
    if tried or store.complaints:
        why = [*store.complaints, *complaints][-1]
        raise Damaged(f"{store.root}: none of its checkpoints can be backed up. {why}")
    raise UserError(f"{store.root}: holds no checkpoints of Redshank")


def _add_parts(store: Store, manifest: Manifest, archive: Writer, written: set[str]) -> None:
    for part in manifest.parts:
        if part.name in written:
            continue
        if len(part.name) > LONGEST_NAME:
            raise Damaged(f"{part.name}: is no name of a part")
        archive.add(part.name, framed([store.read(part)])[0], manifest.written_us)
        written.add(part.name)


def _still(store: Store, manifest: Manifest, complaints: list[str]) -> list[str]:
    """Only what is wrong with newer checkpoints than the one taken; the others' fate was to be cleaned away."""
    newer = [epoch for epoch in store.epochs() if epoch > manifest.epoch]
    return complaints if newer else []


def _kept(manifest: Manifest, complaints: list[str]) -> Kept:
    octets = sum(part.size for part in manifest.parts)
    return Kept(
        epoch=manifest.epoch,
        written_us=manifest.written_us,
        parts=len(manifest.parts),
        octets=octets,
        complaints=complaints,
    )
