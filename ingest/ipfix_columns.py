"""The records of one template layout as columns of `FLOW`; each column is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.flows import Column, Index, newest
from ingest.ipfix_elements import number
from ingest.ipfix_samplers import IDS
from ingest.ipfix_taken import EXPORTED_S, INIT_MS, OFFSET, SAMPLING, Gathered
from ingest.ipfix_templates import Layout
from ingest.networks import FOREVER_US
from ingest.records import FLOW, SECOND_US

MAPPED = np.uint64(0xFFFF << 32)
NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
UPTIME_BITS = 32  # of a time since the system started: after 49.7 days it begins again at 0
AHEAD_MS = 3_600_000  # by which a flow's time may be ahead of its export: clocks differ

# Column -> the elements that say it, the first one known counts.
_SAME = {
    "src_port": ("sourceTransportPort", "tcpSourcePort", "udpSourcePort"),
    "dst_port": ("destinationTransportPort", "tcpDestinationPort", "udpDestinationPort"),
    "protocol": ("protocolIdentifier",),
    "flags": ("tcpControlBits",),
    "packets": ("packetDeltaCount", "packetTotalCount", "initiatorPackets", "postPacketDeltaCount"),
    "octets": ("octetDeltaCount", "octetTotalCount", "initiatorOctets", "postOctetDeltaCount"),
    "packets_back": ("reversePacketDeltaCount", "reversePacketTotalCount", "responderPackets"),
    "octets_back": ("reverseOctetDeltaCount", "reverseOctetTotalCount", "responderOctets"),
}
_ADDRESSES = {
    "src": ("sourceIPv4Address", "sourceIPv6Address"),
    "dst": ("destinationIPv4Address", "destinationIPv6Address"),
}
_FORWARD_DROPPED = 2  # the upper two bits of forwardingStatus
_FIREWALL_DENIED = 3


class LayoutPart:
    """A part of `FlowColumns`."""

    __slots__ = ("_about", "_counts", "_names", "_records", "_samplers", "_set")

    def __init__(self, layout: Layout, gathered: Gathered) -> None:
        self._names = layout.names
        self._samplers = gathered.samplers
        self._records: npt.NDArray[Any] = gathered.octets().view(layout.dtype)
        self._counts, *self._about = gathered.about()
        self._set: Index | None = None  # of each record, if they are no longer all that the sets had
        self._guess_starts()

    def __len__(self) -> int:
        return len(self._records)

    def take(self, index: Index) -> LayoutPart:
        """Only the flows at these positions."""
        if len(index) == len(self):
            return self
        part = object.__new__(LayoutPart)
        part._names, part._counts, part._about = self._names, self._counts, self._about
        part._samplers = self._samplers
        # `take` copies records as a whole, an index would copy them field by field.
        part._records = self._records.take(index)
        part._set = self._of_each(np.arange(len(self._counts))).take(index)
        return part

    def four(self, side: str) -> npt.NDArray[np.uint32] | None:
        """See `Part.four`."""
        four, six = _ADDRESSES[side]
        return None if six in self._names else self._records[four].astype(np.uint32)

    def newest_us(self, limit: int | None) -> int | None:
        """See `Part.newest_us`."""
        said = self._epoch("End")
        if said is not None and len(self):
            latest = int(said[0].max()) * said[1]
            # Only then no time is above the limit, and none is too great for its column.
            if latest <= (FOREVER_US if limit is None else min(limit, FOREVER_US)):
                return latest
        return newest(self.column("end_us"), limit)

    def _of_each(self, told: Column) -> Column:
        """What is told of each set, for each record."""
        return np.repeat(told, self._counts) if self._set is None else told.take(self._set)

    def column(self, name: str) -> Column:
        """A column of `FLOW`, in its type there."""
        made = self._made(name)
        kind = FLOW[name]
        if made is None:
            return np.zeros(len(self), kind)
        return made if made.dtype == kind else _narrowed(made, kind)

    def _made(self, name: str) -> Column | None:
        if name in _SAME:
            made = self._first(_SAME[name])
            # TCP's control bits may come with the reserved ones in a higher octet.
            return made if made is None or name != "flags" else made.astype(np.uint64) & np.uint64(0xFF)
        if name[:3] in _ADDRESSES:
            return self._address(name[:3], name.endswith("hi"))
        makers: dict[str, Callable[[], Column | None]] = {
            "seen_at": lambda: None,  # an exporter sees both sides
            "start_us": self._start,
            "end_us": self._end,
            "sampling": self._sampling,
            "denied": self._denied,
            "offset": lambda: self._of_each(self._about[OFFSET]),
        }
        return makers[name]()

    def _value(self, element: str) -> Column | None:
        return number(self._records[element]) if element in self._names else None

    def _first(self, elements: tuple[str, ...]) -> Column | None:
        return next((self._value(element) for element in elements if element in self._names), None)

    def _address(self, side: str, high: bool) -> Column | None:
        four, six = _ADDRESSES[side]
        if six in self._names:
            words = self._records[six][:, 0 if high else 1].astype(np.uint64)
            if four not in self._names:
                return words
            # A template with both families leaves the one that it does not use at zero.
            own = self._records[six].astype(np.uint64)
            return np.where((own[:, 0] | own[:, 1]) == 0, self._four(four, high), words)
        return self._four(four, high)

    def _four(self, element: str, high: bool) -> Column:
        if high:
            return np.zeros(len(self), np.uint64)
        return number(self._records[element]).astype(np.uint64) | MAPPED

    # Times

    def _start(self) -> Column:
        known = self._time("Start")
        if known is not None:
            return known
        ended = self._time("End")
        duration = self._value("flowDurationMilliseconds")
        if ended is not None:
            return ended if duration is None else ended - duration.astype(np.int64) * 1000
        return self._exported()

    def _end(self) -> Column:
        known = self._time("End")
        if known is None:
            started = self._time("Start")
            duration = self._value("flowDurationMilliseconds")
            if started is None:
                known = self._exported()
            else:
                known = started if duration is None else started + duration.astype(np.int64) * 1000
        return known

    def _exported(self) -> Column:
        return self._of_each(self._about[EXPORTED_S]) * SECOND_US

    def _epoch(self, which: str) -> tuple[Column, int] | None:
        """Times since 1970, and how many microseconds their unit has."""
        for unit, scale in (("Milliseconds", 1000), ("Seconds", SECOND_US)):
            value = self._value(f"flow{which}{unit}")
            if value is not None:
                return value, scale
        return None

    def _time(self, which: str) -> Column | None:
        said = self._epoch(which)
        if said is not None:
            return said[0].astype(np.int64) * said[1]
        for unit in ("Microseconds", "Nanoseconds"):
            value = self._value(f"flow{which}{unit}")
            if value is not None:
                return _ntp_us(value.astype(np.uint64))
        value = self._value(f"flow{which}DeltaMicroseconds")
        if value is not None:
            return self._exported() - value.astype(np.int64)
        value = self._value(f"flow{which}SysUpTime")
        return None if value is None else self._since_start(value.astype(np.int64))

    def _since_start(self, uptime_ms: Column) -> Column:
        own = self._value("systemInitTimeMilliseconds")
        started: Column = self._of_each(self._about[INIT_MS]) if own is None else own.astype(np.int64)
        known = started + uptime_ms
        begun_again = np.maximum(
            (self._of_each(self._about[EXPORTED_S]) * 1000 + AHEAD_MS - known) >> UPTIME_BITS, 0
        )
        since: Column = (known + (begun_again << UPTIME_BITS)) * 1000
        return since

    def _guess_starts(self) -> None:
        """Where nobody says when the system started: the newest record of a set is as old as its export."""
        uptime = self._first(("flowEndSysUpTime", "flowStartSysUpTime"))
        if uptime is None or not len(uptime):
            return
        begins = np.cumsum(self._counts) - self._counts
        newest = np.maximum.reduceat(uptime.astype(np.int64), begins)
        told, exported_s = self._about[INIT_MS], self._about[EXPORTED_S]
        self._about[INIT_MS] = np.where(told > 0, told, exported_s * 1000 - newest)

    def _sampling(self) -> Column:
        every = self._value("samplingPacketInterval")
        if every is not None:
            space = self._value("samplingPacketSpace")
            skipped = 0 if space is None else space.astype(np.int64)
            own = (every.astype(np.int64) + skipped) // np.maximum(every.astype(np.int64), 1)
        else:
            said = self._first(("samplingInterval", "samplerRandomInterval"))
            own = np.zeros(len(self), np.int64) if said is None else said.astype(np.int64)
        return np.where(own > 0, own, self._by_sampler(self._of_each(self._about[SAMPLING])))

    def _by_sampler(self, told: Column) -> Column:
        """What is told of all records of a set, or of the sampler that each one names."""
        named = np.unique(told[told < 0]).tolist()
        if not named:
            return told
        ids, made = self._first(IDS), told.copy()
        assert ids is not None
        for one in named:
            which = told == one
            made[which] = self._samplers[-one - 1].rates(ids[which].astype(np.uint64))
        return made

    def _denied(self) -> Column | None:
        event = self._value("firewallEvent")
        status = self._value("forwardingStatus")
        denied = None if event is None else event == _FIREWALL_DENIED
        if status is not None:
            # One octet; wider encodings put it last.
            dropped = (status.astype(np.uint64) & np.uint64(0xFF)) >> np.uint64(6) == _FORWARD_DROPPED
            denied = dropped if denied is None else denied | dropped
        return denied


def _ntp_us(value: Column) -> Column:
    seconds = (value >> np.uint64(32)).astype(np.int64) - NTP_EPOCH_S
    fraction = (value & np.uint64(0xFFFFFFFF)).astype(np.float64) / 4294967296.0
    return seconds * SECOND_US + (fraction * SECOND_US).astype(np.int64)


def _narrowed(made: Column, kind: np.dtype[Any]) -> Column:
    """In the column's type; what is wider than it can hold is its greatest value, not a wrapped one."""
    if kind.kind == "u" and made.dtype.itemsize > kind.itemsize:
        return np.minimum(np.maximum(made, 0), np.iinfo(kind).max).astype(kind)
    return made.astype(kind)
