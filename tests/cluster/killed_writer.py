"""Runs in a process of its own, and is killed: writes checkpoints for ever, and tells what it has committed."""

from __future__ import annotations

import os
import signal
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cluster.checkpoints import Manifest, Part, Store, part_name


def write_on(spec: tuple[Any, ...], told: Connection, steps: int | None) -> None:
    """Go on from the newest checkpoint; die before the step of that number, or when somebody kills us."""
    if steps is not None:
        _die_at(steps)
    store = Store(*spec)
    with store.lock():
        newest = store.latest()
        for epoch in count(newest.epoch + 1 if newest else 1):
            store.commit(
                Manifest(epoch, {"delivered": epoch % 3 == 0}, b"router", _parts(store, epoch, newest))
            )
            told.send(epoch)
            newest = store.latest()


def hold(spec: tuple[Any, ...], told: Connection, epoch: int) -> None:
    """Take the store, wait for a word, and commit; tell how it went."""
    store = Store(*spec)
    with store.lock():
        told.send("held")
        told.recv()
        try:
            store.commit(Manifest(epoch, {"by": "holder"}, b"", []))
            told.send("committed")
        except Exception as error:
            told.send(str(error))


def _parts(store: Store, epoch: int, newest: Manifest | None) -> list[Part]:
    """A part of every epoch since the last base; a new base now and then, so that cleaning has parts to drop."""
    older = newest.parts if newest and epoch % 4 else []
    return [
        *older,
        *(store.write(part_name(epoch, what), [b"%d" % epoch, b"x" * 5000]) for what in ("a", "b")),
    ]


def _die_at(steps: int) -> None:
    left = iter(range(steps, -1, -1))

    def before(call: Any) -> Any:
        def counted(*args: Any, **named: Any) -> Any:
            if not next(left, 0):
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)

        return counted

    os.fsync = before(os.fsync)
    Path.open = before(Path.open)  # type: ignore[method-assign]
    Path.replace = before(Path.replace)  # type: ignore[method-assign]
    Path.unlink = before(Path.unlink)  # type: ignore[method-assign]
