"""Records of the common forms as numbers of their parts: what their octets stand for is worked out once.

Who polls a secret says the same all day, and who works on many resources says at least who he is each time. So the
octets of a record's parts are looked up by themselves; what is new is decoded by `ingest.swift`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest import sign_ins, swift, swift_sign_ins
from ingest.claims import Caller
from ingest.identity import further, further_many, part_hash
from ingest.logs_values import PROBLEMS
from ingest.parts import MAX_PARTS, Parts, Where
from ingest.swift import Record
from ingest.swift_sign_ins import SignIn

NOT_COMMON, LEFT_OUT = -1, -2  # in place of a number: not of a common form; bears on no detection
Column = npt.NDArray[Any]
_JOIN = b"\0".join
_ODD = b"-"  # no JSON


_known_hash = lru_cache(1 << 10)(part_hash)


@lru_cache(1 << 14)
def _done_at(operation: str, place: str) -> int:
    """What the content of an act begins with."""
    return further(further(0, _known_hash(operation)), part_hash(place))


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

    def checked(self) -> Coded:
        """A record of which one part is not of a common form is none."""
        self.what[(self.who == NOT_COMMON) | (self.where == NOT_COMMON)] = NOT_COMMON
        return self


class _Meaning(NamedTuple):
    """Of some octets."""

    numbers: tuple[int, ...]  # of parts, flags
    hashes: tuple[int, ...]  # of what it says
    text: bytes = b""


class _Memory:
    """What octets of one kind stand for; number 0 is what is not of a common form."""

    def __init__(self, numbers: int, hashes: int) -> None:
        self._known: dict[bytes, int] = {}
        self._columns = tuple(array("i", [NOT_COMMON]) for _ in range(numbers))
        self._hashes = tuple(array("Q", [0]) for _ in range(hashes))
        self.texts = [b""]

    def __len__(self) -> int:
        return len(self._known)

    def find(self, keys: list[bytes], make: Callable[[int], _Meaning | None]) -> Column:
        """The number of each key's octets; what is new is made, of the record at its place."""
        found: list[Any] = list(map(self._known.get, keys))
        if None in found:
            for place in [place for place, number in enumerate(found) if number is None]:
                number = self._known.get(keys[place])
                found[place] = self._add(keys[place], place, make) if number is None else number
        return np.array(found, np.int64)

    def _add(self, key: bytes, place: int, make: Callable[[int], _Meaning | None]) -> int:
        try:
            made = make(place)
        except PROBLEMS:
            made = None
        number = 0 if made is None else len(self.texts)
        if made is not None:
            for column, value in zip(self._columns, made.numbers, strict=True):
                column.append(value)
            for hashes, value in zip(self._hashes, made.hashes, strict=True):
                hashes.append(value)
            self.texts.append(made.text)
        self._known[key] = number
        return number

    def column(self, place: int, numbers: Any) -> Column:
        """One of the numbers for each."""
        column: Column = np.frombuffer(self._columns[place], np.int32)[numbers]
        return column

    def hashes(self, place: int, numbers: Any) -> Column:
        """One of the hashes for each."""
        hashes: Column = np.frombuffer(self._hashes[place], np.uint64)[numbers]
        return hashes


class EventCodes:
    """What a process knows of octets, and the parts that they stand for."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.parts = Parts()
        self._callers, self._touched = _Memory(2, 1), _Memory(3, 1)  # of Key Vault
        self._managers, self._whats, self._wheres = _Memory(2, 1), _Memory(1, 2), _Memory(1, 1)
        self._signed, self._signers, self._devices = _Memory(1, 2), _Memory(1, 1), _Memory(0, 0)
        self._nowhere = self.parts.where(Where())

    def begin(self) -> None:
        """Forget all, if it is much: `parts` is another object then."""
        known = (
            *(self._callers, self._touched, self._managers, self._whats, self._wheres),
            *(self._signed, self._signers, self._devices),
        )
        if len(self.parts) > MAX_PARTS or max(map(len, known)) > MAX_PARTS:
            self._begin()

    def of(self, records: Sequence[Any]) -> Coded:
        """The columns of `Record`s and `SignIn`s."""
        vault = [at for at, record in enumerate(records) if record.category == swift.VAULT_CATEGORY]
        if vault and len(vault) == len(records):
            return self._vault(records)
        signed = [at for at, record in enumerate(records) if type(record) is SignIn]
        if signed and len(signed) == len(records):
            return self._sign_ins(records)
        coded = Coded.empty(len(records))
        managed = [
            at
            for at, record in enumerate(records)
            if record.category in swift.ADMINISTRATIVE
            and record.identity is not None
            and record.identity.authorization is not None
        ]
        if vault:
            coded.put(vault, self._vault([records[at] for at in vault]))
        if signed:
            coded.put(signed, self._sign_ins([records[at] for at in signed]))
        if managed:
            coded.put(managed, self._managed([records[at] for at in managed]))
        return coded

    # Key Vault

    def _vault(self, records: Sequence[Record]) -> Coded:
        touched = self._touched.find(
            [
                _JOIN((r.operation_name, r.resource_id, r.properties, r.result_type, r.location))
                for r in records
            ],
            lambda place: self._touch(records[place]),
        )
        callers = self._callers.find(
            [
                _JOIN((i.claim, i.claims, r.caller_ip_address))
                if (i := r.identity) is not None and i.authorization is None
                else _JOIN((b"" if i is None else _ODD, b"", r.caller_ip_address))
                for r in records
            ],
            lambda place: self._call(records[place], swift.vault_caller(records[place])),
        )
        what, where, challenge = (self._touched.column(place, touched) for place in range(3))
        who, named = (self._callers.column(place, callers) for place in range(2))
        what[(challenge == 1) & (named == 0)] = LEFT_OUT
        content = further_many(self._touched.hashes(0, touched), self._callers.hashes(0, callers))
        return Coded(what, who, where, content >> np.uint64(1), np.zeros_like(content)).checked()

    def _touch(self, record: Record) -> _Meaning | None:
        read = swift.vault_touched(record)
        if read is None:
            return None
        what, where, place = read
        said = further(_done_at(what.operation, place), part_hash(where.item))
        said = further(said, _known_hash(what.outcome))
        challenge = what.details.get("status") == 401
        return _Meaning((self.parts.what(what), self.parts.where(where), challenge), (said,))

    def _call(self, record: Record, caller: Caller | None) -> _Meaning | None:
        if caller is None:
            return None
        who = self.parts.who(swift.who(record, caller))
        # Texts of JSON have no half characters, so that it comes back as it was.
        return _Meaning((who, caller.known), (part_hash(caller.principal.lower()),), caller.auth.encode())

    # The Activity Log

    def _managed(self, records: Sequence[Record]) -> Coded:
        identities: list[Any] = [record.identity for record in records]
        callers = self._managers.find(
            [
                _JOIN((i.claims, i.claim, r.caller_ip_address, i.authorization.evidence.principal_type))
                for r, i in zip(records, identities, strict=True)
            ],
            lambda place: self._call(records[place], swift.management_caller(records[place])),
        )
        auths = [self._managers.texts[number] for number in callers.tolist()]
        whats = self._whats.find(
            [
                _JOIN((r.operation_name, r.result_type, auth, i.authorization.evidence.role))
                for r, i, auth in zip(records, identities, auths, strict=True)
            ],
            lambda place: self._what(records[place], auths[place].decode()),
        )
        wheres = self._wheres.find(
            [
                _JOIN((r.resource_id, r.location, i.authorization.scope))
                for r, i in zip(records, identities, strict=True)
            ],
            lambda place: self._where(records[place]),
        )
        operation = further_many(self._whats.hashes(0, whats), self._wheres.hashes(0, wheres))
        content = further_many(operation, self._whats.hashes(1, whats))
        content = further_many(content, self._managers.hashes(0, callers))
        return Coded(
            self._whats.column(0, whats),
            self._managers.column(0, callers),
            self._wheres.column(0, wheres),
            content >> np.uint64(1),
            operation >> np.uint64(1),
        ).checked()

    def _what(self, record: Record, auth: str) -> _Meaning | None:
        what = swift.management_what(record, auth)
        if what is None:
            return None
        operation = further(0, part_hash(what.operation))
        return _Meaning((self.parts.what(what),), (operation, part_hash(what.outcome)))

    def _where(self, record: Record) -> _Meaning | None:
        read = swift.management_where(record)
        return None if read is None else _Meaning((self.parts.where(read[0]),), (part_hash(read[1]),))

    # Sign-ins

    def _sign_ins(self, records: Sequence[SignIn]) -> Coded:
        devices = self._devices.find(
            [bytes(r.device) for r in records],
            lambda place: _Meaning((), (), swift_sign_ins.device(records[place].device)),
        )
        of = [self._devices.texts[number] for number in devices.tolist()]
        signed = self._signed.find(
            [_JOIN((r.what, device)) for r, device in zip(records, of, strict=True)],
            lambda place: self._sign(records[place].what, of[place]),
        )
        signers = self._signers.find([r.who for r in records], lambda place: self._signer(records[place].who))
        content = further_many(self._signers.hashes(0, signers), self._signed.hashes(0, signed))
        content = further_many(content, self._signed.hashes(1, signed)) >> np.uint64(1)
        what = self._signed.column(0, signed)
        what[devices == 0] = NOT_COMMON  # else it would be a sign-in from no device
        return Coded(
            what,
            self._signers.column(0, signers),
            np.full(len(records), self._nowhere, np.int32),
            content,
            np.zeros_like(content),
        ).checked()

    def _sign(self, octets: bytes, device: bytes) -> _Meaning | None:
        what = swift_sign_ins.what(octets, device)
        return None if what is None else _Meaning((self.parts.what(what),), sign_ins.what_hashes(what))

    def _signer(self, octets: bytes) -> _Meaning:
        who = swift_sign_ins.who(octets)
        return _Meaning((self.parts.who(who),), (sign_ins.who_hash(who),))
