"""An alert as JSON, posted, and signed so that the receiver knows from whom and from when it is."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from alerts.formats import FORMATS
from alerts.output import worded
from alerts.sinks.base import NOTHING_HELD, Held
from alerts.sinks.http import Poster
from alerts.store.outbox import Row

SIGNATURE, TIMESTAMP, DELIVERY = "X-Redshank-Signature", "X-Redshank-Timestamp", "X-Redshank-Delivery"
TYPES = {"stix": "application/stix+json;version=2.1"}  # the others are JSON


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the time and the body, so that an old message can't be sent again as a new one.

    >>> signature(b"key", "1774000000", b"{}")[:19]
    'sha256=331b0ebbfc8a'
    """
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def body_of(row: Row, form: str) -> bytes:
    """The alert in a format of one JSON object."""
    return FORMATS[form][1](row.alert if form == "json" else worded(row.alert)).rstrip(b"\n")


def headers(
    row: Row, at: float, body: bytes, secret: bytes | None, token: str | None, form: str = "json"
) -> dict[str, str]:
    """What stands before the body. A try that is made again has the same delivery."""
    timestamp = str(int(at))
    said = {
        "Content-Type": TYPES.get(form, "application/json"),
        "User-Agent": "redshank",
        TIMESTAMP: timestamp,
        DELIVERY: f"{row.alert.id}-{row.id}",
        "X-Redshank-Kind": row.kind,
    }
    if secret is not None:
        said[SIGNATURE] = signature(secret, timestamp, body)
    if token is not None:
        said["Authorization"] = f"Bearer {token}"
    return said


class Webhook:
    """Posts alerts one by one."""

    most = 1

    def __init__(
        self,
        url: str,
        poster: Poster,
        secret: bytes | None = None,
        token: str | None = None,
        form: str = "json",
    ) -> None:
        self._url, self._poster, self._secret, self._token = url, poster, secret, token
        self._form = form

    def send(self, rows: Sequence[Row], at: float, held: Held = NOTHING_HELD) -> None:
        """Raises NotNowError or RefusedError."""
        for row in rows:
            body = body_of(row, self._form)
            said = headers(row, at, body, self._secret, self._token, self._form)
            self._poster.post(self._url, body, said, secret=("Authorization", SIGNATURE))

    def check(self) -> str:
        """Raises NotNowError."""
        unsigned = "" if self._secret else "; messages are not signed (secret_env, secret_file)"
        return self._poster.reach(self._url) + unsigned

    def close(self) -> None:
        """Give up connections."""
        self._poster.close()
