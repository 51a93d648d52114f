"""Feeds that a server has: by HTTP(S), asked whether they have changed, and collections by TAXII 2.1."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

import msgspec

from cluster.proxies import Proxies
from ingest.threat_intel_feeds import MAX_BYTES

if TYPE_CHECKING:
    import httpcore

REDIRECTS = 5
PATIENCE_S = 30.0  # for each piece of an answer
WHOLE_S = 600.0  # for an answer as a whole
TAXII = "application/taxii+json;version=2.1"
PAGES = 10_000  # of a collection
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
ADDED_LAST = "x-taxii-date-added-last"
# An indicator may stand for the addresses that it is based on.
TYPES = "indicator,relationship,observed-data,ipv4-addr,ipv6-addr"


class FeedError(Exception):
    """A feed can't be had now; the text says why. `after_s`: its server asks not to be asked before."""

    def __init__(self, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: dict[str, str]  # lower case
    body: bytes


class Content(NamedTuple):
    """What a feed holds, and by what its server tells whether that has changed."""

    body: bytes
    tokens: dict[str, str]


class Getter:
    """Gets from one server. `headers` have secrets: they go to no other."""

    def __init__(
        self, headers: Mapping[str, str], ca_file: str | None = None, proxies: Proxies | None = None
    ) -> None:
        self._headers = dict(headers)
        self._proxies = proxies or Proxies()
        self._context = ssl.create_default_context(cafile=ca_file)

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Raises FeedError for whatever is neither 200 nor 304."""
        first = urlsplit(url)
        for _ in range(REDIRECTS + 1):
            there = urlsplit(url)
            if there.scheme not in ("http", "https") or (first.scheme, there.scheme) == ("https", "http"):
                raise FeedError(f"redirects to {shown(url)}: https was expected")
            known = (there.scheme, there.netloc) == (first.scheme, first.netloc)
            answer = self._once(url, {**headers, **(self._headers if known else {})})
            if answer.status not in (301, 302, 303, 307, 308):
                return _judged(answer)
            url = urljoin(url, answer.headers.get("location", ""))
        raise FeedError(f"redirects more than {REDIRECTS} times")

    def _once(self, url: str, headers: Mapping[str, str]) -> Answer:
        import httpcore

        limits = dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE_S)
        sent = {"Host": urlsplit(url).netloc.rpartition("@")[2], "User-Agent": "redshank", **headers}
        proxy = self._proxies.of(url)
        by = f" (by the proxy {shown(proxy)})" if proxy else ""
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._context, proxy=_proxy(proxy)) as pool,
                pool.stream("GET", url, headers=list(sent.items()), extensions={"timeout": limits}) as answer,
            ):
                found = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in answer.headers}
                return Answer(answer.status, found, _body(answer))
        except httpcore.TimeoutException:
            raise FeedError(f"no answer in {PATIENCE_S:g} s{by}") from None
        except httpcore.ProxyError as error:
            raise FeedError(f"the proxy {shown(proxy)} refuses: {error}") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise FeedError((_ERRNO.sub("", str(error)) or type(error).__name__) + by) from None
        except (httpcore.UnsupportedProtocol, OSError, ValueError) as error:
            raise FeedError(f"can't be asked ({_ERRNO.sub('', str(error))}){by}") from None


def _proxy(url: str) -> httpcore.Proxy | None:
    """Raises ValueError for an address that is no proxy's."""
    import httpcore

    if not url:
        return None
    there = urlsplit(url)
    user = (unquote(there.username or ""), unquote(there.password or ""))
    return httpcore.Proxy(
        f"{there.scheme}://{there.netloc.rpartition('@')[2]}", auth=user if there.username else None
    )


def _body(answer: httpcore.Response) -> bytes:
    end, body = time.monotonic() + WHOLE_S, bytearray()
    for chunk in answer.iter_stream():
        body += chunk
        _bounded(len(body), end)
    return bytes(body)


def _bounded(size: int, end: float) -> None:
    """Raises FeedError for what is too large, or takes too long: all others wait for it."""
    if size > MAX_BYTES:
        raise FeedError(f"is larger than {MAX_BYTES >> 20} MB")
    if time.monotonic() > end:
        raise FeedError(f"was not whole in {WHOLE_S:g} s")


def _judged(answer: Answer) -> Answer:
    if answer.status in (200, 304):
        return answer
    hint = {
        407: ": the proxy asks for a user and a password",
        401: ": check the user and password, or the token",
        403: ": it may not be read by this user",
        404: ": check its address",
        406: ": it does not speak TAXII 2.1, or not at this address",
    }.get(answer.status, "")
    raise FeedError(f"HTTP {answer.status}{hint}", _retry_after_s(answer.headers))


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """For how long a server asks for patience: a number of seconds, or a time, which is by its own clock if it says it."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said[:9])
    until = _http_date(said)
    now = _http_date(headers.get("date", ""))
    return 0.0 if until is None else max(0.0, until - (time.time() if now is None else now))


def _http_date(said: str) -> float | None:
    try:
        return parsedate_to_datetime(said).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def shown(url: str) -> str:
    """An address without what may be a secret in it: user, password and query."""
    try:
        there = urlsplit(url)
        return f"{there.scheme}://{there.netloc.rpartition('@')[2]}{there.path}"
    except ValueError:
        return "an address"


def fetch(getter: Getter, url: str, tokens: Mapping[str, str]) -> Content | None:
    """A feed by HTTP; None if it is as it was when it gave these tokens."""
    asked = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    headers = {asked[name]: value for name, value in tokens.items() if name in asked}
    answer = getter.get(url, {"Accept-Encoding": "identity", **headers})
    if answer.status == 304:
        return None
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise FeedError(f"comes as {answer.headers['content-encoding']}, though it was asked for as it is")
    return Content(answer.body, {name: answer.headers[name] for name in asked if name in answer.headers})


class _Page(msgspec.Struct):
    """An envelope of TAXII 2.1, as far as it matters."""

    objects: list[dict[str, Any]] = []
    more: bool = False
    next: str | int | None = None
    size: int = 0  # octets of it


def fetch_taxii(getter: Getter, collection: str, tokens: Mapping[str, str]) -> Content | None:
    """A collection as one bundle; None if nothing was added to it since the tokens were given.

    What is new in it (an indicator's revocation too) is an object that was added. Then all is read again: objects
    that were taken out of it are told of in no other way.
    """
    place, _, query = collection.partition("?")
    url, own = f"{place.rstrip('/')}/objects/", dict(parse_qsl(query))
    since = tokens.get(ADDED_LAST, "")
    if since:
        page, _ = _page(getter, url, {**own, "added_after": since, "limit": "1"})
        if not page.objects:
            return None
    objects: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    end, size = time.monotonic() + WHOLE_S, 0
    for _ in range(PAGES):
        page, last = _page(getter, url, {**own, "match[type]": TYPES, **more})
        objects += page.objects
        size += page.size
        _bounded(size, end)
        since = max(since, last)
        if not page.more:
            body = msgspec.json.encode({"type": "bundle", "objects": objects})
            return Content(body, {ADDED_LAST: since} if since else {})
        if page.next:
            more = {"next": str(page.next)}
        elif last and more.get("added_after") != last:
            more = {"added_after": last}
        else:
            raise FeedError("says that there is more, and not how to ask for it")
    raise FeedError(f"has more than {PAGES:,} pages")


def _page(getter: Getter, url: str, query: Mapping[str, str]) -> tuple[_Page, str]:
    answer = getter.get(f"{url}?{urlencode(query)}", {"Accept": TAXII, "Accept-Encoding": "identity"})
    try:
        page = msgspec.json.decode(answer.body, type=_Page)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FeedError(f"answers with what is no envelope of TAXII 2.1 ({str(error)[:100]})") from None
    page.size = len(answer.body)
    return page, answer.headers.get(ADDED_LAST, "")
