"""What is logged: one line at most for a batch, nothing that a terminal obeys, no secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from actors.steps import Counts
from cluster.logs import HIDDEN, batch_line, configure, logger
from cluster.serving import MOST_REFUSED, _tell_refused
from ingest.records import Rejected
from tests.cluster.snapshots import snapshot


class Terminal(io.StringIO):
    """It says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_pipe_gets_json_lines_with_level_and_time() -> None:
    out = io.StringIO()
    configure(out=out)
    logger(part="router").info("started", sources=3)
    (line,) = lines(out)
    assert (line["event"], line["sources"], line["part"], line["level"]) == ("started", 3, "router", "info")
    assert line["timestamp"].endswith("Z")


def test_a_terminal_gets_text() -> None:
    out = Terminal()
    configure(out=out)
    logger().warning("late", records=3)
    assert "late" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_the_level_is_kept_to_and_other_libraries_warn_in_the_same_form() -> None:
    out = io.StringIO()
    configure("warning", out=out)
    logger().info("not said")
    logger().error("said")
    logging.getLogger("botocore").warning("retrying %s", "s3")
    logging.getLogger("botocore").info("not said")
    assert [line["event"] for line in lines(out)] == ["said", "retrying s3"]


@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_hostile_names_stay_in_one_line_and_command_nothing(out: type[io.StringIO]) -> None:
    made = out()
    configure(out=made)
    logger().info(
        "read", source="evil\n\x1b[2J\x9b\u202e.json", others=["\x1b]0;x\x07"], about={"\x1bk": "\r"}
    )
    text = made.getvalue().rstrip("\n")
    assert "\n" not in text
    without_colours = text if out is io.StringIO else text.replace("\x1b[", "")
    assert "\x1b[2J" not in text
    assert without_colours.isprintable()
    assert "evil\\n" in text


def test_secrets_are_left_out() -> None:
    out = io.StringIO()
    configure(out=out)
    logger().info(
        "opened",
        store="https://x.blob.core.windows.net/c?sv=1&sig=abc%2Fdef",
        account_key="abcdef",
        options={"client_secret": "abcdef", "key": "plain"},
        url="s3://user:abcdef@bucket",
        header="Bearer abcdef123456",
        connection="AccountName=x;AccountKey=abcdef==;EndpointSuffix=y",
        operation="SecretGet",
    )
    text = out.getvalue()
    assert "abc" not in text
    (line,) = lines(out)
    assert line["account_key"] == line["options"]["client_secret"] == HIDDEN
    assert (line["operation"], line["options"]["key"]) == ("SecretGet", "plain")
    assert line["connection"].endswith("EndpointSuffix=y")


def test_errors_are_said_with_where_they_came_from() -> None:
    for out in (io.StringIO(), Terminal()):
        configure(out=out)
        try:
            raise ValueError("what \x1b[2J")
        except ValueError:
            logger().exception("failed")
        assert "test_server_logs.py" in out.getvalue()
        assert "\x1b[2J" not in out.getvalue()


def test_a_batch_is_one_line_and_nothing_new_is_none() -> None:
    out = io.StringIO()
    configure(out=out)
    before = snapshot()
    assert batch_line(logger(), before)
    assert not batch_line(logger(), snapshot(), before)
    assert not batch_line(logger(), snapshot(counts=Counts(read=9)), before)
    more = Counts(
        read=150, flows_applied=80, events_sent=30, late=5, rejected=15, lost=7, filtered={"no key": 20}
    )
    assert batch_line(logger(), snapshot(counts=more), before)
    first, second = lines(out)
    assert (first["read"], first["alerts"], first["epoch"], first["queue"]) == (100, 16, 12, 4)
    assert {name: second.get(name) for name in ("read", "applied", "rejected", "late")} == {
        "read": 50,
        "applied": 40,
        "rejected": 10,
        "late": None,
    }


def test_of_many_entries_that_are_refused_a_start_tells_a_few() -> None:
    """A feed with a network's own addresses in it would fill the log at each start."""
    with capture_logs() as said:
        _tell_refused([Rejected(reason=f"r{n}", source="tor.txt") for n in range(MOST_REFUSED + 5)])
    assert [one["reason"] for one in said[:-1]] == [f"r{n}" for n in range(MOST_REFUSED)]
    assert said[-1]["entries"] == 5
