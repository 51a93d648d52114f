"""An alert in words for people: plain text, and HTML. Names in it were chosen by strangers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import msgspec

from alerts.alert import Alert
from alerts.output import plain, short_id, who

LONGEST, MOST = 600, 30  # letters of a value of the evidence; values
Section = tuple[str, list[str]]  # its heading and its lines


def subject(alert: Alert) -> str:
    """One line."""
    return one_line(f"[Redshank] {alert.severity}: {alert.title}: {who(alert)}", 180)


def one_line(text: str, most: int = LONGEST) -> str:
    """Text that breaks no line and no header."""
    line = plain(" ".join(text.split()))
    return line if len(line) <= most else line[: most - 3] + "..."


def sections(alert: Alert) -> list[Section]:
    """What a person needs to know, most telling first."""
    found: list[Section] = [
        ("What was seen", [one_line(line, 4_000) for line in alert.description.splitlines()]),
        (
            "Where and when",
            [
                one_line(f"{alert.entity.kind}: {short_id(alert.entity.id)} ({alert.entity.id})", 2_000),
                one_line(f"{alert.first_seen} to {alert.last_seen}, {_records(alert)}"),
                *([one_line(f"region: {alert.region}")] if alert.region else []),
            ],
        ),
        ("Evidence", list(_evidence(alert.evidence))),
        ("Steps to take", [one_line(step, 2_000) for step in alert.remediation]),
        ("Tactics and techniques", [one_line(", ".join((*alert.tactics, *alert.techniques)))]),
        (
            "Id",
            [one_line(f"{alert.id} ({alert.type})" + f", incident {alert.incident}" * bool(alert.incident))],
        ),
    ]
    if alert.complete is False:
        found.insert(1, ("So far", ["The hour is not over: more may come under the same id."]))
    return [(heading, lines) for heading, lines in found if any(lines)]


def _records(alert: Alert) -> str:
    return f"{alert.count:,} record" + "s" * (alert.count != 1)


def _evidence(evidence: dict[str, Any]) -> Iterable[str]:
    for key, value in list(evidence.items())[:MOST]:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield one_line(f"{key}: {text}")
    if len(evidence) > MOST:
        yield f"and {len(evidence) - MOST} more"


def text(alert: Alert, more: Sequence[Section] = ()) -> str:
    """Plain text."""
    parts = [one_line(f"{alert.severity.upper()}: {alert.title}")]
    parts += [
        "\n".join((heading, *(f"  {line}" for line in lines))) for heading, lines in (*more, *sections(alert))
    ]
    return "\n\n".join(parts) + "\n"


def html(alert: Alert, more: Sequence[Section] = (), image: str = "", shows: str = "") -> str:
    """HTML without anything that is loaded from elsewhere; `image` is what comes along, `shows` says it in words."""
    parts = [f"<h2>{escape(one_line(f'{alert.severity.upper()}: {alert.title}'))}</h2>"]
    if image:
        words = escape(one_line(shows, 2_000))
        parts.append(f'<p><img src="{escape(image)}" alt="{words}" style="max-width: 100%"></p>')
    for heading, lines in (*more, *sections(alert)):
        kind = "ol" if heading == "Steps to take" else "ul"
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        parts.append(f"<h3>{escape(heading)}</h3><{kind}>{items}</{kind}>")
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"></head>'
        f'<body style="font-family: sans-serif">{"".join(parts)}</body></html>'
    )


def chat(alert: Alert) -> str:
    """A few lines for a chat, in which nobody is called, and nothing is a link that was none.

    >>> _tame("<!channel> @everyone [free](http://x) uma@example.com")
    '‹!channel› @\\u200beveryone (free)(http://x) uma@example.com'
    """
    steps = [f"{number}. {step}" for number, step in enumerate(alert.remediation[:3], 1)]
    lines = [
        one_line(alert.description, 1_500),
        one_line(f"{alert.entity.kind}: {short_id(alert.entity.id)}; {alert.first_seen}; {_records(alert)}"),
        *(one_line(step, 300) for step in steps),
        f"{alert.id} ({alert.type})",
    ]
    return "\n".join(_tame(line) for line in lines)


_TAMED = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "`": "'"})


def _tame(line: str) -> str:
    return re.sub(r"(?<!\w)@(?=\w)", "@\u200b", line.translate(_TAMED))


def chat_title(alert: Alert) -> str:
    """One line."""
    return _tame(subject(alert).replace("[Redshank] ", "Redshank: "))
