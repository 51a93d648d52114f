"""A console that people sign in to with OpenID Connect, and a configuration that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.console.consoles import Console, alert

pytest.importorskip("authlib", reason="the extra `oidc` is not installed")
pytest.importorskip("httpx", reason="the extra `oidc` is not installed")
from console.oidc import OidcSettings, Provider

HOST = "redshank.example.com"
ROLES = {
    "viewer": frozenset({"staff"}),
    "analyst": frozenset({"soc"}),
    "admin": frozenset({"soc-leads", "0c1e-group"}),
}
SAID = """
[store]
url = "sqlite:///a.db"
[console]
hosts = ["redshank.example.com"]
[console.oidc]
issuer = "https://id.example.com/realms/soc"
client = "redshank"
admin = ["soc-leads"]
"""


def settings(issuer: str, **more: Any) -> OidcSettings:
    said: dict[str, Any] = {
        "issuer": issuer,
        "client": "redshank",
        "secret": "s3cret",
        "roles": ROLES,
        **more,
    }
    return OidcSettings(**said)


def console_with(folder: Path, provider: OidcSettings) -> Console:
    console = Console(
        folder, [alert()], loopback=False, hosts=frozenset({HOST}), https=False, oidc=Provider(provider)
    )
    console.client = console.fresh(HOST)
    return console
