"""What all tables of a configuration are made from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Severity = Literal["informational", "low", "medium", "high"]
YesNo = Annotated[bool, Meta(description="true or false")]
File = Annotated[Path, Meta(description="the path of a file")]
Variable = Annotated[str, Meta(description="the name of an environment variable", min_length=1)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its keys are the fields, and no others."""


class SaslTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to log in to a Kafka cluster."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    username: Annotated[str, Meta(description="a name, like '$ConnectionString'", min_length=1)]
    password_env: Variable | None = None
    password_file: File | None = None
