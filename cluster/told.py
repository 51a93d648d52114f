"""What telemetry told of who holds which address, as a part of a checkpoint beside its manifest."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.conductor import Standing
from actors.saving import TOLD, PartError
from actors.waiting_flows import Waiting
from cluster.checkpoints import Part, Store
from ingest.told_holders import ToldHolders

KNOWN = "known"  # in a router's state


class _Body(msgspec.Struct):
    known: bytes
    waiting: list[Waiting]  # flows of hours whose holders are not settled


_decode = msgspec.msgpack.Decoder(_Body).decode


def taken_out(standing: Standing) -> bytes | None:
    """A standing's, which has it no more; None: telemetry does not tell."""
    known = standing.router.pop(KNOWN, None)
    if known is None:
        return None
    waiting = standing.run.waiting if standing.run is not None else []
    if standing.run is not None:
        standing.run.waiting = []
    return msgspec.msgpack.encode(_Body(known, waiting))


def holders_of(body: bytes) -> ToldHolders:
    """Who holds what by a part. Raises ValueError for what is none."""
    return ToldHolders(_body(body).known)


def _body(octets: bytes) -> _Body:
    try:
        body = _decode(octets)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"what is kept of the inventory can't be read ({error})") from None
    for one in body.waiting:
        one.flows()
    return body


def told_back(standing: Standing, store: Store, parts: Sequence[Part]) -> None:
    """Put into a standing what stands in a part. Raises PartError for what is none."""
    for part in parts:
        if part.kind != TOLD:
            continue
        try:
            body = _body(store.read(part))
            ToldHolders(body.known)  # whoever begins with it is somewhere else
        except ValueError as error:
            raise PartError(f"{part.name}: {error}") from None
        standing.router[KNOWN] = body.known
        if standing.run is not None:
            standing.run.waiting = body.waiting
