"""What a file holds is told by its content: a wrong guess loses the file, or fills the report with noise."""

from __future__ import annotations

import codecs
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.flow_log_reader import KINDS
from ingest.sniff import HEAD, sniff
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template

MESSAGE = message(template(256, PLAIN), a_set(256, record() * 3))


@pytest.mark.parametrize(
    "head",
    [
        b'{"time": 1}',
        b'\n\n  [{"time": 1}]',
        b"\xef\xbb\xbf{}",
        b'{"a": "' + "Zürich".encode() * 700,
        b"{" + b"\x00" * 10,  # a damaged line is said when it is read
        b'tion":"x"}\n{"time": 1}\n',
        b'"x"},\n{"time": 1},\n',
    ],
    ids=["lines", "array", "BOM", "letters", "damaged", "cut first line", "cut first line, commas"],
)
def test_json_is_known_whatever_stands_before_it(head: bytes) -> None:
    assert sniff(head[:HEAD]).kind == "events"


@pytest.mark.parametrize(
    "head",
    [
        MESSAGE,
        MESSAGE[:30],
        MESSAGE + MESSAGE,
        MESSAGE + b"rest of something else",
        message(a_set(256, record() * 300))[:HEAD],
    ],
    ids=["whole", "cut", "two", "damaged", "longer than the head"],
)
def test_ipfix_is_known_cut_or_whole(head: bytes) -> None:
    assert sniff(head).kind == "flows"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"", "empty"),
        (b" \n\t ", "white space"),
        (codecs.BOM_UTF16_LE + '{"time": 1}'.encode("utf-16-le"), "UTF-16"),
        (codecs.BOM_UTF16_BE + '{"time": 1}'.encode("utf-16-be"), "UTF-16"),
        ('{"time": 1}'.encode("utf-16-be"), "binary"),
        (b"PK\x03\x04" + bytes(20), "ZIP"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\x00" + bytes(9), "xz"),
        (b"PAR1" + bytes(20), "Parquet"),
        (b"Obj\x01" + bytes(20), "Avro"),
        (b"time,caller\n1,a\n", "no JSON"),
        (b"int main()\n{\n}\n", "no JSON"),
        (b'<html>\n{"a": 1}\n', "no JSON"),
        (bytes(range(256)), "binary"),
        (gzip.compress(b"{}", mtime=0), "binary"),  # packed twice: what is unpacked is packed
    ],
)
def test_what_cant_be_read_is_called_by_its_name(head: bytes, said: str) -> None:
    found = sniff(head)
    assert not found.kind
    assert said in found.reason


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_a_kind_or_have_a_reason(head: bytes) -> None:
    found = sniff(head)
    assert (found.kind in {"flows", "events", "capture", *KINDS}) != bool(found.reason)
