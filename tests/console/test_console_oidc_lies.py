"""Signing in with OpenID Connect, against a provider that lies: nobody comes in by a token that does not hold."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cluster import checking
from tests.console.consoles import Console
from tests.console.oidc_consoles import SAID, console_with, settings

pytest.importorskip("joserfc", reason="the extra `oidc` is not installed")
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey


class Liar:
    """Answers with whatever token it is told."""

    def __init__(self) -> None:
        self.key, self.other = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
        self.token, self.metadata, liar = "", dict[str, Any](), self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys = {"keys": [liar.key.as_dict(private=False)]}
                self._say(keys if self.path == "/keys" else {**liar.said(), **liar.metadata})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._say({"access_token": "x", "token_type": "Bearer", "id_token": liar.token})

            def _say(self, said: Any) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def said(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def liar() -> Iterator[Liar]:
    made = Liar()
    yield made
    made.close()


def told(liar: Liar, console: Console, key: Any = None, alg: str = "RS256", **claims: Any) -> Any:
    there = console.client.get("/signin/oidc").headers["location"]
    query = parse_qs(urlsplit(there).query)
    said = {
        "iss": liar.issuer,
        "aud": "redshank",
        "sub": "1",
        "exp": int(time.time()) + 300,
        "iat": int(time.time()),
        "nonce": query["nonce"][0],
        "preferred_username": "uma",
        "groups": ["soc"],
        **claims,
    }
    said = {name: value for name, value in said.items() if value is not None}
    liar.token = jwt.encode({"alg": alg}, said, key or liar.key, algorithms=[alg])
    return console.client.get(f"/signin/oidc/back?code=c&state={query['state'][0]}")


def test_a_token_that_holds_is_believed(liar: Liar, tmp_path: Path) -> None:
    assert told(liar, console_with(tmp_path, settings(liar.issuer))).status_code == 303


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "for another application": {"aud": "another"},
    "for several, ours not the one that asked": {"aud": ["redshank", "another"], "azp": "another"},
    "over": {"exp": 1},
    "without an end": {"exp": None},
    "of another try": {"nonce": "0" * 64},
    "without a nonce": {"nonce": None},
    "about nobody": {"sub": None},
    "signed by the secret that both know": {"key": OctKey.import_key("s3cret" * 8), "alg": "HS256"},
    "a name with control letters": {"preferred_username": "uma\r\nroot", "sub": "\x1b[2J"},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_does_not_hold_signs_nobody_in(liar: Liar, tmp_path: Path, lie: str) -> None:
    console = console_with(tmp_path, settings(liar.issuer))
    assert told(liar, console, **LIES[lie]).status_code == 403
    assert console.client.get("/alerts").status_code == 303


def test_a_token_that_somebody_else_signed_or_nobody_signs_nobody_in(liar: Liar, tmp_path: Path) -> None:
    console = console_with(tmp_path, settings(liar.issuer))
    assert told(liar, console, key=liar.other).status_code == 403
    for token in ("", "x", "e30.e30.", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."):
        there = console.client.get("/signin/oidc").headers["location"]
        liar.token = token
        state = parse_qs(urlsplit(there).query)["state"][0]
        assert console.client.get(f"/signin/oidc/back?code=c&state={state}").status_code == 403


def test_new_keys_of_a_provider_are_asked_for(
    liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = console_with(tmp_path, settings(liar.issuer))
    assert told(liar, console).status_code == 303
    console.post("/signout")
    liar.key = liar.other
    monkeypatch.setattr("console.oidc.AGAIN_S", 0.0)
    assert told(liar, console).status_code == 303


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "https://other.example"}, "it calls itself"),
        ({"token_endpoint": "http://plain.example/t"}, "https was expected"),
        ({"jwks_uri": None}, "jwks_uri"),
    ],
)
def test_a_provider_that_is_not_what_was_named_is_not_used(
    liar: Liar, tmp_path: Path, metadata: dict[str, Any], why: str
) -> None:
    liar.metadata = metadata
    answer = console_with(tmp_path, settings(liar.issuer)).client.get("/signin/oidc")
    assert answer.status_code == 503
    assert why in answer.text


def test_a_check_says_whether_the_provider_answers(
    liar: Liar, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "redshank.toml").write_text(SAID.replace("https://id.example.com/realms/soc", liar.issuer))
    assert checking.run(tmp_path / "redshank.toml") == 0
    assert f"[console.oidc]: {liar.issuer} answers" in capsys.readouterr().out
    liar.metadata = {"issuer": "https://other.example"}
    assert checking.run(tmp_path / "redshank.toml") == 3
    assert "[console.oidc]: WRONG: " in capsys.readouterr().out
