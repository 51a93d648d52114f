"""What was observed in an alert as STIX 2.1 observables: addresses and accounts."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from itertools import chain, islice
from typing import Any

from stix2.v21 import IPv4Address as IPv4
from stix2.v21 import IPv6Address as IPv6
from stix2.v21 import UserAccount

from alerts.alert import Alert
from alerts.explaining_evidence import rows, table, texts

MOST = 100  # addresses and accounts of an alert, each


def observables(alert: Alert) -> list[Any]:
    """Each once, in their order; their ids are hashes of what they are."""
    found = chain(
        islice(_accounts(alert), MOST),
        map(_address, islice(_addresses(alert), MOST)),
    )
    return list({one.id: one for one in found}.values())


def _account(id_: str, name: Any, kind: Any) -> Any:
    said: dict[str, Any] = {}
    if "@" in id_:  # where no object id came, a principal is known by its name
        said["account_login"] = id_
    else:
        said["user_id"] = id_
        if isinstance(name, str) and name:
            said["account_login"] = name
    if kind in ("user", "service_principal"):
        said["is_service_account"] = kind == "service_principal"
    return UserAccount(**said)


def _accounts(alert: Alert) -> Iterator[Any]:
    if alert.entity.kind == "principal" and alert.entity.id:
        yield _account(alert.entity.id, alert.evidence.get("name"), alert.evidence.get("kind"))
    for caller in rows(alert.evidence.get("callers")):
        id_ = next((one for key in ("object_id", "name", "application") if (one := caller.get(key))), None)
        if isinstance(id_, str):
            yield _account(id_, caller.get("name"), caller.get("kind"))


def _addresses(alert: Alert) -> Iterator[str]:
    """Those that took part; not those that are usual."""
    evidence = alert.evidence
    places = [table(evidence.get(key)) for key in ("from_place", "to_place")]
    said = [one.get("address") for key in ("addresses", "top_peers") for one in rows(evidence.get(key))]
    said += [one.get("address") for one in places] + [evidence.get("peer")]
    said.append(alert.entity.id.removeprefix("ip:"))  # a machine that no inventory names
    for one in chain(said, texts(evidence.get("own_addresses"))):
        if isinstance(one, str) and _parsed(one) is not None:
            yield one


def _parsed(said: str) -> Any:
    try:
        return ip_address(said.partition("%")[0])
    except ValueError:
        return None


def _address(said: str) -> Any:
    address = _parsed(said)
    return (IPv4 if isinstance(address, IPv4Address) else IPv6)(value=str(address))
