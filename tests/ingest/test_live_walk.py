"""A walk sees every file that comes and goes, however deep its folder is."""

from __future__ import annotations

from pathlib import Path

from ingest.live_walk import Walk


def test_a_folder_deeper_than_python_calls_itself_does_not_end_a_server(deep: Path) -> None:
    walk = Walk(str(deep), lambda *_: None)
    (came,) = walk.look().came
    assert came.endswith("/d/x.json")
    (deep / "d").rename(deep.parent / "away")
    try:
        assert len(walk.look().went) == 1
    finally:
        (deep.parent / "away").rename(deep / "d")
    assert walk.look().came == [came]
