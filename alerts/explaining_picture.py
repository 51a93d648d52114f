"""What a picture of an alert shows, as plain values: bars of what was seen and what is usual, and lanes of time.

`alerts.explaining_drawing` draws it; all that it shows is in words too (`described`), for who can't see it.
"""

from __future__ import annotations

from typing import Any

from alerts.alert import Alert
from alerts.explaining_evidence import amount, number, rows, seconds, table, text, texts
from alerts.explaining_shapes import Bar, Bars, Lanes, Mark, Panel, Picture, Point
from alerts.output import plain, short_id, who

MOST_BARS = 12
MOST_LANES = 10
MOST_POINTS = 500


def picture(alert: Alert) -> Picture:
    """The picture of an alert; there is at least a time line of its records, or of its first and last one."""
    about = f"{plain(who(alert))}, {alert.start[:16].replace('T', ' ')} UTC, {alert.severity}"
    panels = [panel for panel in _panels(alert) if panel is not None]
    return Picture(plain(alert.title), about, panels or [_span(alert)])


def _panels(alert: Alert) -> list[Panel | None]:
    evidence, type_ = alert.evidence, alert.type
    if type_.startswith("network."):
        return _network(alert)
    match type_.partition(".")[2]:
        case "high_operation_volume":
            return [_volume(evidence), _records(evidence)]
        case "high_vault_access_volume":
            return [_vault_count(evidence), _vaults(evidence)]
        case "list_and_query":
            return [_listed(evidence), _records(evidence)]
        case "policy_change_and_query":
            return [_records(evidence)]
        case "unusual_operation_pattern":
            return [_mix(evidence)]
        case "unusual_user" | "unusual_application" | "unusual_user_application_pair":
            return [_callers(evidence), _records(evidence)]
        case "infrequent_country":
            return [_countries(evidence), _records(evidence)]
        case "powershell":
            return [_clients(evidence), _records(evidence)]
        case "inactive_account":
            return [_silence(evidence), _records(evidence)]
        case "impossible_travel":
            return [_travel(evidence)]
        case "persistence":
            return [_roles(evidence) or _records(evidence)]
        case _:
            return [_records(evidence)]


# Numbers


def _bars(title: str, found: list[tuple[str, Any, Mark]], share: bool = False) -> Bars | None:
    """What of it is there; None without anything that was seen, or to hold it against."""
    bars = [Bar(label, value, mark) for label, raw, mark in found if (value := _positive(raw)) is not None]
    return Bars(title, bars[:MOST_BARS], share) if len(bars) > 1 else None


def _positive(raw: Any) -> float | None:
    value = number(raw)
    return None if value is None or value < 0 else value


def _network(alert: Alert) -> list[Panel | None]:
    evidence = alert.evidence
    many = alert.type.endswith("_multiple")
    what = "addresses" if many else "connections with one peer"
    service = text(evidence.get("service"))
    counts = _bars(
        f"{service} {what} in an hour".strip(),
        [
            ("seen", evidence.get("seen"), "seen"),
            ("usual here", evidence.get("usual"), "usual"),
            ("at most, in 99 of 100 such hours", evidence.get("usual_at_most"), "limit"),
            ("other resources, on average", evidence.get("usual_for_neighbours"), "other"),
        ],
    )
    return [counts, _peers(evidence)]


def _peers(evidence: dict[str, Any]) -> Panel | None:
    """When the busiest peers spoke, or how much each of them if the evidence does not say when."""
    points = []
    peers = rows(evidence.get("top_peers"))[:MOST_LANES]
    for peer in peers:
        first, last = seconds(peer.get("first_seen")), seconds(peer.get("last_seen"))
        if first is not None and last is not None and last >= first:
            points.append(Point(_peer(peer), first, "seen", last))
    if points:
        return Lanes("The busiest peers: from the first connection to the last", points)
    found: list[tuple[str, Any, Mark]] = [(_peer(peer), peer.get("connections"), "seen") for peer in peers]
    return _bars("Connections", [*found, ("usual", 0, "usual")])


def _peer(peer: dict[str, Any]) -> str:
    country = text(peer.get("country"))
    return text(peer.get("address")) + (f" ({country})" if country else "")


def _volume(evidence: dict[str, Any]) -> Panel | None:
    return _bars(
        "Operations in an hour",
        [
            ("seen", evidence.get("operations_in_hour"), "seen"),
            ("of them more than their callers ever made", evidence.get("operations_not_explained"), "seen"),
            ("usual here", evidence.get("usual_at_this_hour"), "usual"),
            ("at most, in 99 of 100 such hours", evidence.get("usual_at_most"), "limit"),
            ("other vaults, on average", evidence.get("usual_for_other_vaults"), "other"),
        ],
    )


def _vault_count(evidence: dict[str, Any]) -> Panel | None:
    most = table(evidence.get("usual")).get("most_in_24_hours_before")
    before: tuple[str, Any, Mark] = ("most until now, about", most, "limit")
    if number(most) is None:
        before = "most until now: fewer than 5, at most", 4 if text(most) else None, "limit"
    return _bars(
        "Different key vaults within 24 hours",
        [
            ("seen", evidence.get("vaults_in_24_hours"), "seen"),
            ("in this hour, outside its regular ones", evidence.get("never_before"), "new"),
            before,
        ],
    )


def _listed(evidence: dict[str, Any]) -> Panel | None:
    usual = table(evidence.get("usual"))
    return _bars(
        "Different secrets that were read in ten minutes after a listing",
        [
            ("seen", evidence.get("distinct_secrets"), "seen"),
            ("most by this caller before", usual.get("most_by_this_caller_before"), "limit"),
            ("most by anyone before", usual.get("most_by_anyone_before"), "other"),
        ],
    )


def _mix(evidence: dict[str, Any]) -> Panel | None:
    shares = [(text(name), table(row)) for name, row in table(evidence.get("shares")).items()]
    shares.sort(key=lambda pair: (-max(_gap(pair[1]), 0.0), pair[0]))
    found: list[tuple[str, Any, Mark]] = []
    for name, row in shares[: MOST_BARS // 2]:
        found += [(f"{name}: seen", row.get("seen"), "seen"), (f"{name}: usual", row.get("usual"), "usual")]
    return _bars("Share of the hour's operations", found, share=True)


def _gap(row: dict[str, Any]) -> float:
    return abs((number(row.get("seen")) or 0.0) - (number(row.get("usual")) or 0.0))


def _callers(evidence: dict[str, Any]) -> Panel | None:
    """The new ones among the known ones."""
    found: list[tuple[str, Any, Mark]] = [
        (
            f"new: {text(row.get('name')) or text(row.get('application')) or text(row.get('object_id'))}",
            0,
            "new",
        )
        for row in rows(evidence.get("new"))[:4]
    ]
    known = rows(table(evidence.get("usual")).get("most_seen"))[: MOST_BARS - len(found)]
    found += [(text(row.get("id")), row.get("days"), "usual") for row in known]
    return _bars("Who uses the vault: days of the last weeks (old ones count less)", found)


def _countries(evidence: dict[str, Any]) -> Panel | None:
    found: list[tuple[str, Any, Mark]] = [
        (f"new: {one}", 0, "new") for one in texts(evidence.get("countries"))[:4]
    ]
    hours = table(evidence.get("usual_hours"))
    found += [(text(name), value, "usual") for name, value in hours.items()]
    return _bars("Where the person acts from: hours of the last weeks (old ones count less)", found)


def _clients(evidence: dict[str, Any]) -> Panel | None:
    mix = table(evidence.get("usual_clients"))
    known: list[tuple[str, Any, Mark]] = [(text(name), share, "usual") for name, share in mix.items()]
    new: list[tuple[str, Any, Mark]] = [] if "PowerShell" in mix else [("new: PowerShell", 0, "new")]
    return _bars("Clients that the principal uses: share", new + known, share=True)


# Times


def _records(evidence: dict[str, Any]) -> Lanes | None:
    """The records that the alert names, a lane for each operation."""
    points = [
        Point(text(row.get("operation")) or "record", at)
        for row in rows(evidence.get("records"))[:MOST_POINTS]
        if (at := seconds(row.get("time"))) is not None
    ]
    return _lanes("The records that the alert names, by operation", points)


def _lanes(title: str, points: list[Point]) -> Lanes | None:
    """Only so many lanes as can be read: all further ones are one."""
    if not points:
        return None
    points.sort(key=lambda point: point.at_s)
    names = list(dict.fromkeys(point.lane for point in points))
    shown = set(names if len(names) <= MOST_LANES else names[: MOST_LANES - 1])
    return Lanes(title, [p if p.lane in shown else p._replace(lane="others") for p in points])


def _vaults(evidence: dict[str, Any]) -> Panel | None:
    points = []
    for row in rows(evidence.get("vaults")):
        at = seconds(row.get("first") or row.get("hour"))
        if at is not None:
            mark: Mark = "new" if row.get("never_before") is True else "usual"
            points.append(Point(text(short_id(text(row.get("vault")))), at, mark))
    return _lanes("The vaults, when first reached (star: never before)", points)


def _roles(evidence: dict[str, Any]) -> Panel | None:
    points = []
    for row in rows(evidence.get("roles"))[: MOST_LANES // 2]:
        name = text(row.get("role_name")) or text(row.get("role"))
        for key, what in (("made_at", "made"), ("given_at", "given")):
            if (at := seconds(row.get(key))) is not None:
                points.append(Point(f"{name}: {what}", at))
    return _lanes("The role", points)


def _silence(evidence: dict[str, Any]) -> Panel | None:
    return _bars(
        "Days without any activity",
        [
            ("seen", evidence.get("idle_days"), "seen"),
            ("longest usual pause", evidence.get("usual_pause_days") or 0, "usual"),
        ],
    )


def _travel(evidence: dict[str, Any]) -> Panel | None:
    points = []
    for key in ("from_place", "to_place"):
        place = table(evidence.get(key))
        at = seconds(place.get("time"))
        if at is not None:
            mark: Mark = "usual" if place.get("usual_here") is True else "new"
            points.append(
                Point(f"{text(place.get('country'))} {text(place.get('address'))}".strip(), at, mark)
            )
    if len(points) < 2:
        return None
    parts = [
        (evidence.get(key), unit) for key, unit in (("km", "km"), ("minutes", "minutes"), ("km_h", "km/h"))
    ]
    joined = ", ".join(f"{amount(value)} {unit}" for raw, unit in parts if (value := number(raw)) is not None)
    return Lanes("Places of activity (star: not usual for this person)", points, joined)


def _span(alert: Alert) -> Lanes:
    first = seconds(alert.first_seen) or seconds(alert.start) or 0.0
    last = seconds(alert.last_seen)
    return Lanes(
        "From the first record to the last", [Point("records", first, "seen", max(first, last or first))]
    )
