"""Mail over a real server: encrypted, to the addresses of the configuration and to no other, a few a day."""

from __future__ import annotations

import email
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiosmtpd", reason="aiosmtpd is not installed")
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from alerts.routing import Route
from alerts.sinks.base import NotNowError, RefusedError
from alerts.sinks.mail import Mail, Security, Server, message
from alerts.store.store import AlertStore
from benchmarks.ports import free_port
from cluster.delivering import Courier
from cluster.sinking import CAPS, DAY_S, Way
from tests.alerts.hostile import hostile, row, withdrawn
from tests.cluster.receivers import Clock, an_alert, drained

USER, PASSWORD = "redshank", "between us"
TO = "soc@example.com"
FROM = "alerts@example.com"
BUSY_S = 60.0  # that a busy machine may need to begin to listen, or for an answer


class Mailbox:
    """Takes mail, but for what it is told to answer."""

    def __init__(self) -> None:
        self.got: list[tuple[str, list[str], EmailMessage, bool]] = []
        self.rcpt: dict[str, str] = {}  # address -> answer
        self.data: list[str] = []  # answers, one a message
        self.farewell = "221 Bye"

    async def handle_QUIT(self, *_: Any) -> str:  # noqa: N802
        return self.farewell

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _: Any) -> str:  # noqa: N802
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data:
            return self.data.pop(0)
        made = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(made, EmailMessage)
        self.got.append((envelope.mail_from, envelope.rcpt_tos, made, session.ssl is not None))
        return "250 OK"


@pytest.fixture
def served(authority: tuple[Any, Path]) -> Iterator[tuple[Mailbox, int, Path]]:
    ca, path = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    box = Mailbox()

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    port = free_port()
    control = Controller(
        box, hostname="127.0.0.1", port=port, ready_timeout=BUSY_S, tls_context=context, require_starttls=True,
        authenticator=login, auth_required=True, auth_require_tls=True,
    )  # fmt: skip
    control.start()
    try:
        yield box, port, path
    finally:
        control.stop()


def text_of(made: EmailMessage) -> str:
    body = made.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def mail(port: int, ca: Path | None, password: str = PASSWORD, security: Security = "starttls") -> Mail:
    return Mail(Server("localhost", port, security, USER, password, 5.0, str(ca) if ca else None), FROM)


def test_an_alert_comes_encrypted_in_text_and_html(served: tuple[Mailbox, int, Path]) -> None:
    box, port, ca = served
    mail(port, ca).send([row(an_alert(), TO)], 1_774_000_000.0)
    ((sender, to, made, encrypted),) = box.got
    assert (sender, to, encrypted) == (FROM, [TO], True)
    assert made["Subject"] == "[Redshank] medium: Access through Tor: Payroll"
    text, html = made.get_body(("plain",)), made.get_body(("html",))
    assert text is not None
    assert html is not None
    for part in (text.get_content(), html.get_content()):
        assert "185.220.101.4" in part
        assert "Rotate the secrets." in part
    assert made["Date"] == "Fri, 20 Mar 2026 09:46:40 -0000"


def test_texts_from_telemetry_add_no_header_no_address_and_no_script(
    served: tuple[Mailbox, int, Path],
) -> None:
    box, port, ca = served
    mail(port, ca).send([row(target=TO)], 1_774_000_000.0)
    ((_, to, made, _),) = box.got
    assert to == [TO]
    assert made["Bcc"] is None
    assert "\n" not in made["Subject"]
    assert sorted(made.keys()) == sorted(
        ("Subject", "From", "To", "Date", "Message-ID", "References", "Auto-Submitted", "MIME-Version", "Content-Type")
    )  # fmt: skip
    body = made.get_body(("html",))
    assert body is not None
    html = body.get_content()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html
    assert len(list(made.iter_parts())) == 2, "a part of its own was put in"


def test_a_withdrawn_alert_says_so(served: tuple[Mailbox, int, Path]) -> None:
    box, port, ca = served
    mail(port, ca).send([row(withdrawn(an_alert()), TO)], 0.0)
    made = box.got[0][2]
    assert "Withdrawn: Access through Tor" in made["Subject"]
    assert made["References"] == "<aa11@redshank.invalid>"


def test_a_server_that_nobody_vouches_for_gets_no_password(served: tuple[Mailbox, int, Path]) -> None:
    box, port, _ = served
    with pytest.raises(NotNowError, match="certificate verify failed") as found:
        mail(port, None).send([row(an_alert(), TO)], 0.0)
    assert PASSWORD not in str(found.value)
    assert box.got == []


def test_a_server_without_starttls_gets_no_password() -> None:
    box = Mailbox()
    port = free_port()
    control = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=BUSY_S)
    control.start()
    try:
        with pytest.raises(NotNowError, match="STARTTLS extension not supported"):
            mail(port, None).send([row(an_alert(), TO)], 0.0)
    finally:
        control.stop()
    assert box.got == []


def test_a_wrong_password_keeps_the_alert_and_is_said(served: tuple[Mailbox, int, Path]) -> None:
    _, port, ca = served
    for what in (lambda one: one.check(), lambda one: one.send([row(an_alert(), TO)], 0.0)):
        with pytest.raises(NotNowError, match="the login is refused: 535") as found:
            what(mail(port, ca, "wrong"))
        assert "wrong" not in str(found.value).replace("535", "")


def test_check_reaches_the_server_and_sends_nothing(served: tuple[Mailbox, int, Path]) -> None:
    box, port, ca = served
    assert mail(port, ca).check() == f"localhost:{port} answers with STARTTLS, logged in"
    assert box.got == []


@pytest.mark.parametrize(
    ("answer", "error"), [("550 No such user", RefusedError), ("451 Try later", NotNowError)]
)
def test_what_a_server_says_of_an_address_is_understood(
    served: tuple[Mailbox, int, Path], answer: str, error: type[Exception]
) -> None:
    box, port, ca = served
    box.rcpt[TO] = answer
    with pytest.raises(error, match=answer):
        mail(port, ca).send([row(an_alert(), TO)], 0.0)
    box.rcpt.clear()
    box.data = [answer]
    with pytest.raises(error, match=answer):
        mail(port, ca).send([row(an_alert(), TO)], 0.0)


def test_an_address_has_a_few_a_day_and_the_next_one_names_the_rest(
    served: tuple[Mailbox, int, Path], tmp_path: Path
) -> None:
    box, port, ca = served
    store, clock = AlertStore(f"sqlite:///{tmp_path}/a.db"), Clock(1_774_051_200.0)  # a midnight, UTC
    others = "boss@example.com"
    route = Route(name="mail", targets=(TO, others), caps=CAPS, updates="graver")
    one = Courier(
        Way("mail", "email", route, mail(port, ca), 60.0, 7 * DAY_S),
        [store.outbox],
        lambda *_, **__: None,
        clock,
        lambda: 1.0,
    )
    severities = ("high",) * 6 + ("medium",) * 4 + ("low",) * 2 + ("informational",)
    alerts = [an_alert(f"a{n:02}", severity, title=f"Alert {n}") for n, severity in enumerate(severities)]
    store.write(alerts, "2026-03-21T00:00:00Z", [route])
    drained(one.once, clock, pause_s=1)
    for address in (TO, others):
        subjects = [made["Subject"] for _, to, made, _ in box.got if to == [address]]
        assert [line.split()[1] for line in subjects] == ["high:"] * 4 + ["medium:"] * 2 + ["low:"]
    named = [text_of(made) for _, to, made, _ in box.got if to == [TO]]
    assert "bound was reached: 2" in named[4], "the first of medium severity names what was held of high"
    assert store.outbox.backlog("mail")[:4] == (0, None, 0, 4), "what came after the day's last mail"
    box.got.clear()
    clock.now = 1_774_051_200.0 + DAY_S
    store.write([an_alert("bb22", "high")], "2026-03-22T00:00:00Z", [route])
    drained(one.once, clock, pause_s=1)
    assert len(box.got) == 2
    for _, _, made, _ in box.got:
        text = text_of(made)
        assert "bound was reached: 2" in text
        assert "low: Alert 11" in text
        assert "informational: Alert 12" in text
    assert store.outbox.backlog("mail").held == 0
    box.got.clear()
    store.write([an_alert("cc33", "high")], "2026-03-22T00:00:00Z", [route])
    drained(one.once, clock, pause_s=1)
    assert "Not sent before" not in text_of(box.got[0][2]), "named twice"


def test_a_server_that_is_rude_at_the_end_does_not_get_it_twice(served: tuple[Mailbox, int, Path]) -> None:
    box, port, ca = served
    box.farewell = "421 Go away"
    mail(port, ca).send([row(an_alert(), TO)], 0.0)
    assert len(box.got) == 1


def test_every_text_of_an_alert_makes_a_message() -> None:
    for alert in (hostile(), hostile(title=""), hostile(evidence={str(n): "x" * 9_999 for n in range(99)})):
        made = message(row(alert, TO), FROM, 0.0).as_bytes()
        assert len(made) < 100_000


def test_what_was_seen_is_drawn_in_the_message_where_that_is_wanted(
    served: tuple[Mailbox, int, Path],
) -> None:
    """Inline, so that a mail program shows it and asks nobody for it; whatever strangers' texts are in it."""
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    box, port, ca = served
    server = Server("localhost", port, "starttls", USER, PASSWORD, BUSY_S, str(ca))
    for alert in (an_alert(), hostile()):
        Mail(server, FROM, pictures=True).send([row(alert, TO)], 0.0)
        made = box.got[-1][2]
        html, (drawn,) = (
            made.get_body(("html",)),
            [p for p in made.walk() if p.get_content_type() == "image/png"],
        )
        assert html is not None
        assert drawn["Content-ID"] == "<picture.7@redshank.invalid>"
        assert drawn.get_content_disposition() == "inline"
        assert drawn.get_content().startswith(b"\x89PNG")
        page = html.get_content()
        assert page.count("<img ") == page.count('src="cid:picture.7@redshank.invalid"') == 1
        assert "<script" not in page
    Mail(server, FROM, pictures=True).send([row(withdrawn(an_alert()), TO)], 0.0)
    assert "image/png" not in [part.get_content_type() for part in box.got[-1][2].walk()]


def test_a_picture_that_cannot_be_drawn_keeps_no_alert_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> bytes:
        raise ValueError("no room")

    monkeypatch.setattr("alerts.sinks.mail.draw", fails)
    made = message(row(an_alert(), TO), FROM, 0.0, pictures=True)
    assert "it could not be drawn: ValueError: no room" in text_of(made)
    assert [part.get_content_type() for part in made.iter_parts()] == ["text/plain", "text/html"]
