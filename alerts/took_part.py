"""Who took part in what an alert tells, and from which addresses; not who usually does. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import islice
from typing import Any, NamedTuple

from alerts.alert import Alert
from alerts.explaining_evidence import rows, table, text, texts

MOST = 100  # accounts of an alert that are told, and addresses
Address = IPv4Address | IPv6Address


class Account(NamedTuple):
    """A person or an application."""

    id: str  # the cloud's; '' where none came
    name: str  # 'ann@example.com', or ''
    kind: str  # user, service_principal, or '' where nobody said


def accounts(alert: Alert) -> list[Account]:
    """The principal that the alert is about first; each once."""
    return list(dict.fromkeys(islice(_accounts(alert), MOST)))


def _accounts(alert: Alert) -> Iterator[Account]:
    if alert.entity.kind == "principal" and alert.entity.id:
        yield _account(alert.entity.id, alert.evidence)
    for caller in rows(alert.evidence.get("callers")):
        known = (text(caller.get(key)) for key in ("object_id", "name", "application"))
        if id_ := next(filter(None, known), ""):
            yield _account(id_, caller)


def _account(id_: str, said: dict[str, Any]) -> Account:
    kind = text(said.get("kind"))
    # Where no object id came, a principal is known by its name.
    return Account("", id_, kind) if "@" in id_ else Account(id_, text(said.get("name")), kind)


def addresses(alert: Alert) -> list[Address]:
    """Those of the callers and the peers, and of the machine itself; each once."""
    found = (one for one in map(_parsed, _said(alert)) if one is not None)
    return list(islice(dict.fromkeys(found), MOST))


def _said(alert: Alert) -> Iterator[Any]:
    evidence = alert.evidence
    for key in ("addresses", "top_peers"):
        yield from (one.get("address") for one in rows(evidence.get(key)))
    for key in ("from_place", "to_place"):
        yield table(evidence.get(key)).get("address")
    yield evidence.get("peer")
    yield from texts(evidence.get("own_addresses"))
    yield alert.entity.id.removeprefix("ip:")  # a machine that no inventory names


def _parsed(said: Any) -> Address | None:
    try:
        return ip_address(said.partition("%")[0]) if isinstance(said, str) else None
    except ValueError:
        return None
