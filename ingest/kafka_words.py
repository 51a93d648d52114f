"""What librdkafka says of its connections, and what that means for whoever can mend it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from time import monotonic
from typing import Any

UNKNOWN = -1  # an offset
DOWN_S = 5.0  # for which a broker may be away before that is said

QUIET = logging.getLogger("redshank.kafka")
QUIET.propagate = False  # what is wrong is told with the source, or with the sink
QUIET.addHandler(logging.NullHandler())


class Watch:
    """What librdkafka says of the connection to the broker that leads a partition."""

    def __init__(self, topic: str = "", number: int = 0) -> None:
        self.end = UNKNOWN  # of the partition: the offset behind its last message
        self._topic, self._number = topic, str(number)
        self._up_at = monotonic()
        self.is_up = False
        self._errors: list[Any] = []

    def error(self, error: Any) -> None:
        """The library could not reach somebody, or was not let in."""
        self._errors = [*self._errors[-10:], error]

    def stats(self, said: str) -> None:
        """Every second: the state of all connections."""
        told = json.loads(said)
        part = told.get("topics", {}).get(self._topic, {}).get("partitions", {}).get(self._number, {})
        leader = part.get("leader", -1)
        states = [one["state"] for one in told.get("brokers", {}).values() if one["nodeid"] == leader >= 0]
        self.is_up = "UP" in states
        if self.is_up:
            self._up_at, self._errors = monotonic(), []
            self.end = max(self.end, part.get("hi_offset", UNKNOWN))

    def fault(self) -> tuple[str, float]:
        """Why nothing comes, if that has been so for long, and since when."""
        if self.is_up or monotonic() - self._up_at < DOWN_S:
            return "", self._up_at
        reason = mended(self._errors) or "no broker leads this partition: see whether the topic still has it"
        return reason, self._up_at


_MENDS = {  # by the names of the library's errors, those first that tell most
    "_AUTHENTICATION": "the login was refused: check its sasl",
    "SASL_AUTHENTICATION_FAILED": "the login was refused: check its sasl",
    "TOPIC_AUTHORIZATION_FAILED": "this login may not use the topic: give it the right to",
    "GROUP_AUTHORIZATION_FAILED": "this login may not use the group: give it the right to, or name another group",
    "UNKNOWN_TOPIC_OR_PART": "there is no such topic: check its name, or create it",
    "_UNKNOWN_TOPIC": "there is no such topic: check its name, or create it",
    "_UNKNOWN_PARTITION": "the topic has no such partition any more",
    "_SSL": "there is no TLS with it: check the port and the certificates (ssl.ca.location in its options)",
    "_RESOLVE": "its name can't be found: check the host",
    "_TRANSPORT": "it does not answer: check host, port and network, and whether it expects TLS (security.protocol in its options)",
    "_MSG_TIMED_OUT": "it does not answer: check host, port and network, and whether it expects TLS (security.protocol in its options)",
    "_TIMED_OUT": "it does not answer: check host, port and network, and whether it expects TLS (security.protocol in its options)",
    "_ALL_BROKERS_DOWN": "it does not answer: check host, port and network, and whether it expects TLS (security.protocol in its options)",
}


def mended(errors: Iterable[Any]) -> str:
    """What is wrong, and what to do about it; '' of no errors."""
    some = {one.name(): one for one in errors}
    for name, mend in _MENDS.items():
        if name in some:
            return f"{mend} ({words(some[name])})"
    return "; ".join(words(one) for one in some.values())


def words(error: Any) -> str:
    """An error of the library, in a line."""
    inner = error.args[0] if isinstance(error, Exception) and error.args else error
    text = inner.str() if hasattr(inner, "str") else str(inner)
    return str(text).strip().replace("\n", " ")[:300] or type(error).__name__
