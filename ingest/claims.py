"""Who acted: the claims of the caller's token, in each of the dialects that Azure writes them in.

Key Vault's data plane has short names (`oid`, `upn`, `appid`); its management operations and the Activity
Log have long ones ('http://schemas.microsoft.com/identity/claims/objectidentifier'); exports replace the
punctuation by '_', or nest the parts. All of them come out under the short names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ingest.logs_values import address, mapping, text, texts

# Last part of a long claim name -> the short name that means the same.
_LONG = {
    "objectidentifier": "oid",
    "upn": "upn",
    "name": "unique_name",  # the long form holds the log-in name, the short `name` the display name
    "emailaddress": "email",
    "authnmethodsreferences": "amr",
    "tenantid": "tid",
    "scope": "scp",
}
_PREFIX = re.compile(r"https?[:_/]+schemas[._]")
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class Caller(NamedTuple):
    """Whoever acted, as far as the record says; see `ingest.records.Event` for the fields."""

    principal: str = ""
    name: str = ""
    kind: str = ""
    application: str = ""
    address: str = ""  # that the token was given to
    auth: str = ""  # how the caller signed in: 'pwd,mfa'

    @property
    def known(self) -> bool:
        """Whether the record names anyone."""
        return bool(self.principal or self.application)


@lru_cache(4096)
def _cached(name: str) -> str:
    lower = name.lower()
    if not _PREFIX.match(lower):
        return lower
    last = re.split(r"[/_]", lower)[-1]
    return _LONG.get(last, f"long {last}")


def short_name(name: str) -> str:
    """The short name of a claim.

    >>> short_name("http://schemas.microsoft.com/identity/claims/objectidentifier"), short_name("OID")
    ('oid', 'oid')
    >>> short_name("http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn")
    'upn'
    """
    return _cached(name) if len(name) <= 200 else ""


def _members(claims: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in claims.items():
        if isinstance(value, dict):
            for inner, item in mapping(value.get("claims")).items():
                yield short_name(f"{name}_claims_{inner}"), item
        else:
            yield short_name(name), value


def short_claims(value: object) -> dict[str, Any]:
    """Claims under their short names. Where both dialects name one thing, what is not empty counts."""
    claims: Mapping[str, Any] = value if type(value) is dict else mapping(value)
    found: dict[str, Any] = {}
    for name, item in _members(claims):
        if name not in found or found[name] in (None, ""):
            found[name] = item
    return found


def is_guid(value: str) -> bool:
    """Whether a caller is named by an id."""
    return _GUID.fullmatch(value) is not None


def caller_of(claims: Mapping[str, Any], caller: str = "", principal_type: str = "") -> Caller:
    """Who acted, from short-named claims, the record's `caller` field and its `principalType`, if any."""
    given = claims.get
    log_in = text(given("upn")) or _log_in(text(given("unique_name"))) or _log_in(caller)
    display = text(given("name"))
    application = (text(given("appid")) or text(given("azp"))).lower()
    return Caller(
        principal=text(given("oid"))
        or (caller if is_guid(caller) else "")
        or log_in
        or caller
        or application,
        name=log_in
        or display
        or text(given("unique_name"))
        or text(given("app_displayname"))
        or _name(caller),
        kind=_kind(text(given("idtyp")), principal_type, bool(log_in or display), application or caller),
        application=application,
        address=address(given("ipaddr")),
        auth=_auth(given("amr")),
    )


def _log_in(name: str) -> str:
    return name if "@" in name else ""


def _name(caller: str) -> str:
    return "" if is_guid(caller) else caller


def _kind(token: str, principal_type: str, named: bool, application: str) -> str:
    stated = principal_type.lower()
    if token.lower() == "app" or stated in ("serviceprincipal", "msi"):
        return "service_principal"
    if named or stated == "user" or token.lower() == "user":
        return "user"
    return "service_principal" if application and (is_guid(application) or "@" not in application) else ""


def _auth(methods: object) -> str:
    if methods is None:
        return ""
    return ",".join(texts(methods, 8))[:64]
