"""What the types of a configuration's keys are, for who reads it, and in words for who wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from cluster.config_base import Table


def as_table(kind: Any) -> type[Table] | None:
    """The table that a type is, or may be."""
    one = kind if isinstance(kind, type) else next(iter(get_args(kind)), None)
    return one if isinstance(one, type) and issubclass(one, Table) and get_origin(kind) is not tuple else None


def keys_of(kind: type[Table]) -> dict[str, msgspec.structs.FieldInfo]:
    """The keys of a table with what is known of each."""
    return {field.name: field for field in msgspec.structs.fields(kind)}


def _alternatives(kind: Any) -> list[Any]:
    """A type, or those of a union, without None."""
    bare = (
        [kind]
        if get_origin(kind) in (Annotated, tuple, Literal) or isinstance(kind, type)
        else get_args(kind)
    )
    return [one for one in bare if one is not type(None)]


def item_type(kind: Any) -> Any:
    """The type of a list's items, None if it is no list."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return get_args(inner)[0] if get_origin(inner) is tuple else None


def is_file(kind: Any) -> bool:
    """Whether a type is the path of a file."""
    return any(get_args(one)[:1] == (Path,) for one in _alternatives(kind))


def in_words(kind: Any) -> str:
    """A type in words."""
    one = _alternatives(kind)[0]
    if get_origin(one) is Literal:
        return f"one of {', '.join(get_args(one))}"
    metas = [arg for arg in get_args(one) if isinstance(arg, Meta)]
    return next((meta.description for meta in metas if meta.description), "a list of tables")


def shown_value(value: Any) -> str:
    """A value, short enough for a line."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
