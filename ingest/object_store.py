"""An object store (S3, Azure blob) through fsspec: how it is opened, and what its errors mean in words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any
from zlib import crc32

from ingest.errors import ConfigurationError

# A library's own defaults wait for minutes; a user's options have the last word.
WAITS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "retries": {"mode": "standard", "max_attempts": 4}}},
    "abfs": {"connection_timeout": 10, "read_timeout": 60},
}
EXTRAS = {"s3": "s3", "s3a": "s3", "abfs": "azure", "abfss": "azure", "az": "azure"}
_REFUSED = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ClientAuthenticationError",
    "CredentialUnavailableError",
}
_SILENT = {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionError", "TimeoutError",
           "ServiceRequestError", "ServiceResponseError", "ConnectionClosedError"}  # fmt: skip
for _name in ("azure", "adlfs", "botocore", "s3fs"):  # where no log is kept, we tell of it in a line
    logging.getLogger(_name).addHandler(logging.NullHandler())
logging.getLogger("azure.identity").setLevel(logging.ERROR)  # ... and of each try it would tell in twenty
DEEPEST = 20  # folders that are gone through for an example
NO_SUCH = "there is no such bucket or container; create it, or check its name"


def opened(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. Raises ConfigurationError."""
    import fsspec

    protocol, _, place = url.partition("://")
    if not place.strip("/"):
        raise ConfigurationError(
            f"{url}: names no bucket or container; {protocol}://NAME/PREFIX was expected"
        )
    family = {"s3": "s3", "azure": "abfs"}.get(EXTRAS.get(protocol, ""), protocol)
    said = {**WAITS.get(family, {}), **options, "use_listings_cache": False}
    try:
        files, path = fsspec.core.url_to_fs(url, **said)
    except ImportError:
        extra = EXTRAS.get(protocol)
        what = f"pip install 'redshank[{extra}]'" if extra else f"the fsspec package of {protocol}://"
        raise ConfigurationError(
            f"{url}: {protocol}:// needs a package that is not there; install it: {what}"
        ) from None
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{url}: can't be opened: {first_line(error)}; check the URL and its options"
        ) from None
    return files, str(path).rstrip("/")


def is_absent(error: Exception) -> bool:
    """Whether it says that there is no such thing."""
    return isinstance(error, FileNotFoundError) or getattr(error, "status_code", 0) == 404


def mended(error: Exception) -> str:
    """What is wrong, and what to look at."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if (
        isinstance(error, PermissionError)
        or names & _REFUSED
        or getattr(error, "status_code", 0) in (401, 403)
    ):
        return f"access is refused ({first_line(error)}); check its credentials and rights"
    if names & _SILENT or isinstance(error, TimeoutError | ConnectionError):
        return f"does not answer ({first_line(error)}); check its address and the network"
    return f"failed ({first_line(error)})"


def first_line(error: Exception) -> str:
    """Of what an error says."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:200] if lines else type(error).__name__


@dataclass(frozen=True, slots=True)
class Stands:
    """An object at one moment: its size, and a number that changes with its content."""

    size: int
    stamp: int
    changed_us: int = 0  # by the store's clock; 0: it does not say


@dataclass(frozen=True)
class Bucket:
    """What is under a URL (without a slash at its end). It may be pickled; its options may hold secrets, and are not shown.

    The names of objects begin with the URL as it was given: two accounts may have containers of one name.
    """

    url: str
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def __reduce__(self) -> Any:
        return Bucket, (self.url, dict(self.options))

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        return opened(self.url, self.options)

    def has(self, name: str) -> bool:
        """Whether an object of that name would be one of these."""
        return name == self.url or name.startswith(f"{self.url}/")

    def _path(self, name: str) -> str:
        return self._opened[1] + name[len(self.url) :]

    def check(self) -> None:
        """Raises ConfigurationError where the URL can't be used at all; nothing is asked of the store."""
        assert self._opened

    def objects(self) -> dict[str, Stands]:
        """All objects under the URL that are not hidden, by their URLs.

        Raises FileNotFoundError where there is no such bucket.
        """
        files, path = self._opened
        found = files.find(path, detail=True)
        if not found:
            self._check_bucket()
        if isinstance(found, list):  # the URL is that of an object
            found = {name: files.info(name, refresh=True) for name in found}
        return {
            self.url + name[len(path) :]: _stands(info)
            for name, info in found.items()
            if info.get("type") != "directory"
            and info.get("size") is not None
            and "/." not in name[len(path) :]
        }

    def _check_bucket(self) -> None:
        """Some libraries list nothing where there is nothing."""
        files, path = self._opened
        try:
            files.info(path.split("/", 1)[0], refresh=True)
        except TypeError:  # it knows no `refresh`, and has no cache
            files.info(path.split("/", 1)[0])

    def peek(self) -> str:
        """The name of some object that can be read; '' if there is none. Raises FileNotFoundError where there is no such
        bucket, and whatever the library does."""
        files, path = self._opened
        inside = path
        for _ in range(DEEPEST):
            try:
                entries = files.ls(inside, detail=True)
            except FileNotFoundError:
                entries = []
            found = next(
                (one["name"] for one in entries if one.get("type") != "directory" and one["size"]), ""
            )
            if found:
                files.cat_file(found, start=0, end=1)
                return self.url + found[len(path) :]
            inside = next((one["name"] for one in entries if one.get("type") == "directory"), "")
            if not inside:
                break
        self._check_bucket()
        return ""

    def stands(self, name: str) -> Stands | None:
        """An object as it is now; None if there is none."""
        files, path = self._opened[0], self._path(name)
        try:
            info = files.info(path, refresh=True)
        except FileNotFoundError:
            return None
        except TypeError:
            info = files.info(path)
        return None if info.get("type") == "directory" else _stands(info)

    def read(self, name: str, begin: int, end: int) -> bytes:
        """Octets of an object. Raises FileNotFoundError, and whatever the library does."""
        return bytes(self._opened[0].cat_file(self._path(name), start=begin, end=end)) if end > begin else b""


def _stands(info: Mapping[str, Any]) -> Stands:
    changed = info.get("last_modified") or info.get("LastModified") or info.get("created")
    changed_us = int(changed.timestamp() * 1e6) if isinstance(changed, datetime) else 0
    tag = info.get("etag") or info.get("ETag") or ""
    stamp = crc32(str(tag).strip('"').encode()) if tag else changed_us
    return Stands(int(info["size"]), stamp, changed_us)
