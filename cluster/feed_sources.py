"""One feed of the configuration: where it is, and what it says now."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from cluster.config_feeds import FeedTable
from cluster.errors import UserError
from cluster.feed_http import Content, FeedError, Getter, fetch, fetch_taxii, shown
from cluster.proxies import NONE, Proxies, wrong_with
from cluster.secrets import secret
from ingest.errors import ConfigurationError
from ingest.records import Rejected
from ingest.threat_intel import Entry, Feed
from ingest.threat_intel_feeds import file_content, taken_of


class Said(NamedTuple):
    """What a feed says."""

    entries: list[Entry]
    refused: list[Rejected]  # the first of them
    tokens: dict[str, str]
    refused_count: int


class FeedSource:
    """A file, an address, or a collection."""

    def __init__(self, table: FeedTable, where: str) -> None:
        self.table = table
        place = str(table.path or table.url or table.taxii)
        self.is_far = table.path is None
        self.shown = shown(place) if self.is_far else place
        secret_part = "" if place == self.shown else f" {blake2b(place.encode(), digest_size=8).hexdigest()}"
        self.key = f"{table.category} {self.shown}{secret_part}"
        self.feed = Feed(self.shown.rstrip("/"), table.category, table.name or "")
        self.name = self.feed.name or Path(self.feed.path).name
        self._url = place
        self._getter = _getter(table, where) if self.is_far else None

    @property
    def refresh_s(self) -> float:
        """How often it is looked at: a file costs nothing."""
        return self.table.refresh_minutes * 60 if self.is_far else 10.0

    def ask(self, tokens: Mapping[str, str]) -> Said | None:
        """What it says; None if that is what it said when it gave these tokens. Raises FeedError."""
        content = self._content(tokens)
        if content is None:
            return None
        try:
            taken = taken_of(self.feed, content.body)
        except ConfigurationError as error:
            raise FeedError(str(error)) from None
        entries, refused = taken.finish()
        if self.is_far and refused and not entries:
            raise FeedError(f"holds no indicator: {refused[0].reason}")
        return Said(entries, refused, content.tokens, taken.refused)

    def _content(self, tokens: Mapping[str, str]) -> Content | None:
        if self._getter is not None:
            by = fetch if self.table.taxii is None else fetch_taxii
            return by(self._getter, self._url, tokens)
        found = signature(self._url)
        if found and found == tokens:
            return None
        try:
            return Content(file_content(self._url), found)
        except ConfigurationError as error:
            raise FeedError(str(error).removeprefix(f"{self._url}: ")) from None


def signature(path: str) -> dict[str, str]:
    """By what a file tells that it was changed."""
    try:
        about = Path(path).stat()
    except OSError:
        return {}
    return {"file": f"{about.st_ino} {about.st_size} {about.st_mtime_ns}"}


def _getter(table: FeedTable, where: str) -> Getter:
    ca_file = str(table.ca_file) if table.ca_file else None
    try:
        return Getter(_headers(table, where), ca_file, _proxies(table, where))
    except OSError as error:  # of `ssl`, too
        raise UserError(f"{where}: ca_file: {ca_file} can't be used: {error.strerror or error}") from None


def _proxies(table: FeedTable, where: str) -> Proxies:
    said = table.proxy or secret(table, "proxy", where) or ""
    if said not in ("", NONE) and (wrong := wrong_with(said)) is not None:
        raise UserError(f"{where}: the proxy: {wrong}")
    return Proxies(said)


def _headers(table: FeedTable, where: str) -> dict[str, str]:
    password, token = secret(table, "password", where), secret(table, "token", where)
    if any(sign in said for said in (password, token) if said for sign in "\r\n"):
        raise UserError(f"{where}: the secret has more than one line")
    if token is not None:
        return {table.token_header: token} if table.token_header else {"Authorization": f"Bearer {token}"}
    if table.user is None:
        return {}
    return {"Authorization": "Basic " + b64encode(f"{table.user}:{password or ''}".encode()).decode()}
