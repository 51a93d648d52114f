"""Alerts that were told while their hour is open, until its close completes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from actors.aggregator_state import Raised
from alerts.alert import Alert
from detections.declare import SEVERITIES

MOST = 10_000  # more are told with their hour
TAKEN_BACK = "the hour's records, as they stood at its close, do not bear it out: nothing is left to look at"


class OpenAlerts:
    """By id. Each is told once, and again where it has become graver."""

    def __init__(self) -> None:
        self._told: dict[str, Raised] = {}
        self._types: dict[
            tuple[int, str, str], list[str]
        ] = {}  # of an entity's hour: asked for each new alert

    def __contains__(self, id_: str) -> bool:
        return id_ in self._told

    def __getitem__(self, id_: str) -> Any:
        """The alert as it was told last."""
        return self._told[id_].alert

    def get(self, id_: str) -> Alert | None:
        """The alert as it was told last, if it was."""
        told = self._told.get(id_)
        return None if told is None else told.alert

    def of_entity(self, hour: int, kind: str, entity: str) -> list[str]:
        """The types that were told of an entity's hour."""
        return list(self._types.get((hour, kind, entity.lower()), ()))

    def add(self, new: Raised) -> bool:
        """Whether it is to be told."""
        known = self._told.get(new.alert.id)
        if known is None and len(self._told) >= MOST:
            return False
        if known is not None and _grave(new) <= _grave(known):
            return False
        self._know(new)
        return True

    def _know(self, one: Raised) -> None:
        if one.alert.id not in self._told:
            self._types.setdefault(_place(one), []).append(one.alert.type)
        self._told[one.alert.id] = one

    def remember(self, told: Raised) -> None:
        """It was told before a death that the checkpoint knows nothing of."""
        if told.alert.id not in self._told and len(self._told) < MOST:
            self._know(told)

    def close(self, hour: int, raised: Collection[str]) -> list[Raised]:
        """Those of the hour that its close did not raise, taken back; its alerts are told by others."""
        closed = [one for one in self._told.values() if one.hour <= hour]
        for one in closed:
            del self._told[one.alert.id]
            self._types.pop(_place(one), None)  # all of an hour are closed together
        left = [one for one in closed if one.alert.id not in raised]
        return [msgspec.structs.replace(one, alert=_taken_back(one)) for one in left]

    def state(self) -> list[Raised]:
        """All of it."""
        return list(self._told.values())

    def load(self, told: Iterable[Raised]) -> None:
        """In place of what is known."""
        self._told, self._types = {}, {}
        for one in told:
            self._know(one)


def _place(one: Raised) -> tuple[int, str, str]:
    return one.hour, one.alert.entity.kind, one.alert.entity.id.lower()


def _grave(one: Raised) -> int:
    return SEVERITIES.index(one.alert.severity)


def _taken_back(one: Raised) -> Any:
    return msgspec.structs.replace(one.alert, complete=msgspec.UNSET, withdrawn=TAKEN_BACK)
