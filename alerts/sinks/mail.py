"""Alerts by mail: a message to each address by itself, in text and HTML, over STARTTLS or TLS, pictures in it if wanted."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Literal, NamedTuple

from alerts.explaining_drawing import draw
from alerts.explaining_picture import picture
from alerts.explaining_shapes import described
from alerts.output import worded
from alerts.sinks.addresses import why
from alerts.sinks.base import NOTHING_HELD, Held, NotNowError, RefusedError
from alerts.sinks.texts import Section, html, one_line, subject, text
from alerts.store.outbox import Row

Security = Literal["starttls", "tls", "none"]
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Server(NamedTuple):
    """Where mail is handed in, and as whom."""

    host: str
    port: int
    security: Security
    user: str | None
    password: str | None
    timeout_s: float
    ca_file: str | None = None


def message(
    row: Row, sender: str, at: float, held: Held = NOTHING_HELD, pictures: bool = False
) -> EmailMessage:
    """What is sent, with what was seen against what is usual as a picture. Words on one alert hang together."""
    alert = worded(row.alert)
    made = EmailMessage(policy=SMTP.clone(max_line_length=78))
    made["Subject"] = subject(alert)
    made["From"] = Address("Redshank", addr_spec=sender)
    made["To"] = Address(addr_spec=row.target)
    made["Date"] = formatdate(at)
    made["Message-ID"] = f"<{alert.id}.{row.id}@redshank.invalid>"
    made["References"] = f"<{alert.id}@redshank.invalid>"
    made["Auto-Submitted"] = "auto-generated"
    more = held_back(held)
    drawn = _drawn(row) if pictures and not row.alert.withdrawn else None
    if isinstance(drawn, str):
        more, drawn = [*more, ("The picture is missing", [drawn])], None
    made.set_content(text(alert, more))
    if drawn is None:
        made.add_alternative(html(alert, more), subtype="html")
        return made
    cid = f"picture.{row.id}@redshank.invalid"
    made.add_alternative(html(alert, more, f"cid:{cid}", drawn.words), subtype="html")
    page = next(part for part in made.iter_parts() if part.get_content_type() == "text/html")
    assert isinstance(page, EmailMessage)
    page.add_related(drawn.png, "image", "png", cid=f"<{cid}>", disposition="inline", filename="alert.png")
    return made


class _Drawn(NamedTuple):
    png: bytes
    words: str


def _drawn(row: Row) -> _Drawn | str:
    """The picture, or why there is none: a mail without it is better than none."""
    try:
        shown = picture(row.alert)
        return _Drawn(draw(shown, "png"), described(shown))
    except Exception as error:
        return one_line(f"it could not be drawn: {type(error).__name__}: {error}", 300)


def held_back(held: Held) -> list[Section]:
    """What the day's bound kept from this address before: counted and named."""
    if not held.number:
        return []
    names = [
        one_line(f"{row.alert.severity}: {row.alert.title}, {row.alert.start}, {row.alert.id[:8]}")
        for row in held.rows
    ]
    rest = held.number - len(names)
    return [
        (
            f"Not sent before, as the day's bound was reached: {held.number:,}",
            names + ([f"and {rest:,} more"] if rest > 0 else []),
        )
    ]


class Mail:
    """Hands mail in, a connection each: bounds keep it to a few a day."""

    most = 1

    def __init__(self, server: Server, sender: str, pictures: bool = False) -> None:
        self._server, self._sender, self._pictures = server, sender, pictures
        self._context = ssl.create_default_context(cafile=server.ca_file)

    def send(self, rows: Sequence[Row], at: float, held: Held = NOTHING_HELD) -> None:
        """Raises NotNowError or RefusedError."""
        for row in rows:
            made = message(row, self._sender, at, held, self._pictures)
            with self._connected() as server:
                self._hand_in(server, row.target, made)

    def _hand_in(self, server: smtplib.SMTP, target: str, made: EmailMessage) -> None:
        try:
            server.send_message(made, self._sender, [target])
        except smtplib.SMTPRecipientsRefused as error:
            code, said = error.recipients[target]
            raise _told(code, said, target) from None
        except smtplib.SMTPDataError as error:
            raise _told(error.smtp_code, error.smtp_error, target) from None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """Raises NotNowError for whatever the server says before it hears of a message: all mail depends on that."""
        one, place = self._server, f"{self._server.host}:{self._server.port}"
        try:
            server = self._opened()
            try:
                if one.user is not None and one.password is not None:
                    server.login(one.user, one.password)
                yield server
            finally:
                _ended(server)
        except smtplib.SMTPNotSupportedError as error:
            raise NotNowError(f"{place}: {error}") from None
        except smtplib.SMTPAuthenticationError as error:
            raise NotNowError(
                f"{place}: the login is refused: {error.smtp_code} {_text(error.smtp_error)}"
            ) from None
        except smtplib.SMTPResponseException as error:
            raise NotNowError(f"{place}: {error.smtp_code} {_text(error.smtp_error)}") from None
        except (smtplib.SMTPException, EOFError) as error:
            raise NotNowError(f"{place}: {error}") from None
        except OSError as error:
            raise NotNowError(f"{place}: {why(error)}") from None

    def _opened(self) -> smtplib.SMTP:
        one = self._server
        if one.security == "tls":
            return smtplib.SMTP_SSL(one.host, one.port, timeout=one.timeout_s, context=self._context)
        server = smtplib.SMTP(one.host, one.port, timeout=one.timeout_s)
        if one.security == "starttls":
            try:
                server.starttls(context=self._context)  # refuses to go on without
            except BaseException:
                server.close()
                raise
        return server

    def check(self) -> str:
        """Raises NotNowError."""
        with self._connected() as server:
            server.noop()
        one = self._server
        how = {"starttls": "with STARTTLS", "tls": "with TLS", "none": "without TLS"}[one.security]
        login = "logged in" if one.user is not None else "no login"
        return f"{one.host}:{one.port} answers {how}, {login}"

    def close(self) -> None:
        """Nothing is open."""


def _ended(server: smtplib.SMTP) -> None:
    """Whatever it says to our farewell, it has taken what it has taken."""
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()


def _told(code: int, said: bytes | str, target: str) -> Exception:
    line = f"{target}: {code} {_text(said)}"
    return RefusedError(line) if 500 <= code < 600 else NotNowError(line)


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
