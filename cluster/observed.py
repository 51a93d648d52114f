"""Parts of a snapshot that a checkpoint's manifest knows."""

from __future__ import annotations

from collections.abc import Iterable

from actors.conductor import Standing
from cluster.manifest import Manifest
from cluster.snapshot import CheckpointNow, SourceNow
from cluster.status import unfinished_of, watermark


def checkpoint_now(manifest: Manifest, took_s: float | None = None) -> CheckpointNow:
    """The checkpoint that holds; `took_s` from its mark on, if this process took it."""
    octets = sum(part.size for part in manifest.parts)
    return CheckpointNow(epoch=manifest.epoch, written_us=manifest.written_us, took_s=took_s, octets=octets)


def sources_now(
    standing: Standing, lateness_us: int, now_us: int, waiting: Iterable[str] = ()
) -> tuple[list[SourceNow], int | None]:
    """The sources, the furthest behind first, and the watermark; `waiting`: those that nothing was read of yet."""
    unfinished = unfinished_of(standing.run)
    sources = [
        SourceNow(
            name=place.name,
            frontier_us=place.frontier_us,
            lag_s=(now_us - place.frontier_us) / 1e6,
            watermark_us=place.frontier_us - lateness_us,
        )
        for place in unfinished
    ]
    finished = [place for place in standing.run.places if place.finished] if standing.run else []
    sources += [SourceNow(name=place.name, finished=True) for place in finished]
    known = {source.name for source in sources}
    sources += [SourceNow(name=name) for name in waiting if name not in known]
    frontier_us = unfinished[0].frontier_us if unfinished else None
    return sources, watermark(frontier_us, lateness_us, standing.router.get("open_hours") or [])
