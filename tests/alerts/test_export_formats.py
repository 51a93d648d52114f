"""Alerts for other systems: a name from the telemetry can't forge a field, a line or a formula there."""

from __future__ import annotations

import csv
import io
import json
import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Entity
from alerts.formats import FORMATS
from alerts.formats.times import milliseconds

HOSTILE = st.text(st.sampled_from("a =+-@;＝|\\\n\r\t\0<>\"',\u202e\u2028\ud800]"), max_size=12) | st.text()


def alert(text: str) -> Alert:
    return Alert(
        id="0123", type="key_vault.tor_access", title=text, description=text, severity="high",
        tactics=("CredentialAccess",), techniques=("T1555.006",), entity=Entity("vault", text),
        start="2026-03-17T10:00:00Z", end="2026-03-17T11:00:00Z", first_seen="2026-03-17T10:05:00Z",
        last_seen="2026-03-17T10:06:00.5Z", count=3, evidence={}, remediation=(), incident=text,
    )  # fmt: skip


@given(HOSTILE)
def test_no_cell_is_a_formula_and_a_row_stays_one(text: str) -> None:
    head, line = FORMATS["csv"]
    rows = list(csv.reader(io.StringIO((head + line(alert(text))).decode(), newline="")))
    assert [len(row) for row in rows] == [16, 16]
    cells = [part for cell in rows[1] for part in cell.split(";")]  # as where a semicolon separates them
    assert not any(part.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) for part in cells)


@pytest.mark.parametrize("name", ["cef", "syslog"])
@given(text=HOSTILE)
def test_a_name_forges_no_field_of_cef_and_no_second_line(name: str, text: str) -> None:
    line = FORMATS[name][1](alert(text)).decode()
    assert line.endswith("\n")
    assert line[:-1].isprintable() or name == "syslog"
    assert len(line.splitlines()) == 1
    body = line[line.index("CEF:0") :]
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", body, maxsplit=7)
    assert parts[6] == "9"
    assert len(re.findall(r"(?<!\\)(?:\\\\)*=", parts[7])) == 13 - 5 * (not text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.just('\n\r\0\x1b\u202e"\\\\'))
def test_json_is_one_line_and_says_the_name_as_it_came(text: str) -> None:
    line = FORMATS["json"][1](alert(text))
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert json.loads(line)["entity"]["id"] == text


def test_a_syslog_message_is_as_the_rfc_has_it() -> None:
    line = FORMATS["syslog"][1](alert("x"))
    assert line.startswith(b"<106>1 2026-03-17T10:06:00.5Z - redshank - tor_access - \xef\xbb\xbfCEF:0|")


def test_a_time_without_a_zone_is_the_same_wherever_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert milliseconds("1970-01-01T00:00:01") == 1000
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("form", "key", "said"), [("ocsf", "status_id", 3), ("sentinel", "Status", "Dismissed")]
)
def test_what_is_withdrawn_is_no_open_alert_anywhere(form: str, key: str, said: object) -> None:
    one = msgspec.structs.replace(alert("x"), withdrawn="it was a drill")
    assert json.loads(FORMATS[form][1](one))[key] == said
