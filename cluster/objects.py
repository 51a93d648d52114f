"""Checkpoints in an object store (S3, Azure blob), through fsspec. Retries are the store's library's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import fsspec

from cluster.errors import UserError
from cluster.frame import Buffer
from cluster.places import StoreError, Taken

# A library's own defaults wait for minutes; a user's options have the last word.
_WAITS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "retries": {"mode": "standard", "max_attempts": 4}}},
    "abfs": {"connection_timeout": 10, "read_timeout": 60},
}
_EXTRAS = {"s3": "s3", "s3a": "s3", "abfs": "azure", "abfss": "azure", "az": "azure"}
_REFUSED = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ClientAuthenticationError",
}
_SILENT = {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionError", "TimeoutError",
           "ServiceRequestError", "ServiceResponseError", "ConnectionClosedError"}  # fmt: skip
_AT_ONCE = 8  # deletions
_CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict", "412"}


class ObjectPlace:
    """A prefix in a bucket or container. A put is whole or not at all, and holds on return."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self.root = url.rstrip("/")
        self._options = options

    @cached_property
    def _found(self) -> tuple[Any, str]:
        protocol = self.root.split("://", 1)[0]
        family = {"s3": "s3", "azure": "abfs"}.get(_EXTRAS.get(protocol, ""), protocol)
        options = {**_WAITS.get(family, {}), **self._options, "use_listings_cache": False}
        try:
            files, path = fsspec.core.url_to_fs(self.root, **options)
        except ImportError:
            extra = _EXTRAS.get(protocol)
            what = f"pip install 'redshank[{extra}]'" if extra else f"the fsspec package of {protocol}://"
            raise UserError(
                f"{self.root}: {protocol}:// needs a package that is not there; install it: {what}"
            ) from None
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{self.root}: can't be opened: {_first_line(error)}; check the URL and its options"
            ) from None
        return files, str(path).rstrip("/")

    def _path(self, name: str) -> str:
        return f"{self._found[1]}/{name}"

    def put(self, name: str, body: Sequence[Buffer]) -> None:
        self._pipe(name, body)

    def create(self, name: str, body: Sequence[Buffer]) -> None:
        self._pipe(name, body, mode="create")

    def settle(self) -> None:
        pass

    def get(self, name: str) -> bytes:
        with self._told():
            return bytes(self._found[0].cat_file(self._path(name)))

    def sizes(self) -> dict[str, int]:
        files, path = self._found
        found: dict[str, dict[str, Any]] = {}
        with self._told(missing="there is no such bucket or container; create it"):
            found = files.find(path, detail=True)
        cut = len(path) + 1
        return {name[cut:]: int(info["size"]) for name, info in found.items() if "/" not in name[cut:]}

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self._delete(name)

    def delete_many(self, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._delete, names))

    def _delete(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), self._told():
            self._found[0].rm_file(self._path(name))

    def read_tagged(self, name: str) -> tuple[bytes, str] | None:
        """A file and the tag of this version of it, None if there is none."""
        files, path = self._found[0], self._path(name)
        try:
            with self._told():
                info = files.info(path, refresh=True)
                return bytes(files.cat_file(path)), info.get("ETag") or info.get("etag") or ""
        except FileNotFoundError:
            return None

    def swap(self, name: str, body: Sequence[Buffer], tag: str) -> str:
        """Replace the version that has this tag ("" for none yet). Raises Taken if another is there; the new tag.

        A store that knows no conditions takes the put as it is: commits are fenced by epochs besides.
        """
        if not tag:
            return self._pipe(name, body, mode="create")
        protocols = self._found[0].protocol
        if "s3" in protocols:
            return self._pipe(name, body, IfMatch=tag)
        if "abfs" in protocols:
            from azure.core import MatchConditions

            return self._pipe(name, body, etag=tag, match_condition=MatchConditions.IfNotModified)
        return self._pipe(name, body)

    def _pipe(self, name: str, body: Sequence[Buffer], **how: Any) -> str:
        files, path, whole = self._found[0], self._path(name), b"".join(body)
        try:
            with self._told(missing="there is no such bucket or container; create it"):
                answer = files.pipe_file(path, whole, **how)
        except FileExistsError:
            raise Taken(name) from None
        return str(answer.get("ETag") or answer.get("etag") or "") if isinstance(answer, dict) else ""

    @contextlib.contextmanager
    def _told(self, missing: str = "") -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # every library has errors of its own
            if _conflict(error):
                raise FileExistsError(self.root) from None
            if _absent(error):
                if not missing:
                    raise FileNotFoundError(self.root) from None
                raise StoreError(f"{self.root}: {missing}") from None
            raise StoreError(f"{self.root}: {_mend(error)}; what was saved before still holds") from None


def _absent(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) or getattr(error, "status_code", 0) == 404


def _conflict(error: Exception) -> bool:
    answer = getattr(error.__cause__, "response", None)
    code = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return (
        isinstance(error, FileExistsError)
        or code in _CONFLICTS
        or getattr(error, "status_code", 0) in (409, 412)
    )


def _mend(error: Exception) -> str:
    names = {kind.__name__ for kind in type(error).__mro__}
    if (
        isinstance(error, PermissionError)
        or names & _REFUSED
        or getattr(error, "status_code", 0) in (401, 403)
    ):
        return f"access is refused ({_first_line(error)}); check its credentials and rights"
    if names & _SILENT or isinstance(error, (TimeoutError, ConnectionError)):
        return f"does not answer ({_first_line(error)}); check its address and the network"
    return f"failed ({_first_line(error)})"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:200] if lines else type(error).__name__
