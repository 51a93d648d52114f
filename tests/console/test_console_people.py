"""Who has signed in, and what they may do: nobody does more than their role, whatever they send."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from alerts.store.people import Role, Token, User
from console import passwords
from console.passwords import Throttle, hashed, keys_of, matches
from console.tickets import digest
from tests.console.consoles import NOW, STAMP, Console, alert

PASSWORD = "correct horse battery"
SECRET = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(
    PASSWORD
)  # checked by what it says itself


class Clock:
    """The time of day, for tests that wait."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> Any:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def console(tmp_path: Path, clock: Clock) -> Console:
    console = Console(
        tmp_path, [alert(0)], loopback=False, now=clock, hosts=frozenset({"redshank.example.com"})
    )
    roles: tuple[Role, ...] = ("viewer", "analyst", "admin")
    for role in roles:
        console.add_user(role, role, SECRET)
        token = Token(f"{role}'s", role, STAMP, "2026-04-01T00:00:00Z")
        console.people.add_token(token, digest(f"token-{role}"))
    console.client = console.fresh("10.0.0.7:8321")
    return console


def sign_in(console: Console, name: str, password: str = PASSWORD, **more: str) -> Any:
    return console.post("/signin", name=name, password=password, **more)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/alerts",
        "/alerts/x",
        "/rules",
        "/rules/new",
        "/detections",
        "/entity?id=x",
        "/incidents/x",
        "/nowhere",
    ],
)
def test_who_has_not_signed_in_sees_nothing(console: Console, path: str) -> None:
    answer = console.client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/signin?next=%2F")
    assert answer.text == ""


def test_signing_in_leads_to_where_one_wanted_and_out_ends_it(console: Console) -> None:
    answer = sign_in(console, "viewer", next="/alerts?severity=high")
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?severity=high")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    session = console.client.cookies["redshank_session"]
    assert "viewer" in console.page("/alerts")
    console.post("/signout")
    console.client.cookies.set("redshank_session", session)  # who has copied it has nothing
    assert console.client.get("/alerts").status_code == 303
    assert sign_in(console, "viewer", next="https://evil.example/").headers["location"] == "/"


def test_behind_https_cookies_are_for_https_alone(tmp_path: Path) -> None:
    console = Console(tmp_path, https=True)
    answer = console.client.get("/alerts")
    assert answer.headers["set-cookie"].startswith("__Host-redshank_browser=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


def test_a_wrong_password_and_a_wrong_name_look_the_same(console: Console) -> None:
    wrong, nobody = sign_in(console, "viewer", "x" * 12), sign_in(console, "nobody", "x" * 12)
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.text.replace('value="viewer"', "") == nobody.text.replace('value="nobody"', "")
    assert console.client.get("/alerts").status_code == 303


def test_a_guesser_has_to_wait_and_the_others_need_not(console: Console) -> None:
    answers = [sign_in(console, "admin", f"guess {n} of many").status_code for n in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert sign_in(console, "admin").status_code == 429  # the right one too
    assert sign_in(console, "viewer").status_code == 303


def test_waiting_doubles_and_ends() -> None:
    throttle, keys = Throttle(), keys_of("Uma", "10.0.0.1")
    waits = []
    for _ in range(20):
        throttle.wrong(keys, 100.0)
        waits.append(throttle.wait_s(keys, 100.0))
    assert waits[3] <= 0
    assert [round(wait) for wait in waits[4:8]] == [2, 4, 8, 16]
    assert max(waits) == passwords.LONGEST_S
    assert (
        throttle.wait_s(keys_of("uma", "10.0.0.2"), 100.0) == passwords.FIRST_S
    )  # from elsewhere, as much was tried
    assert throttle.wait_s(keys_of("olga", "10.0.0.1"), 100.0) <= 0
    throttle.right(keys)
    assert throttle.wait_s(keys, 100.0) <= 0


def test_a_session_ends_by_itself_and_with_another_password(console: Console, clock: Clock) -> None:
    sign_in(console, "viewer")
    clock.at = NOW + timedelta(hours=13)
    assert console.client.get("/alerts").status_code == 303
    sign_in(console, "viewer")
    console.page("/alerts")
    console.people.change("viewer", hashed("another long password"), None)
    assert console.client.get("/alerts").status_code == 303


def test_a_session_that_was_planted_is_not_the_one_that_is_used(console: Console) -> None:
    console.client.cookies.set("redshank_session", "planted")
    console.client.get("/signin")
    sign_in(console, "viewer")
    assert console.people.of_session(digest("planted"), STAMP) is None


WORK = [
    ("/alerts/{id}/mark", {"state": "true"}, "analyst"),
    ("/alerts/{id}/assign", {"to": "x"}, "analyst"),
    ("/alerts/{id}/note", {"text": "x"}, "analyst"),
    ("/alerts/{id}/step", {"text": alert(0).remediation[0], "done": "1"}, "analyst"),
    ("/rules", {"entity": "nobody"}, "analyst"),
    ("/rules/0/1/remove", {}, "admin"),
]
RANK = ["viewer", "analyst", "admin"]


@pytest.mark.parametrize(("path", "form", "needed"), WORK)
@pytest.mark.parametrize("role", RANK)
def test_nobody_does_more_than_their_role(
    console: Console, path: str, form: dict[str, str], needed: str, role: str
) -> None:
    if "remove" in path:
        console.client.cookies.clear()
        sign_in(console, "analyst")
        console.post("/rules", entity="nobody")
        console.post("/signout")
    sign_in(console, role)
    answer = console.post(path.format(id=alert(0).id), **form)
    may = RANK.index(role) >= RANK.index(needed)
    assert answer.status_code == (303 if may else 403)
    done = console.store.history(alert(0).id)
    assert len(done) == (1 if may and path.startswith("/alerts") else 0)
    assert all(line.who == role for line in done)


def test_a_viewer_is_shown_no_buttons_for_what_they_may_not_do(console: Console) -> None:
    sign_in(console, "viewer")
    page = console.page(f"/alerts/{alert(0).id}")
    assert f"{alert(0).id}/mark" not in page
    assert "/rules/new" not in console.page("/rules")


def api(console: Console, token: str | None, method: str, path: str, **more: Any) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return console.client.request(method, f"/api/v1{path}", headers=headers, **more)


def test_the_api_gives_what_the_list_gives_to_who_has_a_token(console: Console, clock: Clock) -> None:
    for token in (None, "", "wrong", "é"):
        if token == "é":
            answer = console.client.get(
                "/api/v1/alerts", headers={"Authorization": "Bearer é".encode("latin-1")}
            )
        else:
            answer = api(console, token, "GET", "/alerts")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    sign_in(console, "admin")  # a session is none: another site's forms have it too
    assert api(console, None, "GET", "/alerts").status_code == 401
    found = api(console, "token-viewer", "GET", "/alerts").json()
    assert [one["alert"]["id"] for one in found["alerts"]] == [alert(0).id]
    assert found["alerts"][0]["work"] == {"state": "open", "assignee": None, "rule": None}
    assert api(console, "token-viewer", "GET", "/alerts?limit=0").status_code == 422
    assert api(console, "token-viewer", "GET", "/alerts?type=no.such").status_code == 400
    assert api(console, "token-viewer", "GET", "/alerts/none").status_code == 404
    clock.at = NOW + timedelta(days=30)
    assert api(console, "token-viewer", "GET", "/alerts").status_code == 401  # it has run out


def test_the_api_holds_to_roles_and_keeps_who_did_it(console: Console) -> None:
    path = f"/alerts/{alert(0).id}"
    said = {"state": "true", "reason": "seen"}
    assert api(console, "token-viewer", "POST", f"{path}/mark", json=said).status_code == 403
    assert api(console, "token-analyst", "POST", f"{path}/mark", json=said).json()["work"]["state"] == "true"
    assert api(console, "token-analyst", "POST", f"{path}/assign", json={"to": "uma"}).status_code == 200
    assert api(console, "token-analyst", "POST", f"{path}/note", json={"text": "a note"}).status_code == 200
    assert api(console, "token-analyst", "POST", f"{path}/note", data={"text": "a form"}).status_code == 415
    lines = api(console, "token-viewer", "GET", f"{path}/history").json()
    assert [(line["who"], line["what"]) for line in lines] == [
        ("analyst's", "marked true"), ("analyst's", "assigned"), ("analyst's", "note"),
    ]  # fmt: skip
    rule = {"type": alert(0).type, "force": True}
    assert api(console, "token-analyst", "POST", "/rules/trial", json=rule).json() == {
        "hides": 1,
        "marked_true": 1,
    }
    assert api(console, "token-analyst", "POST", "/rules", json=rule).status_code == 403
    assert api(console, "token-admin", "POST", "/rules", json={**rule, "force": False}).status_code == 400
    assert api(console, "token-admin", "POST", "/rules", json=rule).json() == {"rules": [1], "hidden": 1}
    assert api(console, "token-viewer", "GET", "/alerts").json()["alerts"] == []


def test_the_api_describes_itself(console: Console) -> None:
    said = api(console, "token-viewer", "GET", "/openapi.json").json()
    assert said["openapi"].startswith("3.1")
    assert {"/api/v1/alerts", "/api/v1/alerts/{id_}/mark", "/api/v1/rules", "/api/v1/detections"} <= set(
        said["paths"]
    )
    assert not [path for path in said["paths"] if not path.startswith("/api/")]
    modes = api(console, "token-viewer", "GET", "/detections").json()
    assert len(modes) == 26


def test_passwords_are_kept_by_argon2() -> None:
    secret = hashed(PASSWORD)
    assert secret.startswith("$argon2id$")
    assert PASSWORD not in secret
    assert matches(secret, PASSWORD)
    assert not matches(secret, PASSWORD + "x")
    assert not matches("damaged", PASSWORD)
    assert not matches(None, PASSWORD)


def test_a_name_is_one_user_and_who_is_removed_is_out(console: Console) -> None:
    assert not console.people.add(User("viewer", "admin", SECRET, STAMP))
    sign_in(console, "viewer")
    console.people.remove("viewer")
    assert console.client.get("/alerts").status_code == 303
