"""Sentinel, chats and files over real sockets and disks."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from alerts.sinks.base import NotNowError, RefusedError
from alerts.sinks.file import LineFile
from alerts.sinks.http import Poster
from alerts.sinks.sentinel import CLOUDS, Sentinel, Workspace
from alerts.sinks.texts import chat, chat_title, html, subject, text
from tests.alerts.hostile import hostile, row, withdrawn
from tests.cluster.receivers import Receiver, an_alert, receiving

SECRET = "between us"


class Azure(Receiver):
    """Gives tokens, and takes rows."""

    token: Any = b'{"access_token": "t0", "expires_in": 3600}'

    def answer(self, handler: Any, what: Any) -> None:
        if "oauth2" not in self.got[-1].path or what != 200:
            return super().answer(handler, what if what != 200 else 204)
        body = self.token
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return None


def workspace(port: int) -> Workspace:
    place = f"http://127.0.0.1:{port}"
    return Workspace(
        place, "dcr-1", "Custom-Redshank_CL", place, CLOUDS["AzureCloud"][1], "ten", "cli", SECRET
    )


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("tests.cluster.receivers.Receiver", Azure)
    with receiving() as one:
        yield one


def sentinel(one: Receiver) -> Sentinel:
    return Sentinel(workspace(one.port), Poster(5.0, allow_internal=True))


def test_rows_come_with_a_token_that_is_asked_for_once(azure: Azure) -> None:
    one = sentinel(azure)
    one.send([row(an_alert()), row(hostile("bb22"))], 1_000.0)
    one.send([row(an_alert("cc33"))], 2_000.0)
    token, first, second = azure.got
    assert token.path == "/ten/oauth2/v2.0/token"
    assert parse_qs(token.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["cli"],
        "client_secret": [SECRET],
        "scope": ["https://monitor.azure.com//.default"],
    }
    assert first.path == "/dataCollectionRules/dcr-1/streams/Custom-Redshank_CL?api-version=2023-01-01"
    assert first.headers["authorization"] == "Bearer t0"
    assert [one["SystemAlertId"] for one in first.said] == ["aa11", "bb22"]
    assert [one["Status"] for one in second.said] == ["New"]
    assert not any("Type" in one for one in first.said), "a table of one's own can't have that column"


def test_a_token_that_comes_to_its_end_is_asked_for_anew(azure: Azure) -> None:
    one = sentinel(azure)
    one.send([row(an_alert())], 1_000.0)
    one.send([row(an_alert())], 1_000.0 + 3_600 - 60)
    assert sum("oauth2" in got.path for got in azure.got) == 2


def test_a_withdrawn_alert_is_dismissed(azure: Azure) -> None:
    sentinel(azure).send([row(withdrawn(an_alert()))], 0.0)
    assert azure.got[1].said[0]["Status"] == "Dismissed"


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        ([401], NotNowError),  # of the token: the client's secret is over
        ([200, 403], NotNowError),  # of the role: it was just given, or is to be
        ([200, 429], NotNowError),
        ([200, 400], RefusedError),
        ([200, 413], RefusedError),
    ],
)
def test_what_azure_says_is_understood(azure: Azure, plan: list[int], error: type[Exception]) -> None:
    azure.plan[:] = plan
    one = sentinel(azure)
    with pytest.raises(error) as found:
        one.send([row(an_alert())], 0.0)
    assert SECRET not in str(found.value)
    one.send([row(an_alert())], 0.0)


@pytest.mark.parametrize("token", [b"<html>", b"{}", b'{"access_token": "a\\r\\nX: y"}'])
def test_an_answer_that_is_no_token_is_none(azure: Azure, token: bytes) -> None:
    azure.token = token
    with pytest.raises(NotNowError, match="no token"):
        sentinel(azure).send([row(an_alert())], 0.0)


def test_check_asks_for_a_token_and_sends_no_row(azure: Azure) -> None:
    assert "a token was given; 127.0.0.1" in sentinel(azure).check()
    assert [got.path for got in azure.got] == ["/ten/oauth2/v2.0/token"]


# Chats


@pytest.fixture
def chat_sink() -> Any:
    pytest.importorskip("apprise", reason="the extra `chat` is not installed")
    from alerts.sinks.chat import Chat

    return Chat


def test_a_chat_gets_a_few_lines_and_no_links_of_strangers(chat_sink: Any) -> None:
    with receiving() as one:
        chat_sink(f"json://127.0.0.1:{one.port}/x").send([row(hostile())], 0.0)
        said = one.got[0].said
    assert "\n" not in said["title"]
    for harm in ("@everyone", "<!channel>", "[a](", "<script", "\x1b"):
        assert harm not in said["title"] + said["message"]
    assert "@\u200beveryone" in said["message"]


def test_a_chat_that_does_not_take_it_is_tried_again(chat_sink: Any) -> None:
    with receiving(500) as one, pytest.raises(NotNowError, match="JSON did not take it"):
        chat_sink(f"json://127.0.0.1:{one.port}/x").send([row(an_alert())], 0.0)


def test_a_chats_address_is_not_said(chat_sink: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(ValueError, match="does not know such an address") as found:
            chat_sink("nonsense://hush@there/")
        assert "hush" not in chat_sink("slack://hushhushA/hushhushB/hushhushhushhushhushhuC/#all").check()
    assert "hush" not in str(found.value) + caplog.text


# Files


def test_a_file_has_a_line_an_alert(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    one = LineFile(path)
    one.send([row(hostile("aa11")), row(hostile("bb22"))], 0.0)
    one.send([row(withdrawn(an_alert("cc33")))], 0.0)
    said = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [one["id"] for one in said] == ["aa11", "bb22", "cc33"]
    assert said[2]["withdrawn"] == "the address was not theirs"


def test_a_line_that_a_death_has_cut_short_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b'{"id": "cut sh')
    LineFile(path).send([row(an_alert())], 0.0)
    assert json.loads(path.read_bytes().splitlines()[1])["id"] == "aa11"


def test_a_file_that_rotation_has_moved_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    one = LineFile(path, "csv")
    for number in range(2):
        one.send([row(an_alert())], 0.0)
        path.rename(tmp_path / f"{number}.csv")
    assert [len((tmp_path / f"{n}.csv").read_text().splitlines()) for n in range(2)] == [2, 2]


def test_a_full_disk_is_tried_again() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(NotNowError, match="No space left"):
        LineFile(full).send([row(an_alert())], 0.0)


# Texts


def test_texts_say_what_a_person_needs() -> None:
    one = an_alert(complete=False)
    for said in (text(one), html(one)):
        for part in (
            "MEDIUM: Access through Tor",
            "from 185.220.101.4",
            "Payroll",
            "Rotate the secrets.",
            "aa11",
        ):
            assert part in said
        assert "The hour is not over" in said


def test_texts_hold_no_control_character() -> None:
    for said in (text(hostile()), html(hostile()), chat(hostile())):
        assert all(letter.isprintable() or letter in "\n\u200b" for letter in said)
    for line in (subject(hostile()), chat_title(hostile())):
        assert all(letter.isprintable() or letter == "\u200b" for letter in line)
        assert len(line) < 200
