"""Who may ask, from where, and what browsers are told: another site can neither read nor do anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.consoles import Console, alert

PAGES = ("/", "/alerts", "/rules", "/rules/new", "/detections", "/signin", "/static/console.css", "/nowhere")


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path, [alert(0)])


@pytest.mark.parametrize("path", PAGES)
def test_no_page_may_load_or_run_anything_that_is_not_ours(console: Console, path: str) -> None:
    answer = console.client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert " style=" not in answer.text
        assert "<style" not in answer.text
        assert " onclick=" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "10.0.0.7:8321", "", "[", "127.0.0.1.nip.io"]
)
def test_a_name_that_somebody_has_lead_here_is_refused(console: Console, host: str) -> None:
    answer = console.client.get("/alerts", headers={"host": host})
    assert answer.status_code == 421
    assert "vaults" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8321", "[::1]:8321", "LOCALHOST:1"])
def test_this_machine_goes_by_its_usual_names(console: Console, host: str) -> None:
    assert console.client.get("/alerts", headers={"host": host}).status_code == 200


def test_a_form_from_elsewhere_does_nothing(console: Console) -> None:
    path, form = f"/alerts/{alert(0).id}/mark", {"state": "benign"}
    ticket = console.ticket()
    for headers, said in (
        ({}, {}),  # no ticket
        ({}, {"ticket": "0" * 64}),
        ({}, {"ticket": "é"}),
        ({"origin": "http://evil.example"}, {"ticket": ticket}),
        ({"origin": "null"}, {"ticket": ticket}),
        ({"sec-fetch-site": "cross-site"}, {"ticket": ticket}),
    ):
        answer = console.client.post(path, data={**form, **said}, headers=headers)
        assert answer.status_code == 403, said
    other = console.fresh()
    other.get("/alerts")  # another browser, with a cookie of its own
    assert other.post(path, data={**form, "ticket": ticket}).status_code == 403
    assert console.store.find(alert(0).id)[0].state == "open"
    assert console.client.post(path, data={**form, "ticket": ticket}).status_code == 303


def test_a_body_that_is_no_form_of_ours_is_refused(console: Console) -> None:
    path = f"/alerts/{alert(0).id}/mark"
    assert console.client.post(path, json={"state": "true"}).status_code == 415
    assert console.client.post(path, data={"state": "x" * 70_000}).status_code == 413
    many = "&".join(f"a{n}=1" for n in range(200))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert console.client.post(path, content=many, headers=kind).status_code == 400
    assert console.client.post(path, content=b"\xff=1", headers=kind).status_code == 400


def test_language_and_light_are_kept_and_lead_nowhere_else(console: Console) -> None:
    answer = console.post("/settings", theme="dark", language="ja", back="//evil.example")
    assert answer.headers["location"] == "/"
    page = console.page("/alerts")
    assert 'data-theme="dark"' in page
    assert 'lang="ja"' in page
    console.post("/settings", theme="</html>", language="xx", back="/alerts")
    assert 'data-theme="dark"' in console.page("/alerts")


def test_an_address_that_others_reach_is_never_without_a_password(tmp_path: Path) -> None:
    console = Console(tmp_path, [alert(0)], loopback=False)
    assert console.client.get("/alerts").status_code == 403


def test_another_site_has_nothing_of_the_api_where_it_needs_no_token(console: Console) -> None:
    path, said = f"/api/v1/alerts/{alert(0).id}/mark", {"state": "benign"}
    plain = {"content-type": "text/plain"}  # a form of another site can send this, and no application/json
    assert console.client.post(path, content='{"state": "benign"}', headers=plain).status_code == 415
    assert console.client.post(path, json=said, headers={"origin": "http://evil.example"}).status_code == 403
    assert console.client.get("/api/v1/alerts", headers={"host": "evil.example"}).status_code == 421
    assert "access-control-allow-origin" not in console.client.get("/api/v1/alerts").headers
    assert console.store.find(alert(0).id)[0].state == "open"
    assert console.client.post(path, json=said).json()["work"]["state"] == "benign"


@pytest.mark.parametrize(
    "path", ["/alerts?text=a%00b", "/alerts/%00", "/entity?id=%00", "/api/v1/alerts?entity=%00"]
)
def test_a_letter_that_no_store_can_hold_is_refused_in_a_line(console: Console, path: str) -> None:
    answer = console.client.get(path)
    assert answer.status_code == 400
    assert "NUL" in answer.text
