"""What an exporter's observation domains have said, and what of theirs still waits; to be kept and taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from ingest.ipfix_runs import Numbers, Run
from ingest.ipfix_samplers import Told, number_of
from ingest.ipfix_templates import Layout, Layouts, Templates, one_in, options_values

WAITING_COST = 256  # octets that a waiting set costs beside its data
REORDERED = 4_096  # records by which a message may come late; one further back: the exporter began again
MAX_INIT_MS = 1 << 48  # in the year 10889: beyond it, times would no longer fit their columns
_WRAP = 0xFFFFFFFF  # of sequence numbers


class DatagramsState(msgspec.Struct, array_like=True, frozen=True):
    """What is kept beside, of a domain whose messages come by UDP; times are seconds since 1970."""

    seen_s: list[int]  # when each template was last told
    waits: list[tuple[int, int]]  # sequence number and receive time of each waiting set's message
    newest_s: int  # export time
    first: int  # sequence numbers
    latest: int | None
    gaps: list[tuple[int, int]]  # sequence numbers that may still come late
    recent: bytes  # messages that a copy may come of: sequence number and checksum of each


class DomainState(msgspec.Struct, array_like=True, frozen=True):
    """A domain as it is kept."""

    number: int
    sampling: int
    init_ms: int
    next_sequence: int | None
    missing: int
    templates: list[tuple[int, int, bytes]]  # id, scopes, field specifiers
    waiting: list[tuple[int, bytes, int, int]]  # id, data, offset and export time of the message
    datagrams: DatagramsState | None = None  # of a domain whose messages come by UDP
    begun_ms: int = 0  # of NetFlow: when the system started, as was told last
    waiting_init_ms: list[int] = []  # of NetFlow: when the system started, of each waiting set's message
    samplers: list[tuple[int, int]] = []  # of each sampler: one in how many; the one told longest ago first


@dataclass(slots=True)
class Domain:
    """One observation domain."""

    number: int
    templates: Templates
    waiting: dict[int, list[Waiting]] = field(default_factory=dict)
    waiting_size: int = 0
    sampling: int = 0
    init_ms: int = 0  # systemInitTimeMilliseconds of the options data
    next_sequence: int | None = None  # None: what came last had a number of records that is not known
    missing: int = 0  # of those that were counted as lost, how many may still come late
    begun_ms: int = 0  # of NetFlow: when the system started, as was told last
    samplers: Told = field(default_factory=Told)

    @property
    def counts_messages(self) -> bool:
        """Whether sequence numbers count messages and not records, as NetFlow version 9 has it."""
        return self.number >> 32 == 9

    def is_behind(self, sequence: int) -> bool:
        """Whether a message is not the one that was to come: a clock that begins again at 0 leaves the numbers alone."""
        return sequence != self.next_sequence

    def begun_anew(self) -> None:
        """The exporter has started again: what it said before does not hold."""
        self.next_sequence, self.missing = None, 0
        self.templates.clear()

    def is_repeated(self, sequence: int, number: int) -> bool:
        """Whether a message, the `number`th of those given, was taken in before. In a file none is."""
        return False

    def took(self, message: Message, records: int, is_whole: bool) -> int:
        """See `lost`; `is_whole`: the message has no records beside these."""
        return self.lost(message.sequence, records if is_whole else None)

    def took_run(self, run: Run, records: Numbers, first: int) -> int | None:
        """The same for the run of messages that begins with the `first` given; None: not to be taken as one."""
        return self.lost_of_run(run.sequence, records)

    def took_later(self, kept: Waiting, records: int | None) -> int:
        """The same for a set that has waited; None: it will never be read. In a file what waits is not lost."""
        return 0

    def lost(self, sequence: int, records: int | None) -> int:
        """How many records were lost before this message; less than 0: so many came late."""
        expected = sequence if self.next_sequence is None else self.next_sequence
        ahead = (sequence - expected + (1 << 31)) % (1 << 32) - (1 << 31)
        if -REORDERED <= ahead < 0:
            late = min(records or 0, self.missing)
            self.missing -= late
            return -late
        self.missing = self.missing + ahead if ahead >= 0 else 0
        self.next_sequence = None if records is None else (sequence + records) & _WRAP
        return max(ahead, 0)

    def lost_of_run(self, sequence: Numbers, records: Numbers) -> int:
        """The same for many messages with so many records each."""
        after = sequence + records & _WRAP
        first = int(sequence[0])
        if self.next_sequence in (None, first) and (sequence[1:] == after[:-1]).all():
            self.next_sequence = int(after[-1])
            return 0
        return sum(self.lost(*one) for one in zip(sequence.tolist(), records.tolist(), strict=True))

    def learn(self, layout: Layout, records: bytes, count: int) -> None:
        """What options data say of all flows that follow."""
        for values in options_values(layout, records, count):
            self.init_ms = min(values.get("systemInitTimeMilliseconds", self.init_ms), MAX_INIT_MS)
            rate, number = one_in(values), number_of(values)
            self.sampling = rate or self.sampling
            if rate and number is not None:
                self.samplers.tell(number, rate)

    # Sets that wait for their template

    def wait(self, kept: Waiting) -> None:
        """Keep a data set."""
        self.waiting.setdefault(kept.number, []).append(kept)
        self.waiting_size += kept.size

    def no_longer(self, number: int) -> list[Waiting]:
        """The data sets that have waited for this template."""
        kept = self.waiting.pop(number, [])
        self.waiting_size -= sum(one.size for one in kept)
        return kept

    def all_waiting(self) -> Iterator[Waiting]:
        """All data sets that wait."""
        return (kept for kept_sets in self.waiting.values() for kept in kept_sets)

    # To be kept

    def state(self) -> list[Any]:
        """A `DomainState` in plain values."""
        waiting = [
            [kept.number, kept.data, kept.message.offset, kept.message.exported_s]
            for kept in self.all_waiting()
        ]
        known = self.templates.state()
        return [
            self.number,
            self.sampling,
            self.init_ms,
            self.next_sequence,
            self.missing,
            known,
            waiting,
            None,
            self.begun_ms,
            [kept.message.init_ms for kept in self.all_waiting()],
            list(map(list, self.samplers.rates.items())),
        ]

    @classmethod
    def restored(cls, kept: DomainState, layouts: Layouts) -> Domain:
        """From what was kept. Raises BadTemplateError."""
        made = cls(kept.number, Templates(layouts), sampling=kept.sampling, init_ms=kept.init_ms)
        made.begun_ms, made.samplers = kept.begun_ms, Told(kept.samplers)
        made.next_sequence, made.missing = kept.next_sequence, kept.missing
        for template in kept.templates:
            made.templates.learn(*template)
        inits = kept.waiting_init_ms or [0] * len(kept.waiting)
        for (number, data, offset, exported_s), init_ms in zip(kept.waiting, inits, strict=True):
            made.wait(Waiting(number, data, Message(made, offset, exported_s, init_ms=init_ms)))
        return made


class Message(NamedTuple):
    """What sets are told of their message."""

    domain: Domain
    offset: int
    exported_s: int
    sequence: int = 0
    received_s: int = 0  # 0: it came in no datagram
    init_ms: int = 0  # of NetFlow: when the clock of its times began


class Waiting(NamedTuple):
    """A data set whose template is not known yet."""

    number: int
    data: bytes
    message: Message

    @property
    def size(self) -> int:
        """What it costs to keep."""
        return len(self.data) + WAITING_COST
