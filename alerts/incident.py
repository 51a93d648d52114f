"""What an incident's alerts say together: how grave it is, its story in the order of time, and its graph. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from alerts.alert import Alert, stepped
from alerts.explaining_evidence import seconds
from alerts.incident_graph import Graph, graph_of
from alerts.output import plain, told, who
from alerts.stages import STAGES, UNKNOWN, in_order, stage_of
from detections.declare import SEVERITIES, Severity
from detections.words import counted

TOGETHER_S = 3600.0  # alerts of one type with less than that between them are one step of the story
MOST_NAMES = 6
GRAVE = SEVERITIES.index("medium")


class Step(msgspec.Struct, kw_only=True):
    """What one type of alert tells, at one time."""

    first_seen: str
    last_seen: str
    stage: str  # of `alerts.stages`; '' where the tactics say none
    type: str
    title: str
    severity: Severity
    alerts: list[str]  # their ids
    who: list[str]
    text: str


class Incident(msgspec.Struct, kw_only=True):
    """An incident, whole."""

    id: str
    was: list[str]  # ids of incidents that ended as part of it
    title: str
    summary: str
    severity: Severity
    because: str  # how the severity comes from its alerts
    begun: str
    last: str
    alerts: list[str]
    entities: list[str]
    types: list[str]
    tactics: list[str]
    techniques: list[str]
    stages: list[str]  # in which it went forward
    story: list[Step]
    graph: Graph


def tell(alerts: Iterable[Alert]) -> Incident:
    """The incident that these alerts are; withdrawn ones count only where there is no other."""
    given = list(alerts)
    parts = sorted([one for one in given if not one.withdrawn] or given, key=_place)
    first = parts[0]
    story = _story(parts)
    stages = in_order([stage_of(one.tactics) for one in parts])
    severity, because = _severity(parts)
    begun, last = first.first_seen, max(one.last_seen for one in parts)
    return Incident(
        id=first.incident,
        was=sorted({old for one in given for old in one.joins or ()} - {first.incident}),
        title=_title(parts, stages),
        summary=_summary(parts, begun, last),
        severity=severity,
        because=because,
        begun=begun,
        last=last,
        alerts=[one.id for one in parts],
        entities=_each(one.entity.id for one in parts),
        types=_each(one.type for one in parts),
        tactics=_each(tactic for one in parts for tactic in one.tactics),
        techniques=_each(technique for one in parts for technique in one.techniques),
        stages=[STAGES[one] for one in stages],
        story=story,
        graph=graph_of(parts),
    )


def by_incident(alerts: Iterable[Alert]) -> list[Incident]:
    """All incidents of some alerts, in the order in which they began. An id that ended means what it became."""
    given = list(alerts)
    became = {old: one.incident for one in given for old in one.joins or ()}
    groups: dict[str, list[Alert]] = {}
    for alert in given:
        groups.setdefault(last_id(alert.incident or alert.id, became), []).append(alert)
    ended: dict[str, list[str]] = {}
    for old in became:
        ended.setdefault(last_id(old, became), []).append(old)
    found = []
    for id_, some in groups.items():
        incident = tell(some)
        incident.id, incident.was = id_, sorted(set(ended.get(id_, ())) - {id_})
        found.append(incident)
    return sorted(found, key=lambda one: (one.begun, one.id))


def last_id(incident: str, became: dict[str, str]) -> str:
    """What an id means now."""
    seen = {incident}
    while (there := became.get(incident)) is not None and there not in seen:
        seen.add(there)
        incident = there
    return incident


def _place(alert: Alert) -> tuple[str, int, str]:
    return alert.first_seen, stage_of(alert.tactics), alert.id


def _each(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _severity(parts: Sequence[Alert]) -> tuple[Severity, str]:
    """That of the gravest alert; a step more where alerts of medium or higher severity go forward in an attack."""
    worst = max((one.severity for one in parts), key=SEVERITIES.index)
    grave = [one for one in parts if SEVERITIES.index(one.severity) >= GRAVE]
    way = in_order([stage_of(one.tactics) for one in grave])
    severity = stepped(worst, 1) if len(way) > 1 else worst
    if severity == worst:
        return worst, "as its gravest alert"
    return severity, f"one step above its gravest alert: {_then(way)}, in this order"


def _then(stages: Sequence[int]) -> str:
    return ", then ".join(STAGES[one] for one in stages)


def _title(parts: Sequence[Alert], stages: Sequence[int]) -> str:
    """The way that it went, or what it is; and by whom."""
    about = _names(parts)
    what = _then(stages).capitalize() if len(stages) > 1 else plain(_gravest(parts).title)
    return f"{what}: {about[0]}"


def _gravest(parts: Sequence[Alert]) -> Alert:
    """The first of the gravest."""
    return max(parts, key=lambda one: SEVERITIES.index(one.severity))


def _names(parts: Sequence[Alert]) -> list[str]:
    """Those that most of the alerts are about: people before machines and vaults."""
    graph = graph_of(parts)
    most = max((node.alerts for node in graph.nodes if node.kind == "principal"), default=0)
    people = [plain(node.name) for node in graph.nodes if node.kind == "principal" and node.alerts == most]
    return people or [name for name, _ in Counter(plain(who(one)) for one in parts).most_common()]


def _summary(parts: Sequence[Alert], begun: str, last: str) -> str:
    entities = {(one.entity.kind, one.entity.id.lower()) for one in parts}
    kinds = Counter(kind for kind, _ in entities)
    about = _listed([counted(number, kind) for kind, number in sorted(kinds.items())])
    first, end = (said[:16].replace("T", " ") for said in (begun, last))
    if first[:10] == end[:10] and first != end:
        end = end[11:]
    when = f"at {first} UTC" if first == end else f"from {first} to {end} UTC"
    return f"{counted(len(parts), 'alert')} on {about}, {when}."


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _story(parts: Sequence[Alert]) -> list[Step]:
    groups: list[list[Alert]] = []
    open_: dict[str, tuple[list[Alert], float]] = {}  # by type, with the end of its last alert
    for one in parts:
        group, end = open_.get(one.type, ([], -TOGETHER_S))
        if not group or _seconds(one.first_seen) - end > TOGETHER_S:
            group = []
            groups.append(group)
        group.append(one)
        open_[one.type] = group, max(end, _seconds(one.last_seen))
    return [_step(group) for group in groups]


def _seconds(said: str) -> float:
    return seconds(said) or 0.0


def _step(group: Sequence[Alert]) -> Step:
    first, stage = group[0], stage_of(group[0].tactics)
    names = _each(plain(who(one)) for one in group)
    return Step(
        first_seen=first.first_seen,
        last_seen=max(one.last_seen for one in group),
        stage="" if stage == UNKNOWN else STAGES[stage],
        type=first.type,
        title=plain(first.title),
        severity=_gravest(group).severity,
        alerts=[one.id for one in group],
        who=names,
        text=_text(group, names),
    )


def _text(group: Sequence[Alert], names: Sequence[str]) -> str:
    """The gravest in its own words, and how many more there are of its kind."""
    said = plain(told(_gravest(group)))
    if len(group) == 1:
        return said
    shown = list(names[:MOST_NAMES])
    if len(names) > MOST_NAMES:
        shown.append(f"{len(names) - MOST_NAMES:,} more")
    return f"{said} {len(group):,} such alerts, on {_listed(shown)}."
