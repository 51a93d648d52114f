"""Signing in with OpenID Connect: against a real provider, and against one that lies."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from consoles import Console, alert
from test_console_people import SECRET

from alerts.store.store import AlertStore
from cluster import checking
from cluster.config import load
from cluster.config_tables import ConsoleTable
from cluster.consoling import provider_of, settings_of
from cluster.errors import UserError
from detections.catalogue import CATALOGUE

pytest.importorskip("authlib", reason="the extra `oidc` is not installed")
httpx = pytest.importorskip("httpx", reason="the extra `oidc` is not installed")
from joserfc import jwt  # noqa: E402
from joserfc.jwk import OctKey, RSAKey  # noqa: E402

from benchmarks.console_pictures import browser  # noqa: E402
from console.oidc import OidcSettings, Provider  # noqa: E402
from console.serving import serving  # noqa: E402

HOST = "redshank.example.com"
ROLES = {
    "viewer": frozenset({"staff"}),
    "analyst": frozenset({"soc"}),
    "admin": frozenset({"soc-leads", "0c1e-group"}),
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    pytest.importorskip("oidc_provider_mock", reason="no OpenID Connect provider is installed")
    address = f"http://localhost:{(port := free_port())}"
    script = str(Path(__file__).with_name("provider.py"))
    process = subprocess.Popen(
        [sys.executable, script, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                httpx.get(address)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


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


@pytest.fixture
def console(tmp_path: Path, issuer: str) -> Console:
    return console_with(tmp_path, settings(issuer))


def known(issuer: str, sub: str, **claims: Any) -> None:
    httpx.put(f"{issuer}/users/{sub}", json=claims).raise_for_status()


def at_the_provider(there: str, sub: str) -> str:
    """What somebody does there, and the address that the browser is sent back to."""
    answer = httpx.post(there, data={"sub": sub})
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    assert back.netloc == HOST
    return f"{back.path}?{back.query}"


def signed_in(console: Console, sub: str, after: str = "/alerts?severity=high") -> Any:
    left = console.client.get("/signin/oidc", params={"next": after})
    assert left.status_code == 303, left.text
    return console.client.get(at_the_provider(left.headers["location"], sub))


@pytest.mark.parametrize(
    ("group", "role"), [("staff", "viewer"), ("soc", "analyst"), ("0c1e-group", "admin")]
)
def test_whom_the_provider_knows_comes_in_with_the_role_of_their_group(
    console: Console, issuer: str, group: str, role: str
) -> None:
    known(issuer, "1001", preferred_username="uma@example.com", groups=["other", group])
    back = signed_in(console, "1001")
    assert (back.status_code, back.headers["location"]) == (303, "/alerts?severity=high")
    page = console.page("/alerts")
    assert f'title="{role}">uma@example.com' in page
    assert console.post("/signout").headers["location"] == "/signin"
    assert console.client.get("/alerts").status_code == 303


def test_the_highest_role_counts_and_work_stands_under_the_provider_s_name(
    console: Console, issuer: str
) -> None:
    known(issuer, "1002", preferred_username="noor@example.com", groups=["staff", "soc"])
    signed_in(console, "1002")
    console.post(f"/alerts/{alert().id}/mark", state="true", reason="seen")
    assert console.store.history(alert().id)[0].who == "noor@example.com"


@pytest.mark.parametrize("claims", [{}, {"groups": []}, {"groups": ["nobody"]}, {"groups": {"a": "soc"}}])
def test_who_has_no_role_stays_outside_and_is_told_why(
    console: Console, issuer: str, claims: dict[str, Any]
) -> None:
    known(issuer, "1003", preferred_username="eve@example.com", **claims)
    back = signed_in(console, "1003")
    assert back.status_code == 403
    assert "nothing in groups gives you a role here" in back.text
    assert console.client.get("/alerts").status_code == 303


def test_roles_may_stand_in_a_table_and_names_in_any_claim(tmp_path: Path, issuer: str) -> None:
    said = settings(issuer, role_claim="realm_access.roles", name_claim="nickname")
    console = console_with(tmp_path, said)
    known(issuer, "1004", nickname="kit", realm_access={"roles": ["soc"]})
    assert signed_in(console, "1004").status_code == 303
    assert 'title="analyst">kit' in console.page("/alerts")


def test_nobody_becomes_a_user_who_has_a_password_here(console: Console, issuer: str) -> None:
    console.add_user("uma", "admin", SECRET)
    known(issuer, "1005", preferred_username="uma", groups=["staff"])
    back = signed_in(console, "1005")
    assert back.status_code == 403
    assert "is the name of a user with a password here" in back.text


def test_an_answer_that_another_browser_asked_for_signs_nobody_in(console: Console, issuer: str) -> None:
    known(issuer, "1006", preferred_username="mallory", groups=["soc"])
    there = console.fresh(HOST).get("/signin/oidc").headers["location"]
    assert parse_qs(urlsplit(there).query)["code_challenge_method"] == ["S256"]
    path = at_the_provider(there, "1006")  # which somebody makes the victim's browser ask for
    console.client.get("/signin/oidc")
    answer = console.client.get(path)
    assert answer.status_code == 403
    assert "not begun in this browser" in answer.text
    assert console.client.get("/alerts").status_code == 303


def test_who_refuses_at_the_provider_is_back_at_the_sign_in(console: Console) -> None:
    there = console.client.get("/signin/oidc").headers["location"]
    state = parse_qs(urlsplit(there).query)["state"][0]
    path = f"/signin/oidc/back?error=access_denied&error_description=<b>no</b>&state={state}"
    answer = console.client.get(path)
    assert answer.status_code == 403
    assert "says: &lt;b&gt;no&lt;/b&gt;" in answer.text
    assert "says: &lt;b&gt;no" not in console.client.get(path).text  # the try is over


def test_with_the_provider_away_a_password_is_still_good(tmp_path: Path) -> None:
    console = console_with(tmp_path, settings(f"http://localhost:{free_port()}", name="Example ID"))
    console.add_user("root", "admin", SECRET)
    assert "Sign in with Example ID" in console.page("/signin")
    away = console.client.get("/signin/oidc")
    assert away.status_code == 503
    for page in (away.text, console.page("/signin")):
        assert "Example ID can&#39;t be used now" in page
        assert "With a password of this console" in page
    assert console.post("/signin", name="root", password="correct horse battery").status_code == 303
    assert "root" in console.page("/alerts")


def test_without_the_provider_its_sessions_are_over(console: Console, issuer: str, tmp_path: Path) -> None:
    known(issuer, "1007", preferred_username="ann", groups=["soc"])
    signed_in(console, "1007")
    console.page("/alerts")
    later = Console(tmp_path, loopback=False, hosts=frozenset({HOST}))
    later.add_user("root", "admin", SECRET)
    client = later.fresh(HOST)
    client.cookies = console.client.cookies
    assert client.get("/alerts").status_code == 303


def test_a_browser_goes_there_and_back_and_stays_signed_in(tmp_path: Path, issuer: str) -> None:
    known(issuer, "1008", preferred_username="pat@example.com", groups=["soc"])
    console = Console(tmp_path, [alert()], oidc=Provider(settings(issuer, name="Example ID")))
    with serving(console.app, "127.0.0.1", 0, None, None) as port:
        try:
            with browser() as chromium:
                page = chromium.new_page(base_url=f"http://127.0.0.1:{port}")
                page.goto("/alerts?order=oldest")
                page.get_by_role("link", name="Sign in with Example ID").click()
                page.locator("input[name=sub]").fill("1008")
                page.get_by_role("button", name="Authorize").click()
                page.wait_for_url("**/alerts?order=oldest")
                assert page.locator(".person").inner_text() == "pat@example.com"
                page.locator("[data-row]").first.click()
                page.get_by_role("button", name="Mark true").click()
                page.wait_for_url("**done=marked_true*")
                page.get_by_role("button", name="Sign out").click()
                page.wait_for_url("**/signin")
        except LookupError as error:
            pytest.skip(str(error))
    assert console.store.history(alert().id)[0].who == "pat@example.com"


# One that lies


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


# What a configuration says of it

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


def provider_of_text(folder: Path, said: str) -> Provider | None:
    (folder / "redshank.toml").write_text(said)
    return provider_of(load(folder / "redshank.toml", frozenset(CATALOGUE)))


@pytest.mark.parametrize(
    ("said", "by", "why"),
    [
        (
            "https://id",
            "http://id",
            "[console.oidc] issuer: an address with https was expected, found 'http://id.",
        ),
        ('admin = ["soc-leads"]', "", "nobody would have a role: name groups, like  admin = ['soc-leads']"),
        (
            'admin = ["soc-leads"]',
            'admin = "soc-leads"',
            "[console] oidc.admin: expected a list of the provider's groups",
        ),
        ("client =", "clint =", "[console] oidc.clint: no such key (did you mean client?)"),
        ('client = "redshank"', "", "client"),
        ("client =", 'scopes = "email"\nclient =', "'openid' was expected among them"),
        ("client =", 'secret_env = "NOT_SET_ANYWHERE"\nclient =', "NOT_SET_ANYWHERE is not set"),
        ("client =", 'ca_file = "none.pem"\nclient =', "none.pem"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_one_line(tmp_path: Path, said: str, by: str, why: str) -> None:
    assert said in SAID
    with pytest.raises(UserError) as error:
        provider_of_text(tmp_path, SAID.replace(said, by))
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_with_a_provider_others_may_reach_a_console_without_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OIDC_SECRET", "s3cret")
    more = SAID.replace("client =", 'secret_env = "OIDC_SECRET"\nclient =')
    provider = provider_of_text(tmp_path, more)
    assert provider is not None
    assert provider.settings.secret == "s3cret"
    assert "s3cret" not in repr(provider.settings)
    configuration = load(tmp_path / "redshank.toml", frozenset(CATALOGUE))
    store = AlertStore(f"sqlite:///{tmp_path}/a.db")
    made = settings_of(configuration, [store], "0.0.0.0", lambda: None)
    assert made.oidc is not None
    without = msgspec.structs.replace(configuration, console=ConsoleTable(listen="0.0.0.0:1"))
    with pytest.raises(UserError, match="it has no users"):
        settings_of(without, [store], "0.0.0.0", lambda: None)


def test_a_check_says_whether_the_provider_answers(
    liar: Liar, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "redshank.toml").write_text(SAID.replace("https://id.example.com/realms/soc", liar.issuer))
    assert checking.run(tmp_path / "redshank.toml") == 0
    assert f"[console.oidc]: {liar.issuer} answers" in capsys.readouterr().out
    liar.metadata = {"issuer": "https://other.example"}
    assert checking.run(tmp_path / "redshank.toml") == 3
    assert "[console.oidc]: WRONG: " in capsys.readouterr().out


def test_who_lost_the_role_elsewhere_can_be_signed_out(console: Console, issuer: str) -> None:
    known(issuer, "1009", preferred_username="ex@example.com", groups=["soc"])
    signed_in(console, "1009")
    console.page("/alerts")
    assert console.people.remove("ex@example.com")
    assert console.client.get("/alerts").status_code == 303
    assert not console.people.remove("ex@example.com")
