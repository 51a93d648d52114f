"""The console in Japanese."""

from __future__ import annotations

TEXTS: dict[str, str] = {}
TITLES: dict[str, str] = {}
