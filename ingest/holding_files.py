"""Files that tell who held which address when: the Activity Log, answers of Azure Resource Graph, inventories.

Answers are JSON (`az graph query`, pages of it, lists, lines) or CSV (the portal's export, with `id`, `type` and
`properties`). An answer is a picture of the time that its rows have as `time`, or that its file's name tells
('2026-01-05T10-00-00Z.json'); without either it counts as if it had always been so.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ingest.compression import CutShortError, chunks
from ingest.errors import ConfigurationError
from ingest.folders import files_under
from ingest.holding_records import (
    FULL,
    PAGES,
    extent_of,
    is_part,
    named_us,
    of_activity,
    picture_us,
    thing_of,
    unread,
)
from ingest.holdings import Changed, Deleted, Extent, Holdings, Picture, Span, Thing
from ingest.inventory_file import OPTIONAL, REQUIRED
from ingest.json_records import values
from ingest.logs_values import excerpt, folded, text
from ingest.networks import ALWAYS_US, FOREVER_US
from ingest.pictures import in_order
from ingest.records import Rejected

COLUMNS = (*REQUIRED, *OPTIONAL)
OF_GRAPH, _OF_LINES = {"id", "type", "properties"}, set(REQUIRED[:2])
MAX_REJECTED = 1_000

Told = Changed | Deleted | Picture
OTHER_FILES = (
    "files of other kinds: neither JSON nor CSV with the columns of a Resource Graph's answer or an inventory"
)


class OtherKindError(ConfigurationError):
    """A file that tells nothing of its kind."""


@dataclass(slots=True)
class Holders:
    """Who held what, as an inventory's lines; what could not be read, and what told nothing, with the reasons."""

    lines: list[tuple[str, ...]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    told: int = 0  # records and rows that told something

    def csv(self) -> str:
        """As an inventory's file."""
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows(self.lines)
        return out.getvalue()


def read(paths: Sequence[Path]) -> Holders:
    """What files, and those beneath folders, tell together. One that can't be read is rejected, and the others count."""
    found = Holders()
    told: list[Told] = []
    for given in paths:
        for path in _files(given):
            told += _of_file(path, found, is_named=path == given)
    holdings = Holdings()
    for one in in_order(told):
        holdings.take(one)
        found.left_out[FULL] += isinstance(one, Picture) and one.extent == "part"
    found.left_out += Counter()  # without what is none
    found.lines = sorted({*found.lines, *map(_line, holdings.spans())}, key=_by_address_and_time)
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = (file for file in files_under(path) if file.is_file() and file.suffix != ".part")
    return sorted(file for file in files if not file.name.startswith("."))


def is_csv(path: Path) -> bool:
    """Whether it is text that is no JSON."""
    return not _begin(path).lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))


def header(path: Path) -> set[str]:
    """The names of a CSV file's columns."""
    line = _begin(path).removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace")
    try:
        return {name.strip().lower() for name in next(csv.reader([line.rstrip("\r")]), [])}
    except csv.Error:
        return set()


def _begin(path: Path) -> bytes:
    return next(iter(_chunks(path)), b"")


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        yield from chunks(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: can't be read: {error.strerror or error}") from None
    except CutShortError as error:
        raise ConfigurationError(f"{path}: breaks off: {error}") from None


def _of_file(path: Path, found: Holders, is_named: bool) -> Iterator[Told]:
    """What one file tells, its rows as pictures by time. Of one that breaks off counts what stands before; one of another
    kind is refused if somebody has named it, and only counted in a folder of all sorts."""
    pictures: dict[tuple[int, Extent], list[Thing]] = {}
    try:
        for number, value, default_us, extent in _values(path, found):
            one = _of_value(path, number, value, default_us, found)
            if isinstance(one, Picture) and extent == "part":
                yield from (Changed(one.at_us, thing) for thing in one.things)
            elif isinstance(one, Picture):
                pictures.setdefault((one.at_us, extent), []).extend(one.things)
            elif one is not None:
                yield one
    except OtherKindError as error:
        if is_named:
            _reject(
                found, Rejected(reason=f"the file {str(error).removeprefix(f'{path}: ')}", source=str(path))
            )
        else:
            found.left_out[OTHER_FILES] += 1
    except ConfigurationError as error:
        reason = str(error).removeprefix(f"{path}: ")
        _reject(found, Rejected(reason=f"the file {reason}", source=str(path)))
    for (at_us, extent), things in pictures.items():
        yield Picture(at_us, tuple(things), extent)


def _of_value(path: Path, number: int, value: Any, default_us: int | None, found: Holders) -> Told | None:
    """What a row or record tells; None: nothing, or it is an inventory's line, and the file's findings say so."""
    if isinstance(value, Rejected) or not isinstance(value, dict):
        wrong = value if isinstance(value, Rejected) else _rejected(path, number, value, "is no object")
        _reject(found, wrong)
        return None
    fields = folded(value)
    at_us = picture_us(fields, default_us)
    if at_us is None:
        _reject(found, _rejected(path, number, value, "has no time that can be read"))
        return None
    faults: list[str] = []
    thing = thing_of(fields, faults)
    _reject_unread(faults, path, number, value, found)
    if thing is None and faults:
        return None
    found.told += 1
    if thing is not None:
        return Picture(at_us, (thing,))
    if fields.keys() >= _OF_LINES:
        found.lines.append(tuple(text(fields.get(name)) for name in COLUMNS))
        return None
    one = of_activity(fields, faults)
    if not isinstance(one, str):
        _reject_unread(faults, path, number, value, found)
        return one
    found.told -= 1
    found.left_out[one] += 1
    return None


def _reject_unread(faults: list[str], path: Path, number: int, value: Any, found: Holders) -> None:
    for one in unread(faults, str(path), number, value):
        _reject(found, one)


def _values(path: Path, found: Holders) -> Iterator[tuple[int, Any, int | None, Extent]]:
    """Each row or record with its number, the time of its picture where it has none itself (None: it is none), and how
    much of the whole the picture is."""
    named = named_us(path.name, ALWAYS_US)
    if is_csv(path):
        if not any(names <= header(path) for names in (OF_GRAPH, _OF_LINES)):
            raise OtherKindError(
                f"{path}: is neither JSON nor CSV with the columns {', '.join(sorted(OF_GRAPH))} (Azure Resource "
                f"Graph) or {', '.join(REQUIRED)} (an inventory)"
            )
        for number, row in enumerate(_rows(path)):
            yield number, row, named, "unsaid"
        return
    for number, value in values(_chunks(path), str(path)):
        fields = folded(value) if isinstance(value, dict) else {}
        if isinstance(fields.get("data"), list):
            at_us, extent = picture_us(fields, named), extent_of(fields)
            if is_part(fields):
                extent = "part"
                found.left_out[PAGES] += 1
            for row in fields["data"]:
                yield number, row, at_us, extent
        else:
            yield number, value, named, "unsaid"


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with io.TextIOWrapper(io.BytesIO(b"".join(_chunks(path))), "utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, restkey="")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: is neither JSON nor CSV in UTF-8") from None
    except csv.Error as error:
        raise ConfigurationError(f"{path}: is not CSV: {error}") from None


def _line(span: Span) -> tuple[str, ...]:
    start = "" if span.start_us == ALWAYS_US else _rfc3339(span.start_us)
    end = "" if span.end_us == FOREVER_US else _rfc3339(span.end_us)
    return span.address, span.holder, start, end, span.managed_by, span.region


def _by_address_and_time(line: tuple[str, ...]) -> tuple[str, ...]:
    return line[0], line[2], *line


def _rfc3339(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + (
        f".{at_us % 1_000_000:06d}Z" if at_us % 1_000_000 else "Z"
    )


def _rejected(path: Path, number: int, value: object, reason: str) -> Rejected:
    return Rejected(
        kind="inventory",
        source=str(path),
        offset=number,
        reason=f"the record {reason}",
        excerpt=excerpt(value),
    )


def _reject(found: Holders, one: Rejected) -> None:
    if len(found.rejected) < MAX_REJECTED:
        found.rejected.append(msgspec.structs.replace(one, kind="inventory"))
    else:
        found.left_out["records that could not be read, beyond the first thousand"] += 1
