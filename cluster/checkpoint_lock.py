"""One run per store: a lock of the system on a folder, a lease in an object store.

A lease expires by the machines' clocks, which may disagree. That a run which lost its lease harms nothing does
not hang on them: its commit is refused, because the lease has another owner or its epoch is taken.
"""

from __future__ import annotations

import fcntl
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from cluster.errors import UserError
from cluster.frame import Damaged, framed, unframed
from cluster.manifest import manifest_epoch, part_epoch
from cluster.objects import ObjectPlace
from cluster.places import StoreError, Taken, mend
from cluster.state import is_earlier

NAME = "LOCK"
TAKEN_OVER = "another run has taken over this store; this one must stop"


class Lease(msgspec.Struct):
    """Who may write to an object store, and until when (0: given back)."""

    owner: str
    host: str
    until: float


_DECODER = msgspec.msgpack.Decoder(Lease)


@contextmanager
def folder_locked(folder: Path) -> Iterator[None]:
    """Hold a folder for as long as this process lives; a second run is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_others(folder)
        handle = (folder / NAME).open("a")  # not "w": should it be another program's, it stays as it is
    except OSError as error:
        raise StoreError(f"{folder}: can't be used: {mend(error)}") from None
    with handle:
        try:
            _lock_soon(handle)
        except BlockingIOError:
            raise UserError(f"{folder}: another run is using it; wait for its end") from None
        except OSError as error:
            raise StoreError(f"{folder}: can't be locked: {error.strerror}") from None
        yield


def _lock_soon(handle: IO[Any]) -> None:
    """Lock, if need be at a second look: `is_folder_held` may be asking just now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.1)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_folder_held(folder: Path) -> bool:
    """Whether a run holds the folder now. Asking takes the lock, shared, for an instant."""
    try:
        with (folder / NAME).open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no lock: no run was ever here; or it can't be opened, and then it can't be told
        return False
    return False


def is_leased(place: ObjectPlace) -> bool:
    """Whether a run holds the object store now."""
    found = read_lease(place)
    return found is not None and found[0].until > time.time()


def _refuse_others(folder: Path) -> None:
    """Raises StoreError for a folder that is another program's: full of files, none of them ours."""
    found = {path.name: path for path in folder.iterdir() if not path.name.startswith(".")}
    found.pop("lost+found", None)
    if NAME in found and found[NAME].is_file() and not found[NAME].stat().st_size:
        del found[NAME]
    ours = (manifest_epoch, part_epoch, lambda name: is_earlier(name) or None)
    if found and not any(known(name) is not None for known in ours for name in found):
        raise StoreError(f"{folder}: holds {max(found)} and no checkpoint; give it a folder of its own")


@contextmanager
def leased(place: ObjectPlace, owner: str, seconds: float) -> Iterator[None]:
    """Hold an object store; a thread renews the lease until the end."""
    tag = _take(place, owner, seconds)
    stop = threading.Event()
    holder = _Holder(place, owner, seconds, tag, stop)
    holder.start()
    try:
        yield
    finally:
        stop.set()
        holder.join()
        with suppress(StoreError, Taken):  # it expires by itself
            place.swap(NAME, _record(owner, 0), holder.tag)


def check_owner(place: ObjectPlace, owner: str, held: bool) -> None:
    """Refuse to write to an object store that another run holds, or that has been taken from us."""
    found = read_lease(place)
    if found is None:
        lost = held
    else:
        lease = found[0]
        lost = lease.owner != owner and (held or lease.until > 0)
    if lost:
        raise StoreError(f"{place.root}: {TAKEN_OVER}")


def read_lease(place: ObjectPlace) -> tuple[Lease, str] | None:
    """The lease and its tag, None if there never was one."""
    found = place.read_tagged(NAME)
    if found is None:
        return None
    where = f"{place.root}/{NAME}"
    mend = "; delete it if no run is using this store"
    try:
        return _DECODER.decode(unframed(where, found[0], mend)[0]), found[1]
    except msgspec.DecodeError as error:
        raise Damaged(f"{where}: is no lease ({error}){mend}") from None


def _take(place: ObjectPlace, owner: str, seconds: float) -> str:
    found = read_lease(place)
    left = found[0].until - time.time() if found else 0.0
    if found and left > 0:
        raise UserError(
            f"{place.root}: another run is using it, on {found[0].host}; wait for its end, "
            f"or for {left:.0f} s if it has died"
        )
    try:
        return place.swap(NAME, _record(owner, seconds), found[1] if found else "")
    except Taken:
        again = read_lease(place)  # the answer to our own put may have been lost, and the put repeated
        if again and again[0].owner == owner:
            return again[1]
        raise UserError(f"{place.root}: another run is using it; wait for its end") from None


def _record(owner: str, seconds: float) -> list[bytes | bytearray | memoryview]:
    until = time.time() + seconds if seconds else 0.0
    return framed([msgspec.msgpack.encode(Lease(owner, socket.gethostname(), until))])[0]


class _Holder(threading.Thread):
    """Renews a lease. It stops at one that was taken over; the next commit says so."""

    def __init__(
        self, place: ObjectPlace, owner: str, seconds: float, tag: str, stop: threading.Event
    ) -> None:
        super().__init__(name="lease", daemon=True)
        self._place, self._owner, self._seconds, self._stopped = place, owner, seconds, stop
        self.tag = tag

    def run(self) -> None:
        while not self._stopped.wait(self._seconds / 3):
            try:
                self.tag = self._place.swap(NAME, _record(self._owner, self._seconds), self.tag)
            except StoreError:
                continue  # it does not answer now; there are two more attempts before it expires
            except Taken:
                mine = self._reread()
                if mine is None:
                    return
                self.tag = mine

    def _reread(self) -> str | None:
        try:
            found = read_lease(self._place)
        except UserError:
            return self.tag
        return found[1] if found and found[0].owner == self._owner else None
