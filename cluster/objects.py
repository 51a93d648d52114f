"""Checkpoints in an object store (S3, Azure blob), through fsspec. Retries are the store's library's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from cluster.errors import UserError
from cluster.frame import Buffer
from cluster.places import StoreError, Taken
from ingest.errors import ConfigurationError
from ingest.object_store import is_absent, mended, opened

_AT_ONCE = 8  # deletions
_CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict", "412"}


class ObjectPlace:
    """A prefix in a bucket or container. A put is whole or not at all, and holds on return."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self.root = url.rstrip("/")
        self._options = options

    @cached_property
    def _found(self) -> tuple[Any, str]:
        try:
            return opened(self.root, self._options)
        except ConfigurationError as error:
            raise UserError(str(error)) from None

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
            if is_absent(error):
                if not missing:
                    raise FileNotFoundError(self.root) from None
                raise StoreError(f"{self.root}: {missing}") from None
            raise StoreError(f"{self.root}: {mended(error)}; what was saved before still holds") from None


def _conflict(error: Exception) -> bool:
    answer = getattr(error.__cause__, "response", None)
    code = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return (
        isinstance(error, FileExistsError)
        or code in _CONFLICTS
        or getattr(error, "status_code", 0) in (409, 412)
    )
