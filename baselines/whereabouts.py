"""Where a person was last, and where they usually are."""

from __future__ import annotations

from collections.abc import Collection
from math import asin, cos, log10, radians, sin, sqrt
from typing import Any, NamedTuple, Self

from baselines.base import Model, number, rows, whole

KEPT = 0.5 ** (1 / (30 * 24))  # a place's weight halves in 30 days
LIMIT = 64  # places kept, the least visited go first
EARTH_KM = 6371.0


class Place(NamedTuple):
    """A place and time of activity."""

    at_us: int
    latitude: float
    longitude: float
    country: str
    address: str


def distance_km(a: Place, b: Place) -> float:
    """Great-circle distance (haversine).

    >>> berlin, paris = Place(0, 52.52, 13.4, "DE", ""), Place(0, 48.86, 2.35, "FR", "")
    >>> round(distance_km(berlin, paris))
    877
    """
    lat1, lat2 = radians(a.latitude), radians(b.latitude)
    dlat, dlon = lat2 - lat1, radians(b.longitude - a.longitude)
    h = sin(dlat / 2) ** 2 + cos(lat1) * cos(lat2) * sin(dlon / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(h)))


class Whereabouts(Model):
    """The last place and the share of hours spent at each country and address.

    Observations: `hour`, `at_us`, `latitude`, `longitude`, `country`, `address`, in the order of time.

    >>> model = Whereabouts()
    >>> model.learn_one({"hour": 1, "at_us": 0, "latitude": 52.5, "longitude": 13.4, "country": "DE", "address": "a"})
    >>> model.last.country, model.share("DE")
    ('DE', 1.0)
    """

    def __init__(self) -> None:
        self.last: Place | None = None
        self.suspect = False  # the last place was learned as a suspicious one
        self._weights: dict[str, float] = {}
        self._hours: dict[str, int] = {}
        self._hour = 0

    def share(self, key: str) -> float:
        """Share of the hours, lately, in which a country or address was acted from."""
        total = sum(weight for name, weight in self._weights.items() if len(name) == 2)
        return self._weights.get(key, 0.0) / total if total else 0.0

    def has_room(self, names: Collection[str]) -> bool:
        """Whether these countries and addresses can be learned without letting one go."""
        if len(self._weights) + len(names) <= LIMIT:
            return True
        return len(self._weights) + sum(name not in self._weights for name in names) <= LIMIT

    def score_one(self, x: dict[str, Any]) -> float:
        """-log10 of the country's share, at most 6."""
        return -log10(max(1e-6, min(1.0, self.share(str(x.get("country", "")))))) + 0.0

    def learn_one(self, x: dict[str, Any], w: float = 1.0) -> None:
        """Learn a place: each country and address once an hour."""
        hour = int(x.get("hour", 0))
        if hour > self._hour:
            kept = KEPT ** (hour - self._hour) if self._hour else 1.0
            self._weights = {name: weight * kept for name, weight in self._weights.items()}
            self._hour = hour
        for name in {str(x.get("country", "")), str(x.get("address", ""))} - {""}:
            if self._hours.get(name) != hour:
                self._weights[name] = self._weights.get(name, 0.0) + w
                self._hours[name] = hour
        while len(self._weights) > LIMIT:
            # Addresses before countries: a phone's many must not make a country new again each hour.
            least = min(self._weights, key=lambda name: (len(name) == 2, self._weights[name], name))
            del self._weights[least], self._hours[least]
        if x.get("latitude") is not None and x.get("longitude") is not None:
            self._move(x, w < 1.0)

    def _move(self, x: dict[str, Any], suspect: bool) -> None:
        at_us = int(x.get("at_us", 0))
        if self.last is None or at_us >= self.last.at_us:
            where = float(x["latitude"]), float(x["longitude"])
            self.last = Place(at_us, *where, str(x.get("country", "")), str(x.get("address", "")))
            self.suspect = suspect

    def state(self) -> list[Any]:
        """The last place, the weights, and whether that place was suspicious."""
        last = None if self.last is None else list(self.last)
        rows = [[name, self._weights[name], self._hours[name]] for name in sorted(self._weights)]
        return [last, rows, self._hour, self.suspect]

    @classmethod
    def restore(cls, state: list[Any], version: int) -> Self:
        """The model with that state."""
        if version != cls.VERSION or len(state) != 4:
            raise ValueError(f"a Whereabouts of version {version} can't be read")
        model = cls()
        model.last = None if state[0] is None else _place(*state[0])
        table = rows(state[1], 3, LIMIT)
        model._weights = {name: number(weight, 0.0) for name, weight, _ in table}
        model._hours = {name: whole(hour) for name, _, hour in table}
        model._hour = whole(state[2])
        model.suspect = bool(state[3])
        return model


def _place(at_us: Any, latitude: Any, longitude: Any, country: Any, address: Any) -> Place:
    return Place(whole(at_us), number(latitude), number(longitude), str(country), str(address))
