"""Messages and sets of IPFIX: what each observation domain has said, and the data records that follow it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from struct import Struct
from typing import Any

import numpy as np

from ingest import netflow
from ingest.ipfix_domains import Domain, DomainState, Message, Waiting
from ingest.ipfix_runs import BODY, FIRST_DATA, HEADER, Run, bodies, runs
from ingest.ipfix_taken import Taken
from ingest.ipfix_templates import BadTemplateError, Layouts, Template, Templates, fields_end

MAX_DOMAINS = 1_024
MAX_WAITING = 1 << 20  # octets of data sets that a domain may keep until their template comes
MAX_ALL_WAITING = 1 << 24  # ... and all domains together
RESTART_MS = 60_000  # by which a system's start moves on when it starts again: clocks are set by less
NO_ADDRESSES = "flow records without addresses"

_ABOUT = Struct("!III")  # export time, sequence number and domain, after version and length
_SET = Struct("!HH")
_COUNT = Struct("!HH")


@dataclass(slots=True)
class Common:
    """What exporters that are read together have in common: one bound, and one place for what they give."""

    taken: Taken
    layouts: Layouts = field(default_factory=Layouts)
    waiting_size: int = 0
    domains: int = 0

    def hand_over(self) -> Taken:
        """What has been taken in, and begin anew; what the domains have said stays known."""
        taken, self.taken = self.taken, Taken(self.taken.source)
        return taken


class Sets:
    """One exporter's domains."""

    received_s = 0  # when the datagrams came that are taken in, in seconds since 1970; 0: there are none

    def __init__(self, source: str, common: Common | None = None) -> None:
        self.common = common or Common(Taken(source))
        self._domains: dict[int, Domain] = {}

    @property
    def taken(self) -> Taken:
        """What came of messages since it was last handed over."""
        return self.common.taken

    def end(self) -> None:
        """No more templates will come: reject the data that wait for one."""
        for _, domain in sorted(self._domains.items()):
            for kept in sorted(domain.all_waiting(), key=lambda one: one.message.offset):
                self._never_known(kept)
            self.common.waiting_size -= domain.waiting_size
            domain.waiting, domain.waiting_size = {}, 0

    def _never_known(self, kept: Waiting) -> None:
        domain = kept.message.domain
        text = f"data set {kept.number} of observation domain {domain.number} came before its template"
        self.taken.reject(text, kept.message.offset, kept.data, "set")
        self.taken.lost += domain.took_later(kept, None)

    def state(self) -> list[Any]:
        """Each domain in plain values (`DomainState`)."""
        return [domain.state() for domain in self._domains.values()]

    def restore(self, kept: list[DomainState]) -> None:
        """Know what an earlier decoder knew. Raises BadTemplateError."""
        self._domains = {one.number: self._restored(one) for one in kept}
        self.common.waiting_size += sum(domain.waiting_size for domain in self._domains.values())
        self.common.domains += len(self._domains)

    def _restored(self, kept: DomainState) -> Domain:
        return Domain.restored(kept, self.common.layouts)

    def _new_domain(self, number: int) -> Domain:
        return Domain(number, Templates(self.common.layouts))

    # Messages

    def messages(self, data: bytes, bounds: list[int], offset: int) -> None:
        """Take in whole messages that lie between these bounds; `offset` is where `data` begins in the file."""
        for first, last, run in runs(data, bounds):
            if run is None or not self._run(data, run, offset, first):
                for number, (at, end) in enumerate(pairwise(bounds[first : last + 1]), first):
                    self._message(data, at, end, offset + at, number)

    def _run(self, data: bytes, run: Run, offset: int, first: int) -> bool:
        """Take in a run of messages, from the `first` on; False: they are not plain flows, nothing was done."""
        domain = self._domains.get(run.domain)
        template = domain.templates.get(run.template) if domain else None
        if domain is None or template is None or template.scopes:
            return False
        layout = template.layout
        if not layout.length or not layout.is_flow:
            return False
        records = (run.length - BODY) // layout.length
        lost = domain.took_run(run, records, first)
        if lost is None:
            return False
        about = np.empty((5, len(records)), np.int64)
        about[0], about[1], about[2] = records, offset + run.at, run.exported_s
        gathered = self.taken.of(layout)
        about[3], about[4] = gathered.sampling(layout, domain.sampling, domain.samplers), domain.init_ms
        gathered.many(bodies(data, run, records * layout.length), about)
        self.taken.read += int(records.sum())
        self.taken.lost += lost
        return True

    def _message(self, data: bytes, at: int, end: int, offset: int, which: int) -> None:
        exported_s, sequence, number = _ABOUT.unpack_from(data, at + 4)
        domain = self._domain(number)
        if domain is None:
            text = f"more than {MAX_DOMAINS} observation domains"
            self.taken.reject(text, offset, data[at:end], "message")
            return
        if domain.is_repeated(sequence, which):
            return
        message = Message(domain, offset, exported_s, sequence, self.received_s)
        records, is_whole = 0, True
        at += HEADER
        while end - at >= _SET.size:
            set_id, length = _SET.unpack_from(data, at)
            if length < _SET.size or at + length > end:
                text = f"set {set_id} says a length of {length}, but its message has {end - at} octets left"
                self.taken.reject(text, offset, data[at:end], "set")
                is_whole = False
                break
            more = self._set(message, set_id, data, at + _SET.size, at + length)
            is_whole, records = is_whole and more is not None, records + (more or 0)
            at += length
        self.taken.lost += domain.took(message, records, is_whole)

    def netflow(self, data: bytes, at: int, end: int, offset: int) -> None:
        """Take in a message of NetFlow version 5 or 9; `offset` is its own."""
        found = netflow.header(data, at, end)
        if found is None:
            self.taken.reject("the NetFlow message is cut within its header", offset, data[at:end], "message")
            return
        told, body = found
        domain = self._domain(told.domain)
        if domain is None:
            text = f"more than {MAX_DOMAINS} observation domains"
            self.taken.reject(text, offset, data[at:end], "message")
            return
        if domain.is_repeated(told.sequence, 0):
            return
        if 0 < domain.begun_ms < told.init_ms - RESTART_MS and domain.is_behind(told.sequence):
            self._begun_anew(domain)
        domain.begun_ms = told.init_ms
        message = Message(domain, offset, told.exported_s, told.sequence, self.received_s, told.init_ms)
        if told.version == 5:
            domain.sampling = told.sampling
            domain.templates.learn(netflow.TEMPLATE_5, 0, netflow.SPECIFIERS_5)
            records = self._set(message, netflow.TEMPLATE_5, data, body, end) or 0
            said = int.from_bytes(data[at + 2 : at + 4], "big")
            if records != said:
                text = f"the NetFlow version 5 message says {said} records, and has {records}"
                self.taken.reject(text, offset, data[at:end], "message")
            self.taken.lost += domain.took(message, said, True)
            return
        self._sets_9(message, data, body, end)
        self.taken.lost += domain.took(message, 1, True)

    def _begun_anew(self, domain: Domain) -> None:
        for number in sorted(domain.waiting):
            for kept in domain.no_longer(number):
                self.common.waiting_size -= kept.size
                self._never_known(kept)
        domain.begun_anew()

    def _sets_9(self, message: Message, data: bytes, at: int, end: int) -> None:
        try:
            for number, begin, after in netflow.sets(data, at, end):
                if number > 1:
                    self._set(message, number, data, begin, after)
                    continue
                told = netflow.as_templates(data, begin, after, number == 1)
                self._templates(message, told, 0, len(told), number == 1)
        except BadTemplateError as error:
            self.taken.reject(f"template {error}", message.offset, data[at:end], "set")
        except ValueError as error:
            self.taken.reject(str(error), message.offset, data[at:end], "set")

    def _domain(self, number: int) -> Domain | None:
        domain = self._domains.get(number)
        if domain is None and self.common.domains < MAX_DOMAINS:
            domain = self._domains[number] = self._new_domain(number)
            self.common.domains += 1
        return domain

    # Sets

    def _set(self, message: Message, number: int, data: bytes, at: int, end: int) -> int | None:
        """Take a set in; how many data records it had, None if that is not known yet."""
        if number in (2, 3):
            self._templates(message, data, at, end, number == 3)
        elif number >= FIRST_DATA:
            template = message.domain.templates.get(number)
            if template is not None:
                return self._data(message, template, data, at, end)
            if end > at:
                self._wait(Waiting(number, data[at:end], message))
                return None
        return 0  # ids 4 to 255 are reserved: skipped, as RFC 7011 says

    def _wait(self, kept: Waiting) -> None:
        domain, size = kept.message.domain, kept.size
        if domain.waiting_size + size > MAX_WAITING or self.common.waiting_size + size > MAX_ALL_WAITING:
            which = f"data set {kept.number} of observation domain {domain.number}"
            text = f"{which} has no template, and no more is kept"
            self.taken.reject(text, kept.message.offset, kept.data, "set")
            return
        domain.wait(kept)
        self.common.waiting_size += size

    def _templates(self, message: Message, data: bytes, at: int, end: int, options: bool) -> None:
        templates = message.domain.templates
        while end - at >= _COUNT.size:
            number, count = _COUNT.unpack_from(data, at)
            at += _COUNT.size
            if number == 0 and count == 0:
                return  # padding
            if count == 0:
                templates.withdraw(number)
                continue
            scopes = 0
            try:
                if options:
                    if end - at < 2:
                        raise BadTemplateError("has no scope count")
                    # None is against RFC 7011; its records are options all the same.
                    scopes = int.from_bytes(data[at : at + 2], "big") or 1
                    at += 2
                after = fields_end(data, at, end, count)
                templates.learn(number, scopes, data[at:after])
            except BadTemplateError as error:
                self.taken.reject(f"template {number} {error}", message.offset, data[at:end], "set")
                return
            at = after
            self._now_known(message.domain, number)

    def _now_known(self, domain: Domain, number: int) -> None:
        template = domain.templates.get(number)
        if template is None:
            return
        for kept in domain.no_longer(number):
            self.common.waiting_size -= kept.size
            count = self._data(kept.message, template, kept.data, 0, len(kept.data))
            self.taken.lost += domain.took_later(kept, count)

    def _data(self, message: Message, template: Template, data: bytes, at: int, end: int) -> int:
        layout, domain = template.layout, message.domain
        if layout.length:
            count = (end - at) // layout.length
            rest = at + count * layout.length
            records = data[at:rest]
        else:
            records, count, rest = layout.compact(data, at, end)
        if end - rest >= layout.shortest:
            text = f"a record of template {template.number} runs past its set"
            self.taken.reject(text, message.offset, data[rest:end], "set")
        if template.scopes:
            domain.learn(layout, records, count)
            return count
        self.taken.read += count
        if layout.is_flow:
            init_ms = message.init_ms or domain.init_ms
            gathered = self.taken.of(layout)
            sampling = gathered.sampling(layout, domain.sampling, domain.samplers)
            gathered.one(records, (count, message.offset, message.exported_s, sampling, init_ms))
        else:
            self.taken.filtered[NO_ADDRESSES] = self.taken.filtered.get(NO_ADDRESSES, 0) + count
        return count
