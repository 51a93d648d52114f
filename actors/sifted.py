"""Blocks of flows that are taken as one, where they come to the same: beside its flows each one has a price of its own.

A router tells late flows by how far their source was before their block. So a block joins those before it only if
none of its flows is late after them; if none has an impossible time, which is said block by block; and if all are of
about an hour, or a slow exporter's weeks would be open at once. (Where there are more addresses of `[inventory]
networks` than are kept, which of them are may differ: they are met in another order.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.blocks import Block
from ingest.flow_relevant import SIDES, Listed, Relevant, relevant
from ingest.flows import FlowColumns, joined
from ingest.records import HOUR_US

_NEVER = 1 << 62


@dataclass(slots=True)
class Sifted:
    """A block, or several one after another, with those of its flows that may bear on a detection."""

    block: Block
    found: Relevant | None = None  # None: it has no flows, or they are as they came
    flows: int = 0  # how many there were
    newest_us: int = 0  # greatest end of any of them, up to the limit
    oldest_us: int = _NEVER  # least end of those that stay; where none does, as `newest_us`
    joins: bool = False  # it may be one of several


def sifted(block: Block, indicators: Listed, not_after_us: int | None) -> Sifted:
    """The block without its other flows, which are let go of. Flows after the given time have a wrong clock."""
    flows, block.flows = block.flows, None
    joins = not (len(block.events) or block.idle or block.rests)
    if flows is None or not len(flows):
        return Sifted(block, joins=joins)
    found, newest = relevant(flows, indicators), flows.newest_us(not_after_us)
    if not len(found.flows):
        return Sifted(block, found, len(flows), newest, newest, joins)
    started, ended = (found.flows.column(name) for name in ("start_us", "end_us"))
    oldest = int(ended.min())
    possible = oldest >= 0 and int(started.min()) >= 0
    if not_after_us is not None:
        possible = possible and int(ended.max()) <= not_after_us
    return Sifted(block, found, len(flows), newest, oldest, joins and possible)


def follows(one: Sifted, before: list[Sifted], lateness_us: int) -> bool:
    """Whether it may be one block with those before it, of which each one follows the ones before."""
    if not (one.joins and before[0].joins):
        return False
    newest = max(each.newest_us for each in before)
    oldest = min(each.oldest_us for each in (*before, one))
    in_time = one.oldest_us // HOUR_US >= (newest - lateness_us) // HOUR_US
    return in_time and max(newest, one.newest_us) - oldest <= HOUR_US


def as_one(several: list[Sifted]) -> Sifted:
    """Those of which each one follows the ones before, as one."""
    if len(several) == 1:
        return several[0]
    blocks = [one.block for one in several]
    whole = Block(position=blocks[-1].position, blocks=len(blocks))
    for block in blocks:
        whole.read += block.read
        whole.lost += block.lost
        whole.rejected += block.rejected
        for reason, number in block.filtered.items():
            whole.filtered[reason] = whole.filtered.get(reason, 0) + number
    found = [one.found for one in several if one.found is not None]
    return Sifted(
        whole,
        _together(found) if found else None,
        sum(one.flows for one in several),
        max(one.newest_us for one in several),
        min(one.oldest_us for one in several),
        True,
    )


def _together(found: list[Relevant]) -> Relevant:
    listed: dict[str, Any] = {side: joined([one.listed[side] for one in found], np.bool_) for side in SIDES}
    return Relevant(FlowColumns(part for one in found for part in one.flows.parts), listed)
