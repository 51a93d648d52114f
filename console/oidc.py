"""OpenID Connect: somebody's name and role, as a provider vouches for them (authorization code with PKCE)."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from alerts.store.people import ROLES, Person, Role

TIMEOUT_S = 5.0
KEPT_S = 3_600.0  # what the provider says of itself
AGAIN_S = 60.0  # its keys are not asked for oftener, whatever tokens name
REST_S = 5.0  # where it could not be reached, it is left alone so long: nobody can make us wait for it all the time
LEEWAY_S = 60
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
)  # no shared secret
LONGEST_NAME = 100
NAMES = ("preferred_username", "email", "sub")  # claims, where none is said


class OidcError(Exception):
    """Why somebody can't be signed in; one line."""


class AwayError(OidcError):
    """The provider can't be reached, or is none."""


class Flow(NamedTuple):
    """What belongs to one try: all of it comes from a secret that only the browser holds."""

    secret: str

    def part(self, name: str) -> str:
        """The state, the nonce or the verifier."""
        return sha256(f"{name}.{self.secret}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """Of `[console.oidc]`."""

    issuer: str
    client: str
    roles: Mapping[Role, frozenset[str]]  # what the claim must hold for a role
    secret: str | None = field(default=None, repr=False)
    name: str = "OpenID Connect"
    scopes: str = "openid profile email"
    name_claim: str | None = None
    role_claim: str = "groups"
    ca_file: str | None = None


class Provider:
    """One, asked over HTTP. What it says of itself is kept for an hour. Raises OSError where `ca_file` is none."""

    def __init__(self, settings: OidcSettings) -> None:
        self.settings = settings
        self._trusted = ssl.create_default_context(cafile=settings.ca_file)
        self.fault = ""  # why the last try failed to reach it
        self._said: Mapping[str, Any] = {}
        self._keys: KeySet | None = None
        self._said_at = self._keys_at = self._failed_at = float("-inf")
        self._lock = threading.Lock()

    def begin(self, flow: Flow, back: str) -> str:
        """Where the browser is sent. Raises AwayError."""
        with self._client(back) as client:
            address, _ = client.create_authorization_url(
                self.metadata()["authorization_endpoint"],
                state=flow.part("state"),
                nonce=flow.part("nonce"),
                code_verifier=flow.part("verifier"),
            )
        return str(address)

    def end(self, flow: Flow, back: str, query: Mapping[str, str]) -> Person:
        """Who it is that comes back. Raises OidcError."""
        issuer = query.get("iss", self.settings.issuer)
        if query.get("state") != flow.part("state") or issuer != self.settings.issuer:
            raise OidcError("this sign-in was not begun in this browser, or too long ago: try again")
        if "error" in query:
            said = query.get("error_description") or query["error"]
            raise OidcError(f"{self.settings.name} says: {said[:300]}")
        with self._client(back) as client:
            endpoint = self.metadata()["token_endpoint"]
            try:
                token = client.fetch_token(
                    endpoint, code=query.get("code", ""), code_verifier=flow.part("verifier")
                )
            except OAuthError as error:
                raise OidcError(f"{self.settings.name} refuses: {str(error)[:300]}") from None
            except (httpx.HTTPError, ValueError) as error:
                raise self._away(error) from None
        return self._person(str(token.get("id_token", "")), flow)

    # What the provider says of itself

    def metadata(self) -> Mapping[str, Any]:
        """Its endpoints. Raises AwayError."""
        with self._lock:
            if time.monotonic() - self._said_at < KEPT_S:
                return self._said
            if time.monotonic() - self._failed_at < REST_S:
                raise AwayError(self.fault)
            said = self._json(self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if said.get("issuer") != self.settings.issuer:
                raise self._away(f"it calls itself {str(said.get('issuer'))[:200]!r}: the same was expected")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not is_safe(str(said.get(name))):
                    raise self._away(f"its {name} is {str(said.get(name))[:200]!r}: https was expected")
            self._said, self._said_at, self.fault = said, time.monotonic(), ""
            return said

    def _verified(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, self._known_keys(), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            pass
        with self._lock:  # its keys may have changed
            if time.monotonic() - self._keys_at > AGAIN_S:
                self._keys = None
        try:
            return jwt.decode(token, self._known_keys(), algorithms=ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise OidcError(f"the token of {self.settings.name} can't be trusted: {error}") from None

    def _known_keys(self) -> KeySet:
        address = str(self.metadata()["jwks_uri"])
        with self._lock:
            if self._keys is None:
                try:
                    self._keys = KeySet.import_key_set(self._json(address))  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise self._away(f"its keys can't be read: {error}") from None
                self._keys_at = time.monotonic()
            return self._keys

    def _json(self, address: str) -> dict[str, Any]:
        try:
            with httpx.Client(timeout=TIMEOUT_S, verify=self._trusted) as client:
                answer = client.get(address)
                answer.raise_for_status()
                said = answer.json()
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise self._away(error) from None
        if not isinstance(said, dict):
            raise self._away(f"{address}: a table was expected")
        return said

    def _away(self, why: object) -> AwayError:
        said = " ".join(str(why).split())[:300] or type(why).__name__
        self._failed_at = time.monotonic()
        self.fault = f"{self.settings.name} can't be used now: {said}"
        return AwayError(self.fault)

    @contextmanager
    def _client(self, back: str) -> Iterator[Any]:
        said = self.settings
        offered = self.metadata().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        with OAuth2Client(
            said.client,
            said.secret,
            scope=said.scopes,
            redirect_uri=back,
            code_challenge_method="S256",
            token_endpoint_auth_method=method if said.secret else "none",
            timeout=TIMEOUT_S,
            verify=self._trusted,
        ) as client:
            yield client

    # Who it is

    def _person(self, token: str, flow: Flow) -> Person:
        claims = self._verified(token).claims
        checks = jwt.JWTClaimsRegistry(
            now=int(time.time()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": flow.part("nonce")},
        )
        try:
            checks.validate(claims)
        except JoseError as error:
            raise OidcError(f"the token of {self.settings.name} can't be trusted: {error}") from None
        if claims.get("azp", self.settings.client) != self.settings.client:
            raise OidcError(f"the token of {self.settings.name} is for another application")
        return Person(self._name(claims), self._role(claims))

    def _name(self, claims: Mapping[str, Any]) -> str:
        own = self.settings.name_claim
        for name in (own,) if own else NAMES:
            said = claims.get(name)
            if isinstance(said, str) and said.strip().isprintable() and 0 < len(said.strip()) <= LONGEST_NAME:
                return said.strip()
        raise OidcError(
            f"{self.settings.name} says no name: a claim {own or ' or '.join(NAMES)} was expected"
        )

    def _role(self, claims: Mapping[str, Any]) -> Role:
        found: Any = claims
        for step in [self.settings.role_claim] if self.settings.role_claim in claims else self._steps():
            found = found.get(step) if isinstance(found, dict) else None
        if found is None and self.settings.role_claim in (claims.get("_claim_names") or ()):
            raise OidcError("you are in more groups than the token holds: application roles were expected")
        held = {found} if isinstance(found, str) else {one for one in found or () if isinstance(one, str)}
        for role in reversed(ROLES):
            if held & self.settings.roles.get(role, frozenset()):
                return role
        raise OidcError(f"nothing in {self.settings.role_claim} gives you a role here: ask an administrator")

    def _steps(self) -> list[str]:
        """`realm_access.roles` is a list in a table."""
        return self.settings.role_claim.split(".")


def is_safe(address: str) -> bool:
    """Whether nobody on the way can read or change what is asked there.

    >>> is_safe("https://id.example.com/a"), is_safe("http://127.0.0.1:9000"), is_safe("http://id.example.com")
    (True, True, False)
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    near = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    return bool(host) and (parts.scheme == "https" or near)
