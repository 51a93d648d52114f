"""Where a run begins: anew, on what earlier runs have learned, or where an interrupted one stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.conductor import Days, Standing
from actors.keys import GROUPS
from baselines.seasons import Seasons
from cluster.checkpoints import Damaged, Manifest, Store
from cluster.errors import UserError

SERVE = "redshank serve"  # fingerprint of a server: it goes on from what it left, whatever its configuration


@dataclass(slots=True)
class Beginning:
    """From where a run begins, and who it is."""

    fingerprint: str | None = None  # of inputs and settings; None: such a run can't be gone on with
    seen: str | None = None  # of the files as they are now: sizes and times
    manifest: Manifest | None = None
    resumed: bool = False  # in the midst of an interrupted run over the same input
    last_epoch: int = 0
    notes: list[str] = field(default_factory=list)
    not_after_us: int | None = None  # the resumed run's


def beginning(store: Store, fingerprint: str | None, seen: str | None = None) -> Beginning:
    """Look for an interrupted run with that fingerprint, or else for what the last whole run has left.

    The same run over files that are the same as before (`seen`) is at its end already: it says its alerts once more.
    """
    newest = _newest(store)
    begin = Beginning(fingerprint, seen, newest)
    begin.notes += [f"{complaint}; the checkpoint before it is taken" for complaint in store.complaints]
    if newest is None:
        return begin
    begin.last_epoch = newest.epoch
    if begin.notes:
        # What was damaged must not hold again once its epoch's number has come to be another's.
        store.drop_after(newest.epoch)
    if not newest.run.get("delivered"):
        _choose(store, newest, begin)
    elif fingerprint is not None and newest.run.get("fingerprint") == fingerprint and seen is not None:
        if newest.run.get("seen") == seen:
            _repeat(store, newest, begin)
        else:
            begin.notes.append(
                "files have changed since this state's last run over them: what belongs to hours that it has closed is "
                "late now; for a run over all of them anew, give another place for the state"
            )
    return begin


def _repeat(store: Store, newest: Manifest, begin: Beginning) -> None:
    """Whoever was killed while it delivered is started again, and must not overwrite the alerts with none."""
    before = store.latest(lambda one: one.epoch < newest.epoch and store.whole(one))
    if before is None or before.run != {**newest.run, "delivered": False}:
        return
    begin.manifest, begin.resumed = before, True
    begin.not_after_us = before.run.get("not_after_us")
    begin.notes.append("the same run over the same files was at its end: its alerts are said once more")


def _newest(store: Store) -> Manifest | None:
    """The newest whole one; never an older one in place of one that a later version has written."""
    try:
        return store.latest(store.whole)
    finally:
        if store.newer:
            raise UserError(
                f"{store.newer}; use that later version, or another place for the state"
            ) from None


def _choose(store: Store, newest: Manifest, begin: Beginning) -> None:
    if begin.fingerprint is not None and newest.run.get("fingerprint") == begin.fingerprint:
        begin.resumed, begin.not_after_us = True, newest.run.get("not_after_us")
        is_server = begin.fingerprint == SERVE
        run = "the server before" if is_server else "an interrupted run over the same input"
        begin.notes.append(f"going on where {run} stood")
        return
    if newest.run.get("fingerprint") == SERVE:
        raise UserError(
            f"{store.root}: is the state of `redshank serve`; use another place, or a restored back-up"
        )
    begin.manifest = store.latest(lambda one: bool(one.run.get("delivered")) and store.whole(one))
    if begin.manifest is None and store.complaints:
        raise Damaged(
            f"{store.complaints[0]}: what earlier runs have learned is not whole, and the newest checkpoint is of "
            "another run; put a back-up in its place, run that one's command again, or use another place"
        )
    store.drop_after(begin.manifest.epoch if begin.manifest is not None else 0)
    begin.notes.append(
        "an interrupted run over other input, or with other settings, is given up: what it had read counts as not read"
    )


# A standing in a manifest


class _Router(msgspec.Struct):
    """`Router.state`."""

    closed_until: int | None = None
    open_hours: list[int] = []
    layers_since: dict[str, int] = {}


class _Place(msgspec.Struct):
    """`Manifest.router`, packed."""

    standing: Standing


_pack = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(_Place)


def packed_place(standing: Standing) -> bytes:
    """A standing as a manifest has it."""
    return _pack(_Place(standing))


def place_of(manifest: Manifest) -> Standing:
    """Where the run stood. Raises UserError for what is no such manifest."""
    try:
        standing = _decoder.decode(manifest.router)
        _check(standing.standing)
    except (
        msgspec.MsgspecError,
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise UserError(f"the checkpoint of epoch {manifest.epoch} can't be read ({error})") from None
    return standing.standing


def _check(standing: Standing) -> None:
    """What is not a matter of types alone. Raises ValueError, or what a foreign value makes Python raise."""
    known = msgspec.convert(standing.router, _Router)
    if standing.router.keys() - set(_Router.__struct_fields__):
        raise ValueError("the router's place has fields that this version does not know")
    hours = [known.closed_until or 0, *known.open_hours, standing.shards, standing.rejected]
    if min(hours) < 0 or max(hours) >= 1 << 40 or standing.shards > GROUPS:
        raise ValueError("a number is out of range")
    if standing.days:
        _check_days(standing.days)


def _check_days(days: Sequence[Any]) -> None:
    day, *views = days
    if len(days) != len(Days().state()) or not (day is None or type(day) is int):
        raise ValueError("its days are none")
    for view in views:
        if view is not None:
            Seasons.from_snapshot(view)
