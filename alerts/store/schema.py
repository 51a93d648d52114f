"""The tables as they are now; `migrations` is how a store comes to them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Integer, MetaData, SmallInteger, String, Table, Text

metadata = MetaData()

ALERTS = Table(
    "alerts",
    metadata,
    Column("id", String, primary_key=True),
    Column("type", String, nullable=False),
    Column("grave", SmallInteger, nullable=False),  # the severity's place in the scale
    Column("entity", String, nullable=False),  # lower case
    Column("region", String, nullable=False),
    Column("start", String, nullable=False),  # RFC 3339, UTC: sorts by time
    Column("complete", Boolean, nullable=False),
    Column("shown", Boolean, nullable=False),  # neither withdrawn nor hidden by a rule
    Column("rule", Integer),  # that hides it
    Column("state", String, nullable=False),
    Column("incident", String, nullable=False),
    Column("changed", String, nullable=False),  # when this word of it was written
    Column("assignee", String),
    Column("words", Text, nullable=False),  # lower case, what --text looks through
    Column("body", Text, nullable=False),  # the alert as JSON
)
TALLIES = Table(  # how many alerts are shown; triggers keep it
    "tallies",
    metadata,
    Column("period", String, primary_key=True),  # '2026-03-17T10', and '2026-03-17' for the day
    Column("type", String, primary_key=True),
    Column("grave", SmallInteger, primary_key=True),
    Column("state", String, primary_key=True),
    Column("number", Integer, nullable=False),
)
JOINED = Table(
    "incidents_joined",
    metadata,
    Column("id", String, primary_key=True),  # of an incident that ended as part of another one
    Column("became", String, nullable=False),
)
RULES = Table(
    "rules",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("scope", Text, nullable=False),
    Column("made", String, nullable=False),
    Column("who", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("expires", String),
)
HISTORY = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("alert", String),
    Column("rule", Integer),
    Column("detail", Text, nullable=False),
)
MARKS = Table(
    "marks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),  # the order in which they were made
    Column("alert", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("entity", String, nullable=False),
    Column("type", String, nullable=False),
    Column("start", String, nullable=False),  # of the alert
    Column("state", String, nullable=False),
    Column("made", String, nullable=False),
    Column("who", String, nullable=False),
    Column("expires", String),
    Column("since", Integer),  # the first hour (since 1970) that is judged by it; its run says so
)
OUTBOX = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sink", String, nullable=False),
    Column("target", String, nullable=False),  # an address of mail; else empty
    Column("alert", String, nullable=False),
    Column("kind", String, nullable=False),  # alert, withdrawn, sample
    Column("grave", SmallInteger, nullable=False),
    Column("state", String, nullable=False),  # waiting, delivered, dead, held, named, hidden
    Column("made", Float, nullable=False),  # seconds since 1970, as all times here
    Column("due", Float, nullable=False),  # not to be tried before
    Column("tries", Integer, nullable=False),
    Column("done", Float),  # when it came to its last state
    Column("error", Text, nullable=False),
    Column("body", Text, nullable=False),  # the alert as it was told, as JSON; empty once nobody needs it
)
USERS = Table(
    "console_users",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("secret", String, nullable=False),  # what Argon2 made of the password
    Column("made", String, nullable=False),
)
TOKENS = Table(
    "console_tokens",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("digest", String, nullable=False),  # of the token: it is shown once, and nowhere kept
    Column("made", String, nullable=False),
    Column("expires", String),
)
SESSIONS = Table(
    "console_sessions",
    metadata,
    Column("digest", String, primary_key=True),  # of what the browser holds
    Column("name", String, nullable=False),
    Column("expires", String, nullable=False),
    Column("role", String),  # of somebody whom another system vouches for; None: the user's own
)
