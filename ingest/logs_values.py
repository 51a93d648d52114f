"""Values as logs really hold them: a number as text, text as a number, JSON in a string, keys in any case."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, inet_pton
from typing import Any, NamedTuple

import msgspec

from ingest.depth import from_any_depth

MAX_TEXT = 2048  # characters kept of a text field
MAX_EMBEDDED = 1_000_000  # characters of JSON in a string that are looked at

_decode = from_any_depth(msgspec.json.Decoder().decode)
_encode = from_any_depth(msgspec.json.Encoder().encode)
# What a decoder raises for what it can't read; the last one where it nests too deep.
PROBLEMS = (msgspec.MsgspecError, ValueError, RecursionError)


def text(value: object) -> str:
    """A value as text, at most `MAX_TEXT` characters; '' for what isn't a single value.

    >>> text(" a "), text(200.0), text(None), text({"a": 1})
    ('a', '200', '', '')
    """
    if type(value) is str:
        return value.strip() if len(value) <= MAX_TEXT else value[:MAX_TEXT].strip()
    if (
        value is None
        or isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) <= 1e30
    ):
        return ""
    return str(int(value)) if value == int(value) else str(value)


def number(value: object) -> int | None:
    """A whole number given as number or text; None if it is none.

    >>> number("200"), number(403.0), number("OK")
    (200, 403, None)
    """
    if isinstance(value, str):
        short = value.strip()
        return int(short) if short.isascii() and short.isdigit() and len(short) < 16 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return None
    return int(value)


def parsed(value: object) -> Any:
    """JSON in a string, decoded; None where it is none, too long or cut."""
    if not isinstance(value, str) or len(value) > MAX_EMBEDDED:
        return None
    try:
        return _decode(value)
    except PROBLEMS:
        return None


def mapping(value: object) -> Mapping[str, Any]:
    """An object given as such or as JSON in a string; empty if it is neither."""
    if isinstance(value, dict):
        return value
    found = parsed(value) if isinstance(value, str) and value.lstrip()[:1] == "{" else None
    return found if isinstance(found, dict) else {}


def folded(value: object) -> dict[str, Any]:
    """The object's members under lower-case names: the case of names differs from one export to the next.

    Of names that differ in case alone, the last one that holds something counts.
    """
    members: Mapping[str, Any] = value if type(value) is dict else mapping(value)
    lowered = {name.lower(): item for name, item in members.items()}
    if len(lowered) != len(members):
        lowered.update((name.lower(), item) for name, item in members.items() if item not in (None, ""))
    return lowered


def texts(value: object, limit: int = 200) -> list[str]:
    """A list of texts, given as a list, JSON in a string or with commas; at most `limit`, empty ones left out.

    >>> texts('["get", "list"]'), texts("get, list"), texts(None)
    (['get', 'list'], ['get', 'list'], [])
    """
    if isinstance(value, str):
        value = parsed(value) if value.lstrip()[:1] == "[" else value.split(",", limit)
    if not isinstance(value, list):
        return []
    return [found for item in value[:limit] if (found := text(item))]


@lru_cache(65_536)
def _canonical(given: str) -> str:
    bare = given.partition(",")[0].strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    elif bare.count(":") == 8 and "::" not in bare:
        bare = bare.rpartition(":")[0]
    try:
        inet_pton(AF_INET, bare)  # most are of version 4, of which this takes the canonical form alone
    except (OSError, ValueError):
        return _of_any_version(bare)
    return "" if bare == "0.0.0.0" else bare


def _of_any_version(bare: str) -> str:
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return "" if found.is_unspecified else str(found)


def address(value: object) -> str:
    """An address in canonical text, without port; '' where none is named (0.0.0.0 names none).

    >>> address("203.0.113.9:51234"), address("[2001:DB8::1]:443"), address("::ffff:10.0.0.1"), address("X.X")
    ('203.0.113.9', '2001:db8::1', '10.0.0.1', '')
    """
    return _canonical(value) if type(value) is str and 2 <= len(value) <= 64 else ""


class Place(NamedTuple):
    """What a resource id says of where the resource is."""

    vault: str  # id of the vault or managed HSM that it is, or lies beneath; as it came; '' = none
    subscription: str  # lower case
    lower: str


_VAULT_TYPES = ("vaults", "managedhsms")


@lru_cache(16_384)
def _place(resource: str) -> Place:
    lower = resource.lower()
    parts = lower.split("/", 9)
    if parts[:2] != ["", "subscriptions"] or len(parts) < 3:
        return Place("", "", lower)
    vault = ""
    if len(parts) > 8 and parts[3::2][:2] == ["resourcegroups", "providers"]:
        provider, kind = parts[6], parts[7]
        if provider == "microsoft.keyvault" and kind in _VAULT_TYPES and parts[8]:
            vault = "/".join(resource.split("/", 9)[:9])
    return Place(vault, parts[2], lower)


def place(resource: str) -> Place:
    """Vault and subscription that a resource id names.

    >>> place("/subscriptions/S/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/secrets/x").vault
    '/subscriptions/S/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v'
    """
    return _place(resource)


def excerpt(value: object) -> str:
    """At most 200 printable characters of what can't be read."""
    if isinstance(value, bytes | bytearray | memoryview):
        shown = bytes(value[:400]).decode("utf-8", "replace")
    elif isinstance(value, str):
        shown = value[:400]
    else:
        shown = _shown(value)[:400]
    return "".join(letter if letter.isprintable() else " " for letter in shown)[:200].strip()


def _shown(value: object) -> str:
    try:
        return _encode(value).decode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__}"
