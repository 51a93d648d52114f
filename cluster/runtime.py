"""What a run drives: routers, shards and an aggregator, in this process or on a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from actors.conductor import Marked, Progress, Standing
from actors.marks import Mark
from actors.outcome import Outcome
from ingest.records import Rejected


class Runtime(Protocol):
    """Either `cluster.local.LocalRuntime` or `cluster.ray_runtime.RayRuntime`."""

    skipped: list[str]
    rejected: list[Rejected]  # of the enrichment's files

    def start(
        self, standing: Standing | None = None, parts: Sequence[Any] = (), epoch: int = 1, tag: str = ""
    ) -> None: ...
    def advance(self, steps: int, mark: bool = False, now_us: int = 0) -> Progress: ...
    def written(self, marked: Marked, wait: bool = False) -> Marked | None: ...
    def compact(self, name: str, parts: Sequence[Any], closed_until: int, whole: bool) -> Any: ...
    def compacted(self, promise: Any) -> Any: ...
    def teach(self, marks: Sequence[Mark]) -> None: ...
    def finish(self) -> Outcome: ...
    def stop(self) -> None: ...
