"""JSON of a file that still grows: the records that are whole so far, and where the rest begins.

What is taken here is what `json_records` finds in the whole file. The end of a list or a payload is not passed
until something follows it: writers replace it by further elements.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from ingest.json_documents import PIECE
from ingest.json_records import MAX_LINE, Lines, in_lines, readable, readable_raw
from ingest.json_values import Value, Walk, bad, records_of
from ingest.logs_values import PROBLEMS
from ingest.positions import GrowingForm

_BETWEEN = re.compile(rb"(?:[\s,]|\xef\xbb\xbf)*")
_SCALAR = re.compile(rb"[^\s,\[\]{}]+")
_STRING = rb'"(?:[^"\\]++|\\.)*+'
_PAYLOAD = re.compile(
    rb"\{\s*(?:" + _STRING + rb'"\s*:\s*(?:' + _STRING + rb'"|[^\s,:"\[\]{}]+)\s*,\s*){0,3}'
    rb'"(?:records|value)"\s*:\s*\[',
    re.IGNORECASE | re.DOTALL,
)
# What stands up to the next bracket, strings as a whole: a list of ten thousand strings is one step.
_FLAT = re.compile(rb'[^"{}\[\]]*+(?:' + _STRING + rb'"[^"{}\[\]]*+)*+', re.DOTALL)
_UNDECIDED = 4  # lines after which it is plain that a file that begins with no JSON is one of lines
_CUT = "the JSON is cut: the file ends before it does"
_BROKEN = "the JSON is broken, and what follows is lost"


class Grown(NamedTuple):
    """What was found: pieces as `EventReader` takes them, octets that are done with, and what the next ones are."""

    pieces: list[Lines | list[Value]]
    used: int
    form: GrowingForm


def grown(data: bytes, form: GrowingForm, at_end: bool) -> Grown:
    """The records in octets that follow what is done with; `at_end`: no others will follow these."""
    made = _Growing(data, form, at_end)
    made.run()
    pieces = made.pieces
    if made.values:
        pieces += [made.values[at : at + PIECE] for at in range(0, len(made.values), PIECE)]
    return Grown(pieces, made.at, made.form)


class _Growing:
    def __init__(self, data: bytes, form: GrowingForm, at_end: bool) -> None:
        self.data, self.form, self.at_end = data, form, at_end
        self.at = 0
        self.twice = -1  # where two brackets stand that were tried last
        self.pieces: list[Lines | list[Value]] = []
        self.values: list[Value] = []

    def run(self) -> None:
        """Go on until nothing more is whole."""
        steps = {
            "new": self._new,
            "lines": self._lines,
            "long": self._long,
            "list": self._element,
            "payload": self._element,
        }
        while self.form != "over" and steps[self.form]():
            pass
        if self.form == "over":
            self.at = len(self.data)
        elif len(self.data) - self.at > MAX_LINE:
            self._too_long()

    # Each of these: whether it came further

    def _new(self) -> bool:
        data, at = self.data, self._pass()
        if at == len(data):
            return False
        if data[at] == ord("["):
            self.at, self.form = at + 1, "list"
            return True
        if match := _PAYLOAD.match(data, at):
            self.at, self.form = match.end(), "payload"
            return True
        if self._is_lines(at):
            self._give()
            self.form = "lines"
            return True
        if data[at] != ord("{"):
            return False
        end = _end_of(data, at)
        if end is None:
            return self._cut()
        try:
            self.values += records_of(data[at:end])
        except PROBLEMS as error:
            self.values.append(bad(f"the value is no JSON ({error})", data[at:end]))
        self.at = end
        return True

    def _is_lines(self, at: int) -> bool:
        rest = self.data[at : at + MAX_LINE]
        if b"\n" in rest and in_lines(rest):
            return True
        if rest[:1] == b"{":
            return False
        return self.at_end or rest.count(b"\n") >= _UNDECIDED

    def _lines(self) -> bool:
        end = self.data.rfind(b"\n", self.at) + 1 or self.at
        rest = self.data[end:].rstrip()
        # A last line without an end is taken if nothing can be missing from it.
        if self.at_end or (rest[-1:] == b"}" and readable(rest)):
            end = len(self.data)
        if end > self.at:
            self.pieces.append(Lines(self.data[self.at : end]))
            self.at = end
        return False

    def _long(self) -> bool:
        end = self.data.find(b"\n", self.at) + 1
        self.at = end or len(self.data)
        if end:
            self.form = "lines"
        return bool(end)

    def _element(self) -> bool:
        data, at = self.data, self._pass()
        if at == len(data):
            return self._cut() if self.at_end else False
        if data[at] == ord("]"):
            return self._close(at)
        if data[at] in b"{[":
            end = self._end(at)
        else:
            match = _SCALAR.match(data, at)
            if match is None:
                self._give_up(_BROKEN)
                return True
            end = match.end() if match.end() < len(data) else None
        if end is None:
            return self._cut()
        self.values.append(msgspec.Raw(data[at:end]))
        self.at = end
        return True

    def _end(self, at: int) -> int | None:
        """Where an element ends.

        Most records end with two brackets, and the library tells a whole value many times as fast as we find its
        end. Each such place is looked for and tried once: what it costs is linear, whatever the octets.
        """
        if self.twice < at:
            found = self.data.find(b"}}", at)
            self.twice = found if found >= 0 else len(self.data)
            if found >= 0 and readable_raw(self.data[at : found + 2]):
                return found + 2
        return _end_of(self.data, at)

    def _close(self, at: int) -> bool:
        """Behind the list: if that is the end of the file, elements may come to stand before it yet."""
        end: int | None = at + 1
        if self.form == "payload":
            end = _end_of(self.data, at + 1, depth=1)
        if end is None:
            return self._cut() if self.at_end else False
        if not self.at_end and not self.data[end:].strip():
            return False
        self.at, self.form = end, "new"
        return True

    def _cut(self) -> bool:
        """A value is not whole: it waits, unless nothing will come."""
        if not self.at_end:
            return False
        if self.form == "new":
            for run in Walk(self.data[self.at :], 0, _CUT).runs():
                self.values += run.values
            self.form = "over"
        else:
            self._give_up(_CUT)
        return True

    def _pass(self) -> int:
        match = _BETWEEN.match(self.data, self.at)
        at = match.end() if match else self.at
        if self.form == "new":
            self.at = at
        return at

    def _give(self) -> None:
        if self.values:
            self.pieces.append(self.values)
            self.values = []

    def _give_up(self, reason: str) -> None:
        self.values.append(bad(reason, self.data[self.at :][:400]))
        self.form = "over"

    def _too_long(self) -> None:
        reason = f"the {'line' if self.form == 'lines' else 'value'} is longer than {MAX_LINE >> 20} MB"
        self._give()
        self.values.append(bad(reason, self.data[self.at :][:400]))
        self.form = "long" if self.form == "lines" else "over"
        self.at = len(self.data)


def _end_of(data: bytes, at: int, depth: int = 0) -> int | None:
    """Where the object or array ends that begins here, or is open so many levels deep; None: not yet."""
    while True:
        passed = _FLAT.match(data, at)
        at = passed.end() if passed else at
        bracket = data[at : at + 1]
        if not bracket or bracket == b'"':  # a string that is not whole
            return None
        depth += 1 if bracket in b"{[" else -1
        at += 1
        if depth <= 0:
            return at
