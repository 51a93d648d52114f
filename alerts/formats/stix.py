"""STIX 2.1: a detection is an indicator, an alert a sighting of it, with what was observed. Made by OASIS's library.

Ids are UUIDv5: the same alert has the same ids wherever it is written. A newer word on it is a newer version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID, uuid5

import msgspec
from stix2.v21 import (
    AttackPattern,
    ExtensionDefinition,
    Identity,
    Incident,
    Indicator,
    IPv4Address,
    IPv6Address,
    Note,
    ObservedData,
    Relationship,
    Sighting,
    UserAccount,
)

from alerts.alert import Alert
from alerts.formats.times import instant
from alerts.output import is_open, short_id
from alerts.took_part import Account, Address, accounts, addresses
from detections.catalogue import CATALOGUE

NAMESPACE = UUID("7cbfdb0d-6a1b-50c5-a4e7-5b0e2f6a7a10")  # of our ids: for ever
BORN = datetime(2026, 1, 1, tzinfo=UTC)  # of what has no time of its own: the same wherever it is written
TICK = timedelta(milliseconds=1)
MOST = 999_999_999  # that STIX counts to
REMEMBERED = 200_000  # objects of a bundle that are not written twice
Object = tuple[str, bytes]  # its id, and it as JSON
_encoder = msgspec.json.Encoder(order="sorted")


def line(alert: Alert) -> bytes:
    """A bundle of one alert, in a line."""
    return b"".join(bundle([alert], b"")) + b"\n"


def bundle(alerts: Iterable[Alert], end: bytes = b"\n") -> Iterator[bytes]:
    """One bundle, in pieces; what alerts share is written once, if it was written lately."""
    written = dict.fromkeys([REDSHANK])
    known = blake2b(digest_size=16)
    yield b'{"type":"bundle","objects":[' + end + _redshank()[0][1]
    for id_, body in (one for alert in alerts for one in objects(alert)):
        if id_ not in written:
            known.update(body)
            yield b"," + end + body
        written.pop(id_, None)
        written[id_] = None  # the newest stand last
        if len(written) > REMEMBERED:
            del written[next(iter(written))]
    yield end + b'],"id":"%s"}' % _id("bundle", known.hexdigest()).encode() + end


def objects(alert: Alert) -> list[Object]:
    """All that an alert is in STIX; the shared ones first."""
    shared = [*_redshank(), *_detection(*_rule(alert))]
    own = {
        "created_by_ref": REDSHANK,
        "created": _time(alert.start),
        "modified": _modified(alert),
        "revoked": bool(alert.withdrawn),
    }
    # Ids of observables are hashes of what they are, by the standard's own rule.
    found = [*map(_account, accounts(alert)), *map(_address, addresses(alert))]
    seen = list({one.id: one for one in found}.values())
    if seen:
        seen.append(_observed(alert, [one.id for one in seen], own))
    where = _place(alert)
    sighting = _sighting(alert, seen[-1:], where, own)
    incident = _incident(alert)
    note = _note(alert, [one.id for one in (sighting, *incident)], own)
    return shared + [_object(one) for one in (*where, *incident, *seen, sighting, note)]


def _account(one: Account) -> Any:
    said: dict[str, Any] = {"user_id": one.id, "account_login": one.name}
    if one.kind in ("user", "service_principal"):
        said["is_service_account"] = one.kind == "service_principal"
    return UserAccount(**{name: value for name, value in said.items() if value != ""})


def _address(one: Address) -> Any:
    return (IPv4Address if one.version == 4 else IPv6Address)(value=str(one))


def _observed(alert: Alert, what: list[str], own: dict[str, Any]) -> Any:
    first, last = _seen(alert)
    return ObservedData(
        id=_id("observed-data", alert.id),
        first_observed=first,
        last_observed=last,
        number_observed=max(1, min(alert.count, MOST)),
        object_refs=what,
        **own,
    )


def _sighting(alert: Alert, observed: list[Any], where: list[Any], own: dict[str, Any]) -> Any:
    first, last = _seen(alert)
    refs = {"observed_data_refs": observed, "where_sighted_refs": where}
    return Sighting(
        _id("indicator", alert.type),
        id=_id("sighting", alert.id),
        description=f"{alert.title}\n{alert.description}",
        first_seen=first,
        last_seen=last,
        count=max(0, min(alert.count, MOST)),
        labels=[f"severity-{alert.severity}"] + ["sample"] * (alert.sample is True),
        extensions={ALERT: _said(alert)},
        **{name: [one.id for one in found] for name, found in refs.items() if found},
        **own,
    )


def _seen(alert: Alert) -> tuple[datetime, datetime]:
    first = _time(alert.first_seen, alert.start)
    return first, max(first, _time(alert.last_seen, alert.end))


def _modified(alert: Alert) -> datetime:
    """Later for every later word: that of an open hour, the whole one, that it is none."""
    start, end = _time(alert.start), _time(alert.end, alert.start)
    if alert.withdrawn:
        return max(start, end + TICK)
    return max(start, min(_time(alert.last_seen), end - TICK) if is_open(alert) else end)


def _said(alert: Alert) -> dict[str, Any]:
    """What STIX has no place for; lists and tables are text with JSON in it."""
    return {
        "extension_type": "property-extension",
        "alert_id": alert.id,
        "alert_type": alert.type,
        "severity": alert.severity,
        "entity_kind": alert.entity.kind,
        "entity_id": alert.entity.id,
        "hour_start": alert.start,
        "hour_end": alert.end,
        "evidence": _encoder.encode(alert.evidence).decode(),
        **{
            name: value
            for name in ("incident", "region", "withdrawn")
            if (value := getattr(alert, name)) and isinstance(value, str)
        },
    }


def _note(alert: Alert, about: list[str], own: dict[str, Any]) -> Any:
    """For people; it ties an alert to its incident, for a relationship can't lead to a sighting."""
    steps = [f"{number}. {step}" for number, step in enumerate(alert.remediation, 1)]
    content = "\n".join([alert.description or alert.title, *steps])
    return Note(
        id=_id("note", alert.id), abstract=alert.title, content=content or "-", object_refs=about, **own
    )


def _incident(alert: Alert) -> list[Any]:
    if not alert.incident:
        return []
    began = re.match(r"\d{8}T\d{6}Z", alert.incident)
    name = f"Redshank incident {alert.incident}"
    at = _time(began[0]) if began else BORN
    return [Incident(id=_id("incident", alert.incident), name=name, **_shared(at))]


def _place(alert: Alert) -> list[Any]:
    """The vault or the machine. STIX has no object for what a cloud holds: it is a system."""
    id_ = alert.entity.id
    if alert.entity.kind == "principal" or not id_:
        return []
    key = id_.lower()  # compared without case, as the cloud does
    made = Identity(
        id=_id("identity", alert.entity.kind, key),
        name=short_id(key),
        description=f"{alert.entity.kind}: {key}",
        identity_class="system",
        **_shared(BORN),
    )
    return [made]


# What alerts share: made once, and the same to the octet wherever it stands


def _rule(alert: Alert) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """As the catalogue has it; a type that this version does not know is as the alert says."""
    said = CATALOGUE.get(alert.type) or alert
    return alert.type, said.title or alert.type, tuple(said.tactics), tuple(said.techniques)


@lru_cache(maxsize=256)
def _detection(type_: str, title: str, tactics: tuple[str, ...], techniques: tuple[str, ...]) -> list[Object]:
    """The detection as an indicator, and the techniques that it indicates."""
    phases = [{"kill_chain_name": "mitre-attack", "phase_name": _phase(one)} for one in tactics]
    indicator = Indicator(
        id=_id("indicator", type_),
        name=title,
        description=CATALOGUE[type_].explanation if type_ in CATALOGUE else "A detection of another version.",
        indicator_types=["anomalous-activity"],
        pattern=type_ or "unknown",
        pattern_type="redshank",
        valid_from=BORN,
        **({"kill_chain_phases": phases} if phases else {}),
        **_shared(BORN),
    )
    found: list[Any] = [indicator]
    for technique in techniques:
        attack = AttackPattern(
            id=_id("attack-pattern", technique),
            name=technique,
            external_references=[_reference(technique)],
            **_shared(BORN),
        )
        found += [attack, _related(indicator.id, "indicates", attack.id)]
    return [_object(one) for one in found]


def _phase(tactic: str) -> str:
    """As ATT&CK has it in STIX.

    >>> _phase("CredentialAccess"), _phase("Command and Control")
    ('credential-access', 'command-and-control')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|\s+", "-", tactic).lower()


def _reference(technique: str) -> dict[str, str]:
    said = {"source_name": "mitre-attack", "external_id": technique}
    if re.fullmatch(r"T\d{4}(\.\d{3})?", technique, re.ASCII):
        said["url"] = f"https://attack.mitre.org/techniques/{technique.replace('.', '/')}/"
    return said


@lru_cache(maxsize=1)
def _redshank() -> list[Object]:
    """Who says it, and what we have added to STIX."""
    made = [
        Identity(id=REDSHANK, name="Redshank", identity_class="system", created=BORN, modified=BORN),
        ExtensionDefinition(
            id=ALERT,
            name="Alerts of Redshank",
            description="What an alert says for which STIX has no property.",
            schema="alert_id, alert_type, severity, entity_kind, entity_id, hour_start, hour_end, evidence (JSON), "
            "incident, region, withdrawn: texts",
            version="1.0.0",
            extension_types=["property-extension"],
            **_shared(BORN),
        ),
    ]
    return [_object(one) for one in made]


def _related(source: str, how: str, target: str) -> Any:
    made = _shared(BORN)
    return Relationship(source, how, target, id=_id("relationship", source, how, target), **made)


def _shared(at: datetime) -> dict[str, Any]:
    return {"created_by_ref": REDSHANK, "created": at, "modified": at}


def _id(kind: str, *parts: str) -> str:
    return f"{kind}--{uuid5(NAMESPACE, chr(0).join((kind, *parts)))}"


REDSHANK = _id("identity", "redshank")
ALERT = _id("extension-definition", "alert")


def _object(one: Any) -> Object:
    return one.id, one.serialize(ensure_ascii=False).encode()


def _time(*said: str) -> datetime:
    """The first that is a time; STIX can't do without one."""
    return next((at for one in said if (at := instant(one)) is not None), BORN)
