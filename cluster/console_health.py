"""How a run stands, for the console: from the server that it is part of, or from the state beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from actors.settings import MINUTE_US
from cluster.config import Configuration
from cluster.errors import UserError
from cluster.snapshot import Board, Snapshot, fates
from cluster.status import Status, opened, status_of
from console.settings import Health, SourceHealth

KEPT_S = 15.0  # for which a state that was read is not read again
MOST_SOURCES = 100


def of_board(board: Board, state: Callable[[], Health | None]) -> Callable[[], Health | None]:
    """Of the server itself; since when it learns its checkpoints know."""

    def health() -> Health | None:
        snapshot = board.latest()
        if snapshot is None:
            return None
        saved = state()
        return _of_snapshot(snapshot, saved.known_since if saved else {})

    return health


def _of_snapshot(now: Snapshot, known_since: Mapping[str, datetime]) -> Health:
    ran = fates(now.counts, now.filtered)
    return Health(
        phase=now.phase,
        at=_time(now.taken_us),
        read=ran.read,
        late=ran.late,
        rejected=ran.rejected,
        lost=ran.lost,
        open_hours=now.open_hours,
        watermark=None if now.watermark_us is None else _time(now.watermark_us),
        checkpoint=_time(now.checkpoint.written_us) if now.checkpoint else None,
        sources=[
            SourceHealth(one.name, None if one.frontier_us is None else _time(one.frontier_us), one.lag_s)
            for one in now.sources[:MOST_SOURCES]
        ],
        faults=[now.store_fault] if now.store_fault else [],
        known_since=known_since,
    )


class _State:
    """The state beside a run; reading it takes a while, so it is kept for some seconds."""

    def __init__(self, place: str, configuration: Configuration) -> None:
        self._place, self._configuration = place, configuration
        self._lock = threading.Lock()
        self._read_at, self._health = float("-inf"), None  # type: tuple[float, Health | None]

    def __call__(self) -> Health | None:
        with self._lock:
            if time.monotonic() - self._read_at >= KEPT_S:
                self._health, self._read_at = self._look(), time.monotonic()
            return self._health

    def _look(self) -> Health | None:
        about = self._configuration
        try:
            store = opened(self._place, dict(about.checkpoints.options))
            return _of_status(status_of(store, int(about.engine.lateness_minutes * MINUTE_US)))
        except (UserError, OSError):
            return None  # there is none, or none yet


def _of_status(status: Status) -> Health:
    now = time.time()
    records = status.records
    return Health(
        phase=status.state,
        at=_time(status.written_us),
        read=records.read if records else 0,
        late=records.late if records else 0,
        rejected=records.rejected if records else 0,
        lost=records.lost if records else 0,
        open_hours=len(status.open_hours),
        watermark=None if status.watermark_us is None else _time(status.watermark_us),
        checkpoint=_time(status.written_us),
        sources=[
            SourceHealth(one.name, _time(one.frontier_us), now - one.frontier_us / 1e6)
            for one in status.sources[:MOST_SOURCES]
        ],
        faults=status.complaints[:10],
        known_since={layer: _time(since) for layer, since in status.layers_since_us.items()},
    )


def of_state(config: Path, configuration: Configuration) -> Callable[[], Health | None]:
    """Of the state folder that a configuration names."""
    place = configuration.checkpoints.store or "state"
    return _State(place if "://" in place else str(config.parent.resolve() / place), configuration)


def _time(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)
