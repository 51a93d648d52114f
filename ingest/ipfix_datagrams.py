"""IPFIX messages that come by UDP (RFC 7011, section 8.4): templates live for a time, messages get lost or come again."""

from __future__ import annotations

from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from typing import Any

from ingest.ipfix_domains import DatagramsState, Domain, DomainState, Message, Waiting
from ingest.ipfix_runs import Numbers, Run
from ingest.ipfix_samplers import Told
from ingest.ipfix_sequence import Recent, Sequence
from ingest.ipfix_sets import Common, Sets
from ingest.ipfix_templates import Layouts, Template, Templates

LIFETIME_S = 1_800  # RFC 6728's templateLifeTime: three times what exporters refresh after
PATIENCE_S = 600  # for which data wait for their template: the usual refresh


@dataclass(slots=True)
class Now:
    """What datagrams are told of, from the journal: nothing hangs on when they are read."""

    s: int = 0  # their receive time
    checksums: Row[int] = ()
    repeated: int = 0  # messages that came again, in all


class MortalTemplates(Templates):
    """Templates that are forgotten if nobody tells them again."""

    __slots__ = ("_now", "seen_s")

    def __init__(self, layouts: Layouts, now: Now) -> None:
        super().__init__(layouts)
        self._now = now
        self.seen_s: dict[int, int] = {}

    def get(self, number: int) -> Template | None:
        """The template of a set's id, if it was told lately."""
        found = super().get(number)
        if found is not None and self._now.s - self.seen_s[number] > LIFETIME_S:
            self._drop(number)
            return None
        return found

    def learn(self, number: int, scopes: int, specifiers: bytes) -> None:
        """Take a template in, or hear that it still lives. Raises BadTemplateError."""
        self.get(number)  # one that is over is not refreshed, but learnt
        super().learn(number, scopes, specifiers)
        self.seen_s[number] = self._now.s

    def withdraw(self, number: int) -> None:
        """Nothing: by UDP nobody may withdraw templates, and who is told so must not listen (section 8.4)."""

    def _drop(self, number: int) -> None:
        super()._drop(number)
        self.seen_s.pop(number, None)


class StreamTemplates(MortalTemplates):
    """Templates that live as long as their connection, or until they are withdrawn (section 8.1)."""

    __slots__ = ()

    def get(self, number: int) -> Template | None:
        """The template of a set's id."""
        return Templates.get(self, number)

    def withdraw(self, number: int) -> None:
        """See `Templates.withdraw`."""
        Templates.withdraw(self, number)


@dataclass(slots=True)
class DatagramDomain(Domain):
    """One observation domain of an exporter by UDP."""

    now: Now = field(default_factory=Now)
    numbers: Sequence = field(default_factory=Sequence)
    recent: Recent = field(default_factory=Recent)
    _waits: Message | None = None  # the last message of which a set waits

    def is_repeated(self, sequence: int, number: int) -> bool:
        """See `Domain.is_repeated`."""
        again = self.recent.meets(sequence, self.now.checksums[number])
        self.now.repeated += again
        return again

    def took(self, message: Message, records: int, is_whole: bool) -> int:
        """See `Domain.took`. What waits is missing until its template has come."""
        lost = self.numbers.took(message.sequence, message.exported_s, records)
        if not is_whole and not self.counts_messages and self._waits is not message:
            self.numbers.next = None  # nobody knows how many records it had
        return lost

    def took_run(self, run: Run, records: Numbers, first: int) -> int | None:
        """See `Domain.took_run`."""
        if not self.numbers.took_run(run.sequence, run.exported_s, records):
            return None
        self.recent.add(run.sequence, self.now.checksums[first : first + len(records)])
        return 0

    def took_later(self, kept: Waiting, records: int | None) -> int:
        """See `Domain.took_later`."""
        if self.counts_messages:
            return 0  # it was counted when it came
        return self.numbers.took_later(kept.message.sequence, records)

    def is_behind(self, sequence: int) -> bool:
        """See `Domain.is_behind`."""
        return self.numbers.next is None or sequence != self.numbers.next & 0xFFFFFFFF

    def begun_anew(self) -> None:
        """See `Domain.begun_anew`."""
        self.numbers.next = None
        self.numbers.restarts += 1
        self.templates.clear()

    def wait(self, kept: Waiting) -> None:
        """See `Domain.wait`."""
        Domain.wait(self, kept)
        self._waits = kept.message

    def state(self) -> list[Any]:
        """See `Domain.state`."""
        self.next_sequence = self.numbers.next
        assert isinstance(self.templates, MortalTemplates)
        seen_s = [self.templates.seen_s[number] for number, *_ in self.templates.state()]
        waits = [[kept.message.sequence, kept.message.received_s] for kept in self.all_waiting()]
        numbers = self.numbers
        beside = [
            seen_s,
            waits,
            numbers.newest_s,
            numbers.first,
            numbers.latest,
            list(map(list, numbers.gaps)),
            self.recent.kept(),
        ]
        told = Domain.state(self)
        told[7] = beside
        return told


class DatagramSets(Sets):
    """One exporter's domains; give it whole messages of one receive time (a second) at a time."""

    templates: type[MortalTemplates] = MortalTemplates

    def __init__(self, source: str, common: Common) -> None:
        super().__init__(source, common)
        self.source = source
        self.now = Now()

    def datagrams(self, messages: list[bytes], checksums: list[int], received_s: int, offset: int) -> int:
        """Take messages in that came within one second; `offset`: octets that this exporter sent before.

        Returns how many octets they are.
        """
        self._begin(received_s)
        self.now.checksums = checksums
        bounds, at = [0], 0
        for one in messages:
            at += len(one)
            bounds.append(at)
        self.messages(b"".join(messages), bounds, offset)
        return at

    def netflow_datagram(self, data: bytes, checksum: int, received_s: int, offset: int) -> None:
        """Take in a message of NetFlow."""
        self._begin(received_s)
        self.now.checksums = [checksum]
        self.netflow(data, 0, len(data), offset)

    def expire(self, received_s: int) -> None:
        """Reject what has waited for too long."""
        self._begin(received_s)
        for domain in self._domains.values():
            over = {
                kept.number
                for kept in domain.all_waiting()
                if received_s - kept.message.received_s > PATIENCE_S
            }
            for number in sorted(over):
                for kept in domain.no_longer(number):
                    self.common.waiting_size -= kept.size
                    if received_s - kept.message.received_s > PATIENCE_S:
                        self._never_known(kept)
                    else:
                        domain.wait(kept)
                        self.common.waiting_size += kept.size

    def end_all(self) -> None:
        """Reject what waits: no template comes for it any more."""
        self.taken.source = self.source
        self.end()

    def close(self) -> None:
        """Nothing comes of this exporter any more: give back what it had of the common bounds."""
        self.taken.source = self.source
        self.end()
        self.common.domains -= len(self._domains)
        for domain in self._domains.values():
            domain.templates.clear()
        self._domains = {}

    def lost(self) -> dict[int, int]:
        """Records by observation domain, since this process began."""
        return {number: self._of(domain).lost for number, domain in self._domains.items()}

    def _begin(self, received_s: int) -> None:
        self.taken.source = self.source
        self.now.s = self.received_s = received_s

    def _of(self, domain: Domain) -> Sequence:
        assert isinstance(domain, DatagramDomain)
        return domain.numbers

    def _new_domain(self, number: int) -> Domain:
        return DatagramDomain(number, self.templates(self.common.layouts, self.now), now=self.now)

    def _restored(self, kept: DomainState) -> Domain:
        beside = kept.datagrams or DatagramsState([], [], 0, 0, None, [], b"")
        made = DatagramDomain(
            kept.number,
            self.templates(self.common.layouts, self.now),
            sampling=kept.sampling,
            init_ms=kept.init_ms,
            begun_ms=kept.begun_ms,
            samplers=Told(kept.samplers),
            now=self.now,
            numbers=Sequence(kept.next_sequence, beside.newest_s),
            recent=Recent(beside.recent),
        )
        numbers = made.numbers
        numbers.first, numbers.latest, numbers.gaps = beside.first, beside.latest, list(beside.gaps)
        for template, seen_s in zip(kept.templates, beside.seen_s, strict=True):
            self.now.s = seen_s
            made.templates.learn(*template)
        inits = kept.waiting_init_ms or [0] * len(kept.waiting)
        for (number, data, offset, exported_s), (sequence, received_s), init_ms in zip(
            kept.waiting, beside.waits, inits, strict=True
        ):
            message = Message(made, offset, exported_s, sequence, received_s, init_ms)
            made.wait(Waiting(number, data, message))
        return made


class StreamSets(DatagramSets):
    """The same of one connection."""

    templates = StreamTemplates
