"""Signing in with OpenID Connect, against a real provider."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmarks.ports import free_port
from tests.cluster.served import until
from tests.console.consoles import Console, alert
from tests.console.oidc_consoles import HOST, console_with, settings
from tests.console.test_console_people import SECRET

httpx = pytest.importorskip("httpx", reason="the extra `oidc` is not installed")

from benchmarks.console_pictures import browser  # noqa: E402
from console.oidc import Provider  # noqa: E402
from console.serving import serving  # noqa: E402


def answers(address: str) -> bool:
    with suppress(httpx.HTTPError):
        httpx.get(address)
        return True
    return False


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    pytest.importorskip("oidc_provider_mock", reason="no OpenID Connect provider is installed")
    address = f"http://localhost:{(port := free_port())}"
    script = str(Path(__file__).with_name("provider.py"))
    process = subprocess.Popen(
        [sys.executable, script, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: answers(address))
        yield address
    finally:
        process.kill()
        process.wait()


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


def test_who_lost_the_role_elsewhere_can_be_signed_out(console: Console, issuer: str) -> None:
    known(issuer, "1009", preferred_username="ex@example.com", groups=["soc"])
    signed_in(console, "1009")
    console.page("/alerts")
    assert console.people.remove("ex@example.com")
    assert console.client.get("/alerts").status_code == 303
    assert not console.people.remove("ex@example.com")
