"""Places that could not be listed: there may be sources in them that nobody knows of, with records that are behind."""

from __future__ import annotations

from actors.clock import Clock
from actors.settings import Settings
from ingest.records import HOUR_US


class Unlisted:
    """Whether there are such places, and until when hours wait for them."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._is_so = False
        self._since_us = 0

    def set(self, is_so: bool) -> None:
        """Whether there are some now."""
        self._is_so = is_so
        self._since_us = self._since_us if is_so else 0

    def hold(self) -> bool:
        """Whether no hour is to be closed."""
        now = self._clock.now_us
        if self._is_so and not self._since_us:
            self._since_us = now
        return self._is_so and now - self._since_us <= self._settings.outage_us

    def watermarks(self, closed_until: int | None) -> list[int]:
        """What a watermark is not to pass, before the lateness is taken off."""
        return [(closed_until or 0) * HOUR_US] if self.hold() else []
