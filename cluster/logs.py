"""Logs: structlog, one event a line on standard error; JSON for machines, text on a terminal.

Names in telemetry are chosen by strangers: nothing unprintable reaches a terminal, no value breaks a line, and
what looks like a secret is left out.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.stdlib import BoundLogger
from structlog.typing import EventDict, Processor, WrappedLogger

from cluster.snapshot import Snapshot, fates

Format = Literal["auto", "json", "text"]
LONGEST = 2_000  # letters of one value
HIDDEN = "[left out]"
_SECRET_KEYS = re.compile(
    r"(secret|password|passwd|credential|token|signature|account_?key|api_?key|connection_?string"
    r"|authorization|cookie|private_?key|access_?key)(_?value)?$",
    re.IGNORECASE,
)
_SECRETS = (
    (re.compile(r"(?i)\b(sig|AccountKey|SharedAccessKey|password|pwd|token|secret)=[^&;\s\"']+"), rf"\1={HIDDEN}"),
    (re.compile(r"(?i)\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), f"://{HIDDEN}@"),
)  # fmt: skip


def configure(level: str = "info", form: Format = "auto", out: TextIO | None = None) -> None:
    """Set logging up for the process; other libraries' warnings come in the same form."""
    stream = sys.stderr if out is None else out
    as_json = form == "json" or (form == "auto" and not stream.isatty())
    first: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=first,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_secrets,
                *_last(as_json, stream),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("redshank").setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *first,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def logger(**about: Any) -> BoundLogger:
    """Redshank's logger; what is given is said with each line."""
    made: BoundLogger = structlog.get_logger("redshank", **about)
    return made


def _last(as_json: bool, stream: TextIO) -> list[Processor]:
    if as_json:  # escapes everything but plain ASCII by itself
        return [structlog.processors.JSONRenderer(default=str)]
    plain = structlog.dev.plain_traceback
    return [_printable, structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]


# What is said


def batch_line(log: BoundLogger, now: Snapshot, before: Snapshot | None = None) -> bool:
    """At most one line for what came since the snapshot before; whether there was anything to say.

    A run that goes back to its checkpoint counts some records anew: nothing is said until it is ahead again.
    """
    told = _since(now, before)
    if not any(told.values()):
        return False
    epoch = now.checkpoint.epoch if now.checkpoint else None
    waits = max(now.queues, default=0)
    log.info("batch", **{name: value for name, value in told.items() if value}, epoch=epoch, queue=waits)
    return True


def _since(now: Snapshot, before: Snapshot | None) -> dict[str, int]:
    mine, theirs = _numbers(now), _numbers(before) if before else {}
    return {name: max(0, number - theirs.get(name, 0)) for name, number in mine.items()}


def _numbers(one: Snapshot) -> dict[str, int]:
    found = fates(one.counts, one.filtered)
    return {
        "read": found.read,
        "applied": found.applied,
        "late": found.late,
        "rejected": found.rejected,
        "filtered": sum(found.filtered.values()),
        "lost": found.lost,
        "alerts": sum(one.alerts.values()),
        "deaths": one.deaths,
        "dropped": one.udp.dropped if one.udp else 0,
    }


# What is not said


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: HIDDEN if _SECRET_KEYS.search(key) else _hidden(value) for key, value in event.items()}


def _hidden(value: Any) -> Any:
    match value:
        case str():
            for secret, instead in _SECRETS:
                value = secret.sub(instead, value)
            return value if len(value) <= LONGEST else f"{value[:LONGEST]}..."
        case Mapping():
            return _without_secrets(None, "", {str(key): inner for key, inner in value.items()})
        case list() | tuple() | set() | frozenset():
            return [_hidden(inner) for inner in value]
        case None | bool() | int() | float():
            return value
    return _hidden(str(value))


def _printable(_: WrappedLogger, __: str, event: EventDict) -> MutableMapping[str, Any]:
    return {_escaped(key): _cleaned(value, key == "exception") for key, value in event.items()}


def _cleaned(value: Any, lines: bool = False) -> Any:
    match value:
        case str():
            return "\n".join(map(_escaped, value.split("\n"))) if lines else _escaped(value)
        case Mapping():
            return {_escaped(str(key)): _cleaned(inner) for key, inner in value.items()}
        case list():
            return [_cleaned(inner) for inner in value]
    return value


def _escaped(text: str) -> str:
    r"""Text without what a terminal would obey.

    >>> _escaped("a\x1b[2Jb\n\u202ec")
    'a\\x1b[2Jb\\n\\u202ec'
    """
    return text if text.isprintable() else "".join(_letters(text))


def _letters(text: str) -> Iterable[str]:
    return (
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )
