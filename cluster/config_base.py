"""What all tables of a configuration are made from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Severity = Literal["informational", "low", "medium", "high"]
YesNo = Annotated[bool, Meta(description="true or false")]
File = Annotated[Path, Meta(description="the path of a file")]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its keys are the fields, and no others."""
