"""Where the real samples are that no one on this project wrote; they are not part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared(*parts: str) -> Path:
    """A file or folder of the real samples, or skip the test with the reason."""
    root = Path(os.environ.get("REDSHANK_DATA") or Path(__file__).parents[2] / "shared" / "data")
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the real samples are not here: {path} (name their folder in REDSHANK_DATA)")
    return path
