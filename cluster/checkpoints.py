"""The store of checkpoints: parts, and manifests that make them a restart point by one atomic write.

    PLACE/manifest-000000000012                          names all files of the state of epoch 12
    PLACE/000000000012-groups-03-1f…                     a part, first written in epoch 12
    PLACE/LOCK                                           held while a run uses the store

A part's name ends in a piece of its digest, so no write ever changes a file that a manifest names: not one of
an epoch that is done a second time, and not one of a run that was taken for dead and writes on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from cluster.checkpoint_lock import TAKEN_OVER, check_owner, folder_locked, is_folder_held, is_leased, leased
from cluster.frame import Buffer, Damaged, Newer, framed, unframed
from cluster.manifest import (
    Manifest,
    Part,
    decoded,
    encoded,
    manifest_epoch,
    manifest_name,
    part_epoch,
    part_name,
)
from cluster.objects import ObjectPlace
from cluster.places import TEMPORARY, LocalPlace, StoreError, Taken

__all__ = ["Damaged", "Manifest", "Part", "Store", "StoreError", "part_name"]
KEPT = 2
OWNER = "owner"  # in a manifest's `run`: which store object committed it
Choice = Callable[[Manifest], bool]


def always(_manifest: Manifest) -> bool:
    """Any will do."""
    return True


class Store:
    """A folder or an object store that checkpoints are written to.

    Another process of the same run makes its own with `Store(*spec)`: it then has the same owner.
    """

    def __init__(
        self, place: str | Path, options: dict[str, Any] | None = None, owner: str = "", lease: float = 60.0
    ) -> None:
        self.owner = owner or uuid.uuid4().hex
        self.spec = (str(place), dict(options or {}), self.owner, lease)
        self.complaints: list[str] = []
        self.newer = ""  # the one of them that is of a later version's checkpoint
        self._lease = lease
        self._held = False
        self._place: LocalPlace | ObjectPlace
        if "://" in str(place) and not str(place).startswith("file://"):
            self._place = ObjectPlace(str(place), dict(options or {}))
        else:
            self._place = LocalPlace(Path(str(place).removeprefix("file://")))

    def __reduce__(self) -> tuple[type[Store], tuple[Any, ...]]:
        return Store, self.spec

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one run; a second one is refused with a UserError."""
        held = (
            folder_locked(self._place.folder)
            if isinstance(self._place, LocalPlace)
            else leased(self._place, self.owner, self._lease)
        )
        with held:
            self._held = True
            try:
                yield
            finally:
                self._held = False

    @property
    def root(self) -> str:
        """The place, in words for a user."""
        return self._place.root

    def in_use(self) -> bool:
        """Whether a run holds the store now."""
        place = self._place
        return is_folder_held(place.folder) if isinstance(place, LocalPlace) else is_leased(place)

    def epochs(self) -> list[int]:
        """Of all manifests that are there, newest first, whether they can be used or not."""
        return _epochs(self._place.sizes())

    def write(
        self, name: str, body: Buffer | Sequence[Buffer], kind: str = "", low: int = 0, high: int = 4096
    ) -> Part:
        """Write a part under a name made by `part_name`; it holds once a manifest that names it is committed."""
        if part_epoch(name) is None:
            raise ValueError(f"{name!r} was not made by part_name()")
        pieces = [body] if isinstance(body, (bytes, bytearray, memoryview)) else body
        frame, digest = framed(pieces)
        part = Part(
            f"{name}-{digest.hex()[:16]}",
            sum(memoryview(piece).nbytes for piece in frame),
            digest,
            kind,
            low,
            high,
        )
        self._place.put(part.name, frame)
        return part

    def read(self, part: Part) -> bytes:
        """A part's body, checked whole. Raises Damaged with where and why."""
        where = f"{self._place.root}/{part.name}"
        try:
            frame = self._place.get(part.name)
        except FileNotFoundError:
            raise Damaged(f"{where}: is missing; put a back-up in its place") from None
        body, digest = unframed(where, frame)
        if digest != part.digest:
            raise Damaged(f"{where}: is damaged (it is another file than its manifest names)")
        return body

    def commit(self, manifest: Manifest) -> None:
        """Make this the restart point, by one atomic write, and drop what nobody needs any more."""
        self._check_owner()
        written = msgspec.structs.replace(
            manifest,
            run={**manifest.run, OWNER: self.owner},
            written_us=manifest.written_us or time.time_ns() // 1000,
        )
        sizes = self._place.sizes()
        self._check_epoch(written.epoch, sizes)
        self._check_parts(written, sizes)
        name, frame = manifest_name(written.epoch), encoded(written)
        try:
            self._place.create(name, frame)
        except Taken:
            # It is ours, or a damaged one; or another run's that came between.
            self._check_epoch(written.epoch, self._place.sizes())
            self._place.put(name, frame)
            self._place.settle()
        try:
            self._clean({**sizes, name: 0})
        except StoreError as error:  # the checkpoint holds all the same
            self.complaints = [*self.complaints[-99:], f"{error} (old checkpoints stay)"]

    def manifests(self) -> Iterator[Manifest]:
        """Those that can be used, newest first; why others can't is in `complaints`."""
        self.complaints = []
        yield from self._usable(self._place.sizes(), self.complaints)

    def latest(self, wanted: Choice = always) -> Manifest | None:
        """The newest wanted one. Raises Damaged if there are some and none of them can be used."""
        for manifest in self.manifests():
            if wanted(manifest):
                return manifest
        if self.complaints and len(self.complaints) >= len(_epochs(self._place.sizes())):
            raise Damaged(
                f"{self._place.root}: none of its checkpoints can be used; put a back-up in its place, "
                f"or start anew in another place. {self.complaints[0]}"
            )
        return None

    def whole(self, manifest: Manifest) -> bool:
        """Whether all parts read; a choice for `latest`, at the price of reading them. If not, a complaint says why."""
        for part in manifest.parts:
            try:
                self.read(part)
            except Damaged as error:
                self._complain(error, self.complaints)
                return False
        return True

    def _clean(self, sizes: dict[str, int]) -> None:
        """Drop all but the newest two, the newest that was delivered, and their parts.

        Manifests go first: whatever is left when this is interrupted, a manifest has its parts. Parts of an epoch
        newer than the newest manifest stay: they may be of a checkpoint under way.
        """
        usable = list(self._usable(sizes, []))
        if not usable:
            return
        delivered = next((manifest for manifest in usable if manifest.run.get("delivered")), None)
        kept = [m for place, m in enumerate(usable) if place < KEPT or m is delivered]
        newest, epochs = usable[0].epoch, {manifest.epoch for manifest in kept}
        self._place.delete(
            manifest_name(epoch)
            for epoch in reversed(_epochs(sizes))
            if epoch < newest and epoch not in epochs
        )
        # A merged part has a later epoch in its name: when it has been merged again, that would keep it for hours.
        once = {part.name for one in usable if one.epoch not in epochs for part in one.parts}
        self._drop_unnamed(sizes, kept, lambda epoch: epoch <= newest, once)

    def drop_after(self, epoch: int) -> None:
        """Give up later epochs: an interrupted run is not gone on with."""
        self._check_owner()
        sizes = self._place.sizes()
        # Newest first: interrupted, it leaves a store whose newest epoch is one that was there.
        self._place.delete(manifest_name(later) for later in _epochs(sizes) if later > epoch)
        kept = [manifest for manifest in self._usable(sizes, []) if manifest.epoch <= epoch]
        self._drop_unnamed(sizes, kept, lambda later: later > epoch)

    def drop_all_but(self, epoch: int) -> None:
        """Give up all other epochs: what a back-up brought takes their place."""
        self._check_owner()
        sizes = self._place.sizes()
        kept = [manifest for manifest in self._usable(sizes, []) if manifest.epoch == epoch]
        if not kept:
            raise Damaged(f"{self._place.root}: epoch {epoch} can't be used")
        self._place.delete(manifest_name(other) for other in _epochs(sizes) if other != epoch)
        self._drop_unnamed(sizes, kept, lambda _: True)

    def _drop_unnamed(
        self,
        sizes: dict[str, int],
        kept: list[Manifest],
        old: Callable[[int], bool],
        once: Collection[str] = (),
    ) -> None:
        """Parts that no kept manifest names: of `old` epochs, and those that others have named `once`."""
        named = {part.name for manifest in kept for part in manifest.parts}
        self._place.delete_many(
            name
            for name in sizes
            if name not in named and (epoch := _written_in(name)) is not None and (old(epoch) or name in once)
        )

    def _usable(self, sizes: dict[str, int], complaints: list[str]) -> Iterator[Manifest]:
        for epoch in _epochs(sizes):
            try:
                manifest = self._manifest(epoch)
                self._check_parts(manifest, sizes)
            except Damaged as error:
                self._complain(error, complaints)
            else:
                yield manifest

    def _complain(self, error: Damaged, complaints: list[str]) -> None:
        complaints.append(str(error))
        if isinstance(error, Newer):
            self.newer = str(error)

    def _manifest(self, epoch: int) -> Manifest:
        name = manifest_name(epoch)
        where = f"{self._place.root}/{name}"
        try:
            return decoded(where, name, self._place.get(name))
        except FileNotFoundError:
            raise Damaged(f"{where}: is missing") from None

    def _check_parts(self, manifest: Manifest, sizes: dict[str, int]) -> None:
        where = f"{self._place.root}/{manifest_name(manifest.epoch)}"
        for part in manifest.parts:
            if part.name not in sizes:
                raise Damaged(f"{where}: can't be used, {part.name} is missing")
            if sizes[part.name] != part.size:
                raise Damaged(
                    f"{where}: can't be used, {part.name} has {sizes[part.name]} bytes, not {part.size}"
                )

    def _check_owner(self) -> None:
        if isinstance(self._place, ObjectPlace):
            check_owner(self._place, self.owner, self._held)

    def _check_epoch(self, epoch: int, sizes: dict[str, int]) -> None:
        for later in _epochs(sizes):
            if later < epoch:
                return
            try:
                owner = self._manifest(later).run.get(OWNER)
            except Damaged:
                continue
            if owner != self.owner:
                raise StoreError(f"{self._place.root}: {TAKEN_OVER} (it has written epoch {later})")


def _epochs(names: dict[str, int]) -> list[int]:
    return sorted((epoch for name in names if (epoch := manifest_epoch(name)) is not None), reverse=True)


def _written_in(name: str) -> int | None:
    """The epoch of a part, or of anything half written by a process that was killed."""
    if name.endswith(TEMPORARY) and name.startswith("manifest-"):
        return manifest_epoch(name.split(".", 1)[0])
    return part_epoch(name)
