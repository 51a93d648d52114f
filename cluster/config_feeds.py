"""`[threat_intel]` of a configuration: its feeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from cluster.config_base import File, Table, Variable

Category = Literal["tor_exit_node", "anonymous_proxy", "command_and_control"]
Address = Annotated[
    str, Meta(description="an address, like 'https://example.com/tor.txt'", pattern="^https?://[^/]")
]
FAR = (
    "refresh_minutes",
    "user",
    "password_env",
    "password_file",
    "token_env",
    "token_file",
    "token_header",
    "ca_file",
)


class FeedTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feed of threat intelligence: a file, an address, or a collection of TAXII 2.1."""

    path: File | None = None
    url: Address | None = None
    taxii: Address | None = None
    category: Category
    name: (
        Annotated[str, Meta(description="a name, at most 60 characters", min_length=1, max_length=60)] | None
    ) = None
    # Of those that are asked for over the network
    refresh_minutes: Annotated[
        float, Meta(ge=0.01, le=10080, description="a number of minutes, 0.01 to 10080")
    ] = 60
    user: Annotated[str, Meta(description="a text", min_length=1)] | None = None
    password_env: Variable | None = None
    password_file: File | None = None
    token_env: Variable | None = None
    token_file: File | None = None
    token_header: (
        Annotated[str, Meta(description="the name of a header, like 'Auth-Key'", pattern="^[A-Za-z0-9-]+$")]
        | None
    ) = None
    ca_file: File | None = None


class ThreatIntelTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All feeds."""

    feeds: tuple[FeedTable, ...] = ()
    history: (
        Annotated[str, Meta(description="the folder or URL of a state, whose feeds are used as they were")]
        | None
    ) = None


def wrong_with_feed(table: FeedTable, said: Iterable[str]) -> str | None:
    """What is wrong with a feed's keys as a whole; None if nothing is."""
    said = set(said)
    if sum(name in said for name in ("path", "url", "taxii")) != 1:
        return "one of path, url and taxii was expected"
    if table.path is not None and (far := next((name for name in FAR if name in said), None)):
        return f"{far} is for feeds with url or taxii, not path"
    for name in ("password", "token"):
        if {f"{name}_env", f"{name}_file"} <= said:
            return f"either {name}_env or {name}_file was expected, not both"
    has_token, has_user = said & {"token_env", "token_file"}, table.user is not None
    if has_token and has_user:
        return "either a user or a token was expected, not both"
    if said & {"password_env", "password_file"} and not has_user:
        return "has a password and no user"
    if table.token_header and not has_token:
        return "has token_header, but neither token_env nor token_file"
    return None


def twice(feeds: Sequence[FeedTable]) -> int | None:
    """The number of a feed that was named before, in the same category; None if there is none."""
    seen: set[tuple[str, str]] = set()
    for number, feed in enumerate(feeds):
        key = str(feed.path or feed.url or feed.taxii), feed.category
        if key in seen:
            return number
        seen.add(key)
    return None
