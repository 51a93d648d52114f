"""Where people, offices, attackers and machines are on the map and on the internet.

The networks are real ones, whole in one city of the geography database that comes with the package (a
test looks each of them up): a simulated address that the database puts elsewhere would be a false truth.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from ipaddress import IPv4Network
from math import asin, cos, radians, sin, sqrt


@dataclass(frozen=True, slots=True)
class Place:
    """A city with one network that the database places there."""

    country: str  # ISO 3166 alpha-2
    city: str
    latitude: float
    longitude: float
    utc_offset_h: float  # standard time: the default run ends before clocks change
    network: str

    def address(self, rng: random.Random) -> str:
        """Some address of the network, not its first or last sixteen."""
        network = IPv4Network(self.network)
        return str(network[rng.randrange(16, network.num_addresses - 16)])


FRANKFURT = Place("DE", "Frankfurt am Main", 50.11, 8.68, 1, "109.44.0.0/14")
MUNICH = Place("DE", "Munich", 48.14, 11.58, 1, "160.50.0.0/15")
MUMBAI = Place("IN", "Mumbai", 19.08, 72.88, 5.5, "120.62.0.0/16")
DELHI = Place("IN", "New Delhi", 28.63, 77.22, 5.5, "120.56.0.0/16")
NEWARK = Place("US", "Newark", 40.74, -74.17, -5, "97.34.192.0/18")
LONDON = Place("GB", "London", 51.51, -0.07, 0, "87.82.64.0/18")
MADRID = Place("ES", "Madrid", 40.52, -3.66, 1, "80.37.0.0/17")
PARIS = Place("FR", "Paris", 48.86, 2.35, 1, "91.70.0.0/15")
SINGAPORE = Place("SG", "Singapore", 1.35, 103.82, 8, "106.10.128.0/17")

OFFICES = {  # one egress network for each office
    "DE": Place("DE", "Frankfurt am Main", 50.11, 8.68, 1, "91.53.64.0/18"),
    "IN": Place("IN", "Mumbai", 19.08, 72.88, 5.5, "120.60.128.0/17"),
    "US": Place("US", "Newark", 40.74, -74.17, -5, "97.35.64.0/18"),
}
VPN = Place("NL", "Amsterdam", 52.37, 4.89, 1, "81.58.128.0/18")
HOSTING = {  # where Tor exits, proxies and control servers stand; nobody else has addresses there
    "DE": Place("DE", "Hamburg", 53.60, 9.99, 1, "89.52.0.0/14"),
    "IN": Place("IN", "New Delhi", 28.61, 77.21, 5.5, "165.42.0.0/15"),
    "NL": Place("NL", "Amsterdam", 52.37, 4.89, 1, "130.112.0.0/16"),
}
HOMES = {"DE": (FRANKFURT, FRANKFURT, MUNICH), "IN": (MUMBAI, MUMBAI, DELHI), "US": (NEWARK,)}
CONFERENCES = (LONDON, MADRID, PARIS, SINGAPORE)

CLOUD = {  # the cloud provider's own networks, by region
    "westeurope": Place("NL", "Amsterdam", 52.37, 4.90, 1, "20.82.0.0/17"),
    "northeurope": Place("IE", "Dublin", 53.35, -6.26, 0, "20.54.0.0/17"),
    "germanywestcentral": Place("DE", "Frankfurt am Main", 50.11, 8.68, 1, "20.79.0.0/17"),
}

_ABROAD = """
BR Sao_Paulo -23.6 -46.6 -3 179.64.0.0/15
VN Hanoi 21.0 105.8 7 123.29.0.0/17
RU Moscow 55.8 37.6 3 91.76.0.0/16
NG Lagos 6.5 3.4 1 129.56.128.0/17
ID Jakarta -6.2 106.8 7 114.12.0.0/14
UA Kyiv 50.5 30.5 2 31.12.128.0/17
KR Seongnam 37.4 127.1 9 39.16.0.0/12
AR Buenos_Aires -34.6 -58.4 -3 186.59.0.0/16
TR Ankara 40.0 32.9 3 95.3.128.0/17
CN Taiyuan 37.8 112.6 8 113.24.0.0/17
IR Tehran 35.8 51.4 3.5 5.72.128.0/17
RO Bucharest 44.5 26.1 2 86.35.128.0/18
ZA Sandton -26.1 28.0 2 41.52.0.0/14
TH Bangkok 13.8 100.6 7 117.47.0.0/16
MX Mexico_City 19.3 -99.2 -6 200.67.0.0/18
CO Bogota 4.7 -74.1 -5 181.70.0.0/16
PK Islamabad 33.7 73.0 5 39.55.0.0/16
KZ Almaty 43.2 76.9 5 2.74.0.0/16
CL Santiago -33.4 -70.6 -4 186.40.0.0/15
EG Cairo 30.0 31.4 2 105.86.0.0/18
MA Casablanca 33.5 -7.7 0 105.76.0.0/14
KE Nairobi -1.3 36.8 3 102.3.0.0/16
VE Caracas 10.5 -66.8 -4 179.44.0.0/14
HK Tsuen_Wan 22.4 114.1 8 61.15.128.0/18
TW Taipei 25.0 121.6 8 115.80.0.0/14
BG Sofia 42.7 23.3 2 95.43.128.0/18
"""


def _abroad() -> dict[str, Place]:
    rows = (line.split() for line in _ABROAD.split("\n") if line)
    return {
        row[0]: Place(row[0], row[1].replace("_", " "), float(row[2]), float(row[3]), float(row[4]), row[5])
        for row in rows
    }


ABROAD = _abroad()  # where nobody of the organisation lives or travels: attackers and scanners


def all_places() -> tuple[Place, ...]:
    """Every place whose addresses appear in the telemetry."""
    near = (FRANKFURT, MUNICH, MUMBAI, DELHI, NEWARK, *CONFERENCES, VPN)
    return (*near, *OFFICES.values(), *HOSTING.values(), *CLOUD.values(), *ABROAD.values())


def kilometres(a: Place, b: Place) -> float:
    """Great-circle distance."""
    la, lb = radians(a.latitude), radians(b.latitude)
    half = sin((lb - la) / 2) ** 2 + cos(la) * cos(lb) * sin(radians(b.longitude - a.longitude) / 2) ** 2
    return 12_742 * asin(sqrt(half))


def journey_hours(a: Place, b: Place) -> float:
    """Hours from door to door: 800 km an hour in the air and three hours on the ground.

    >>> round(journey_hours(FRANKFURT, NEWARK), 1)
    10.8
    """
    return 3 + kilometres(a, b) / 800
