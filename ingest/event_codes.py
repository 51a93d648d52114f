"""Records of the common forms as numbers of their parts: what their octets stand for is worked out once.

Who polls a secret says the same all day, and who works on many resources says at least who he is each time. So the
octets of a record's parts are looked up by themselves; what is new is decoded by `ingest.swift`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest import swift
from ingest.logs_values import content_hashes, hashed
from ingest.parts import MAX_PARTS, Parts
from ingest.swift import PROBLEMS, Record

NOT_COMMON, LEFT_OUT = -1, -2  # in place of a number: not of a common form; bears on no detection
MAX_CONTENTS = 1_000_000  # pairs of caller and thing of which the hash is remembered, about 100 octets each
_JOIN = b"\0".join
_ODD = b"-"  # no JSON


class _Who(NamedTuple):
    who: int = NOT_COMMON
    number: int = 0  # from 1 on
    principal: bytes = b""  # as it is hashed, like the others below
    named: bool = True
    auth: str = ""


class _Touched(NamedTuple):
    what: int = NOT_COMMON
    where: int = NOT_COMMON
    number: int = 0  # from 1 on
    said: tuple[bytes, ...] = ()
    challenge: bool = False  # a call without a token, unless it names somebody


class _What(NamedTuple):
    what: int = NOT_COMMON
    operation: bytes = b""
    outcome: bytes = b""


class _Where(NamedTuple):
    where: int = NOT_COMMON
    place: bytes = b""


Column = npt.NDArray[Any]


class Coded(NamedTuple):
    """Columns of some records: the parts' numbers (the first may be NOT_COMMON or LEFT_OUT) and hashes of content."""

    what: Column
    who: Column
    where: Column
    content: Column
    operation: Column  # what the records of one operation share; 0: it is no part of one

    @classmethod
    def empty(cls, count: int) -> Coded:
        """Columns to be filled; all NOT_COMMON."""
        what, who, where = (np.full(count, NOT_COMMON, np.int32) for _ in range(3))
        return cls(what, who, where, np.zeros(count, np.uint64), np.zeros(count, np.uint64))

    def put(self, places: Any, other: Coded) -> None:
        """Fill some places."""
        for column, values in zip(self, other, strict=True):
            column[places] = values

    def take(self, places: Any) -> Coded:
        """Some of the records."""
        return Coded(*(column[places] for column in self))


class EventCodes:
    """What a process knows of octets, and the parts that they stand for."""

    def __init__(self) -> None:
        self.parts = Parts()
        self._known: list[dict[bytes, Any]] = [{} for _ in range(5)]
        self._contents: dict[int, int] = {}

    def begin(self) -> None:
        """Forget all, if it is much: `parts` is another object then."""
        if len(self.parts) > MAX_PARTS or any(len(some) > MAX_PARTS for some in self._known):
            self.__init__()  # type: ignore[misc]
        if len(self._contents) > MAX_CONTENTS:
            self._contents.clear()

    def of(self, records: Sequence[Record]) -> Coded:
        """The records' columns."""
        coded = Coded.empty(len(records))
        vault = [at for at, record in enumerate(records) if record.category == swift.VAULT_CATEGORY]
        if vault and len(vault) == len(records):
            return self._vault(records)
        managed = [at for at, record in enumerate(records) if record.category in swift.ADMINISTRATIVE]
        if vault:
            coded.put(vault, self._vault([records[at] for at in vault]))
        if managed:
            coded.put(managed, self._managed([records[at] for at in managed]))
        return coded

    def _found(self, kind: int, keys: list[bytes], make: Callable[[int], Any], otherwise: Any) -> list[Any]:
        """What is known by each key; what is new is made, of the record at a place."""
        known = self._known[kind]
        found = list(map(known.get, keys))
        for place in [place for place, one in enumerate(found) if one is None]:
            one = known.get(keys[place])
            if one is None:
                try:
                    one = make(place) or otherwise
                except PROBLEMS:
                    one = otherwise
                known[keys[place]] = one
            found[place] = one
        return found

    # Key Vault

    def _vault(self, records: Sequence[Record]) -> Coded:
        touched = self._found(
            0,
            [
                _JOIN((r.operation_name, r.resource_id, r.properties, r.result_type, r.location))
                for r in records
            ],
            lambda place: self._touch(records[place]),
            _Touched(),
        )
        callers = self._found(
            1,
            [
                _JOIN((i.claim, i.claims, r.caller_ip_address))
                if (i := r.identity) is not None and i.authorization is None
                else _JOIN((b"" if i is None else _ODD, b"", r.caller_ip_address))
                for r in records
            ],
            lambda place: self._who(records[place], swift.vault_caller(records[place])),
            _Who(),
        )
        coded = Coded.empty(len(records))
        what, where, number, _, challenge = zip(*touched, strict=True)
        who, caller, _, named, _ = zip(*callers, strict=True)
        coded.what[:], coded.who[:], coded.where[:] = what, who, where
        coded.content[:] = self._vault_contents(touched, callers, np.array(number), np.array(caller))
        coded.what[np.array(challenge) & ~np.array(named)] = LEFT_OUT
        coded.what[(coded.who == NOT_COMMON) | (coded.where == NOT_COMMON)] = NOT_COMMON
        return coded

    def _vault_contents(self, touched: list[Any], callers: list[Any], first: Any, second: Any) -> list[int]:
        """The hash of each record's content: who polls has few."""
        keys = (first << 32 | second).tolist()
        known = self._contents
        found = list(map(known.get, keys))
        new = [place for place, one in enumerate(found) if one is None]
        if new:
            hashes = content_hashes((*touched[at].said, callers[at].principal) for at in new).tolist()
            known.update(zip((keys[at] for at in new), hashes, strict=True))
            for place, one in zip(new, hashes, strict=True):
                found[place] = one
        return found  # type: ignore[return-value]

    def _touch(self, record: Record) -> _Touched | None:
        read = swift.vault_touched(record)
        if read is None:
            return None
        what, where, place = read
        return _Touched(
            self.parts.what(what),
            self.parts.where(where),
            len(self._known[0]) + 1,
            (hashed(what.operation), hashed(place), hashed(where.item), hashed(what.outcome)),
            what.details.get("status") == 401,
        )

    def _who(self, record: Record, caller: Any) -> _Who | None:
        if caller is None:
            return None
        number = self.parts.who(swift.who(record, caller))
        principal = hashed(caller.principal.lower())
        return _Who(number, len(self._known[1]) + 1, principal, caller.known, caller.auth)

    # The Activity Log

    def _managed(self, given: Sequence[Record]) -> Coded:
        all_of = Coded.empty(len(given))
        identities: list[Any] = [record.identity for record in given]
        named = [one is not None and one.authorization is not None for one in identities]
        places = [at for at, is_named in enumerate(named) if is_named]
        records = [given[at] for at in places]
        if not records:
            return all_of
        identities = [identities[at] for at in places]
        callers = self._found(
            2,
            [
                _JOIN((i.claims, i.claim, r.caller_ip_address, i.authorization.evidence.principal_type))
                for r, i in zip(records, identities, strict=True)
            ],
            lambda place: self._who(records[place], swift.management_caller(records[place])),
            _Who(),
        )
        whats = self._found(
            3,
            [
                _JOIN((r.operation_name, r.result_type, hashed(c.auth), i.authorization.evidence.role))
                for r, i, c in zip(records, identities, callers, strict=True)
            ],
            lambda place: self._what(records[place], callers[place].auth),
            _What(),
        )
        wheres = self._found(
            4,
            [
                _JOIN((r.resource_id, r.location, i.authorization.scope))
                for r, i in zip(records, identities, strict=True)
            ],
            lambda place: self._where(records[place]),
            _Where(),
        )
        all_of.put(places, _managed_columns(callers, whats, wheres))
        return all_of

    def _what(self, record: Record, auth: str) -> _What | None:
        what = swift.management_what(record, auth)
        if what is None:
            return None
        return _What(self.parts.what(what), hashed(what.operation), hashed(what.outcome))

    def _where(self, record: Record) -> _Where | None:
        read = swift.management_where(record)
        return None if read is None else _Where(self.parts.where(read[0]), hashed(read[1]))


def _managed_columns(callers: list[_Who], whats: list[_What], wheres: list[_Where]) -> Coded:
    coded = Coded.empty(len(callers))
    coded.who[:] = [one.who for one in callers]
    coded.what[:], operations, outcomes = zip(*whats, strict=True)
    coded.where[:], places = zip(*wheres, strict=True)
    coded.operation[:] = content_hashes(zip(operations, places, strict=True))
    principals = [one.principal for one in callers]
    coded.content[:] = content_hashes(zip(operations, places, outcomes, principals, strict=True))
    coded.what[(coded.who == NOT_COMMON) | (coded.where == NOT_COMMON)] = NOT_COMMON
    return coded
