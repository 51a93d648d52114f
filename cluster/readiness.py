"""Whether a long-running command does its work: for probes, metrics and people alike."""

from __future__ import annotations

from cluster.snapshot import STARTING, STOPPING, Board, Snapshot

STALLED_S = 60.0
STARTING_S = 600.0  # a large state takes its time to be read


def not_alive(board: Board, stalled_s: float = STALLED_S) -> list[str]:
    """Why the process is to be started anew; nothing if it lives."""
    idle = board.idle_s()
    latest = board.latest()
    starts = latest is None or latest.phase == STARTING
    allowed = max(stalled_s, STARTING_S) if starts else stalled_s
    return [f"the main loop has not moved on for {idle:.0f} s"] if idle > allowed else []


def not_ready(snapshot: Snapshot | None) -> list[str]:
    """Why it does not work yet, or not any more; nothing if it does."""
    if snapshot is None:
        return ["it is starting"]
    reasons = []
    if snapshot.phase == STARTING:
        reasons.append("it is starting")
    if snapshot.phase == STOPPING:
        reasons.append("it is stopping")
    if not snapshot.sources_open:
        reasons.append("not all sources are open")
    if snapshot.checkpoint is None:
        reasons.append("no checkpoint was restored or taken yet")
    if snapshot.store_fault:
        reasons.append(f"the store can't be used: {snapshot.store_fault}")
    if snapshot.held:
        reasons.append(f"nothing is read for now: {snapshot.held}")
    return reasons
