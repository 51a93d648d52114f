"""What is different in how organisations work. All of it is benign; the defaults are the organisation of the demo."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Habits:
    """How an organisation of one kind works, where kinds differ."""

    builds: float = 6.0  # pipeline runs in the day of a working day; a tenth of them at weekends
    identities: int = 1  # that a pipeline run makes for its jobs, each used once
    launches: tuple[int, int] = (4, 10)  # days between two new applications: fewest and most
    month_end: int = 5  # how often batch jobs go through their vaults on the first two days of a month
    audits: bool = False  # around a quarter's end admins list what is in every vault
    vpn: tuple[float, ...] = (0.1, 0.5, 0.9)  # shares of sessions at home that go through the VPN
    trips: float = 0.13  # share of people who travel in a run
    phone: float = 0.02  # weight of sessions that come through a phone
    carriers: int = 0  # addresses a country's phones share behind the carrier's NAT; 0: each has its own
    scanning: float = 1.0  # how much of the internet's background finds an address

    def __post_init__(self) -> None:
        if self.builds >= 50 or min(self.builds, self.phone, self.scanning) < 0:
            raise ValueError("builds are 0 to 50 a day; builds, phone and scanning are not negative")
        if not 1 <= self.launches[0] <= self.launches[1]:
            raise ValueError("launches are the fewest and the most days between two, from 1")
