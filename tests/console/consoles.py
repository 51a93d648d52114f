"""A console over a store with alerts, and what a browser would do with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from alerts.alert import Alert, Entity, alert_id
from alerts.store.people import People, Role, User
from alerts.store.store import AlertStore
from console.app import make_app
from console.settings import Settings
from detections.catalogue import CATALOGUE

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
STAMP = "2026-03-20T12:00:00Z"
VAULT = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/payroll"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7777*7 }}{% raw %}&amp;\r\nSet-Cookie: x=1\x1b[2J\u202e"


def alert(number: int = 0, type_: str = "key_vault.tor_access", **more: Any) -> Alert:
    """An alert; the higher the number, the older."""
    detection = CATALOGUE[type_]
    start = f"2026-03-{19 - number // 24:02d}T{23 - number % 24:02d}:00:00Z"
    entity = more.pop("entity", Entity("vault", VAULT))
    said: dict[str, Any] = {
        "id": alert_id(type_, entity.kind, entity.id, start),
        "type": type_,
        "title": detection.title,
        "description": f"{entity.id} was reached from 185.220.101.4",
        "severity": detection.severity,
        "tactics": detection.tactics,
        "techniques": detection.techniques,
        "entity": entity,
        "start": start,
        "end": start,
        "first_seen": start,
        "last_seen": start,
        "count": 3,
        "evidence": {
            "addresses": [{"address": "185.220.101.4", "country": "DE", "listed": ["tor_exit_node"]}],
            "callers": [{"application": "app-1", "object_id": "oid-1", "name": "uma@example.com"}],
            "operations": {"SecretGet": 3},
            "records": [
                {"time": start, "operation": "SecretGet", "count": 3, "source": "a.json", "offset": 7}
            ],
            "known_since": "2026-01-05T00:00:00Z",
            "against": ["an administrator may have a reason"],
        },
        "remediation": detection.remediation,
        "incident": "20260319T230000Z-aa",
        **more,
    }
    return Alert(**said)


class Console:
    """One with a client."""

    def __init__(self, folder: Path, alerts: Sequence[Alert] = (), **settings: Any) -> None:
        self.store = AlertStore(f"sqlite:///{folder}/a.db")
        self.store.write(alerts, STAMP)
        self.people = People(self.store)
        said: dict[str, Any] = {
            "stores": [self.store],
            "people": self.people,
            "local_name": "tester",
            "loopback": True,
            "now": lambda: NOW,
            **settings,
        }
        self.app = make_app(Settings(**said))
        self.client = self.fresh()

    def fresh(self, host: str = "localhost:8321") -> TestClient:
        """Another browser."""
        return TestClient(self.app, base_url=f"http://{host}", follow_redirects=False)

    def page(self, path: str, status: int = 200) -> str:
        """What a page says."""
        answer = self.client.get(path)
        assert answer.status_code == status, (answer.status_code, answer.text[:500])
        return str(answer.text)

    def ticket(self) -> str:
        """What forms bring along."""
        found = re.search(r'name="ticket" value="([0-9a-f]{64})"', self.client.get("/alerts").text)
        found = found or re.search(r'name="ticket" value="([0-9a-f]{64})"', self.client.get("/signin").text)
        assert found
        return found[1]

    def post(self, path: str, **form: str) -> Any:
        """Send a form, as its page would."""
        return self.client.post(path, data={"ticket": self.ticket(), **form})

    def add_user(self, name: str, role: Role, secret: str = "") -> None:
        """Somebody who may sign in."""
        assert self.people.add(User(name, role, secret, STAMP))
