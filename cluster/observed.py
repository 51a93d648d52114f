"""The part of a snapshot that a checkpoint's manifest knows."""

from __future__ import annotations

from cluster.manifest import Manifest
from cluster.snapshot import CheckpointNow


def checkpoint_now(manifest: Manifest, took_s: float | None = None) -> CheckpointNow:
    """The checkpoint that holds; `took_s` from its mark on, if this process took it."""
    octets = sum(part.size for part in manifest.parts)
    return CheckpointNow(epoch=manifest.epoch, written_us=manifest.written_us, took_s=took_s, octets=octets)
