"""Microsoft Sentinel through the Logs Ingestion API: rows for a stream of a data collection rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from alerts.formats.sentinel import row as columns
from alerts.output import worded
from alerts.sinks.base import NOTHING_HELD, Held, NotNowError, RefusedError
from alerts.sinks.http import Poster
from alerts.store.outbox import Row

VERSION = "2023-01-01"
EARLY_S = 120.0  # before a token ends, a new one is asked for
# Where tokens come from, and for what; by cloud.
CLOUDS = {
    "AzureCloud": ("https://login.microsoftonline.com", "https://monitor.azure.com//.default"),
    "AzureUSGovernment": ("https://login.microsoftonline.us", "https://monitor.azure.us//.default"),
    "AzureChinaCloud": ("https://login.chinacloudapi.cn", "https://monitor.azure.cn//.default"),
}


class Workspace(NamedTuple):
    """Where rows go, and as whom."""

    endpoint: str
    rule: str
    stream: str
    authority: str
    scope: str
    tenant: str
    client: str
    secret: str


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 3_600.0


def url(to: Workspace) -> str:
    """Where rows are posted to."""
    rule, stream = quote(to.rule, safe=""), quote(to.stream, safe="")
    return f"{to.endpoint.rstrip('/')}/dataCollectionRules/{rule}/streams/{stream}?api-version={VERSION}"


def table_row(row: Row) -> dict[str, Any]:
    """An alert's row. `Type` is the workspace's to say: it is the table's name."""
    found = columns(worded(row.alert))
    del found["Type"]
    return found


class Sentinel:
    """Posts rows with a token that is kept until shortly before its end."""

    most = 50  # of some KB each: a call may have 1 MB

    def __init__(self, to: Workspace, poster: Poster) -> None:
        self._to, self._poster = to, poster
        self._token, self._until = "", float("-inf")

    def send(self, rows: Sequence[Row], at: float, held: Held = NOTHING_HELD) -> None:
        """Raises NotNowError or RefusedError."""
        body = msgspec.json.encode([table_row(row) for row in rows], order="sorted")
        said = {"Content-Type": "application/json", "Authorization": f"Bearer {self._valid(at)}"}
        try:
            self._poster.post(url(self._to), body, said, secret=("Authorization",))
        except RefusedError as error:
            if str(error).startswith(("HTTP 401", "HTTP 403")):
                # Of the credentials, not of these rows: a role that was just given takes minutes to hold.
                self._until = float("-inf")
                raise NotNowError(str(error)) from None
            raise

    def _valid(self, at: float) -> str:
        if at >= self._until:
            form = urlencode(
                {
                    "grant_type": "client_credentials",
                    "client_id": self._to.client,
                    "client_secret": self._to.secret,
                    "scope": self._to.scope,
                }
            )
            said = {"Content-Type": "application/x-www-form-urlencoded"}
            place = f"{self._to.authority.rstrip('/')}/{quote(self._to.tenant, safe='')}/oauth2/v2.0/token"
            try:
                answer = self._poster.post(place, form.encode(), said, hide=(self._to.secret,))
                token = msgspec.json.decode(answer.body, type=_Token)
            except RefusedError as error:
                raise NotNowError(f"no token: {error}") from None
            except (msgspec.MsgspecError, RecursionError):
                raise NotNowError("no token: the answer is none of a token endpoint") from None
            if not token.access_token.isascii() or not token.access_token.isprintable():
                raise NotNowError("no token: what came can't be one")
            self._token, self._until = token.access_token, at + token.expires_in - EARLY_S
        return self._token

    def check(self) -> str:
        """Raises NotNowError."""
        self._until = float("-inf")
        self._valid(0.0)
        self._until = float("-inf")
        return f"a token was given; {self._poster.reach(self._to.endpoint)}"

    def close(self) -> None:
        """Give up connections."""
        self._poster.close()
