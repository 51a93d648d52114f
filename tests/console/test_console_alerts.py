"""The list and the page of an alert: all of it is there, whatever its texts are, and work on it is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from alerts.alert import Entity
from alerts.work import Scope
from detections.catalogue import CATALOGUE
from tests.console.consoles import HOSTILE, NOW, STAMP, VAULT, Console, alert


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path, [alert(number) for number in range(120)])


def ids(page: str) -> list[str]:
    return re.findall(r'href="/alerts/([0-9a-f]{32})" data-row', page)


def test_every_alert_is_on_one_page_of_the_list_and_in_order(console: Console) -> None:
    seen: list[str] = []
    page = console.page("/alerts")
    while True:
        seen += ids(page)
        following = re.search(r'id="next" href="([^"]+)"', page)
        if following is None:
            break
        page = console.page(following[1].replace("&amp;", "&"))
    assert seen == [alert(number).id for number in range(120)]


def test_what_is_asked_for_stands_in_the_address_and_is_all_that_is_shown(tmp_path: Path) -> None:
    other = alert(3, "network.ssh_incoming", entity=Entity("resource", "vm-7"), severity="low")
    console = Console(tmp_path, [alert(0), alert(30), other])
    console.store.mark(alert(30).id, "true", "", "uma", STAMP)
    for query, shown in (
        ("type=network.ssh_incoming", [other.id]),
        ("severity=low", [other.id]),
        ("state=true", [alert(30).id]),
        ("entity=VM-7", [other.id]),
        ("text=SSH", [other.id]),
        ("since=2026-03-19", [alert(0).id, other.id]),
        ("until=2026-03-19", [alert(30).id]),
        ("incident=20260319T230000Z-aa&order=oldest", [alert(30).id, other.id, alert(0).id]),
        ("type=network.ssh_incoming&state=true", []),
    ):
        assert ids(console.page(f"/alerts?{query}")) == shown, query
    assert "No alert is like that" in console.page("/alerts?text=nowhere")


@pytest.mark.parametrize(
    "query",
    [
        "type=network.sshincoming",
        "severity=dire",
        "since=yesterday",
        "after=7",
        "order=up",
        "text=" + "x" * 600,
    ],
)
def test_a_filter_that_means_nothing_is_told_in_a_line(console: Console, query: str) -> None:
    page = console.page(f"/alerts?{query}", 400)
    assert 'role="alert"' in page
    assert not ids(page)


def test_a_search_for_what_is_rare_goes_on_where_it_stopped(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.store.texts.FEW", 0)  # as if there were thousands of them
    monkeypatch.setattr("console.asking.LOOK", 30)
    monkeypatch.setattr("console.asking.SEARCH_S", 0.0)
    rare = alert(119, "network.ssh_outgoing", entity=Entity("resource", "needle"))
    console.store.write([rare], STAMP)
    page, found, steps = console.page("/alerts?text=needle"), [], 0
    while True:
        found += ids(page)
        following = re.search(r'id="next" href="([^"]+)"', page)
        if following is None:
            break
        assert "Looked through what came since" in page
        page, steps = console.page(following[1].replace("&amp;", "&")), steps + 1
    assert found == [rare.id]
    assert steps == 4


@pytest.mark.parametrize("type_", CATALOGUE)
def test_each_type_of_alert_has_a_page_with_a_picture_its_steps_and_what_speaks_against_it(
    tmp_path: Path, type_: str
) -> None:
    one = alert(0, type_)
    page = Console(tmp_path, [one]).page(f"/alerts/{one.id}")
    assert "<svg" in page
    assert "an administrator may have a reason" in page
    assert page.count('class="box"') == len(CATALOGUE[type_].remediation)
    assert "uma@example.com" in page  # a caller, in the evidence
    assert "a.json" in page  # a record


def hostile() -> Any:
    long = HOSTILE + "x" * 10_000
    evidence = {
        HOSTILE: HOSTILE,
        "name": long,
        "addresses": [{"address": HOSTILE, HOSTILE: [HOSTILE]}, 7, None],
        "callers": [{"object_id": HOSTILE, "name": HOSTILE, "application": HOSTILE}],
        "operations": {HOSTILE: "many", "SecretGet": float("inf")},
        "records": [{"source": HOSTILE, "operation": HOSTILE, "time": HOSTILE, "offset": {}}],
        "shares": {HOSTILE: {"seen": 0.5, "usual": 0.1}},
        "against": [HOSTILE, 3],
        "nested": [[[{HOSTILE: [HOSTILE]}]]],
        "numbers": list(range(5_000)),
    }
    entity = Entity("principal", long)
    return alert(
        0, "key_vault.unusual_operation_pattern", entity=entity, title=HOSTILE, description=long, evidence=evidence,
        remediation=(HOSTILE,), tactics=(HOSTILE,), techniques=(HOSTILE,), region=HOSTILE,
    )  # fmt: skip


def test_texts_of_an_attacker_stay_texts_everywhere(tmp_path: Path) -> None:
    one, other = hostile(), alert(1)
    console = Console(tmp_path, [one, other])
    for path, form in (
        ("note", {"text": HOSTILE}),
        ("assign", {"to": HOSTILE}),
        ("mark", {"state": "true", "reason": HOSTILE}),
        ("step", {"text": HOSTILE, "done": "1"}),
    ):
        assert console.post(f"/alerts/{one.id}/{path}", **form).status_code == 303
    console.store.suppress(Scope(address=HOSTILE), None, HOSTILE, HOSTILE, STAMP)
    rule = console.client.get("/rules/new", params={"principal": HOSTILE, "reason": HOSTILE})
    pages = [
        console.page("/alerts?all=1"), console.page(f"/alerts/{one.id}"), console.page("/rules"), rule.text,
        console.client.get("/alerts", params={"text": HOSTILE}).text,
        console.client.get("/alerts", params={"type": HOSTILE}).text,
        console.client.get("/" + quote(HOSTILE)).text,
    ]  # fmt: skip
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert " onerror=alert(2)>" not in page
        assert "\x1b" not in re.sub(' value="[^"]*"', "", page)  # a rule must have a name as it is
        assert "54439" not in page
        assert len(page.encode()) < 200_000
    assert "&lt;script&gt;" in pages[1]


def test_work_on_an_alert_is_kept_with_who_did_it(console: Console) -> None:
    one = alert(5)
    console.post(f"/alerts/{one.id}/mark", state="true", reason="seen before")
    console.post(f"/alerts/{one.id}/assign", to="olga")
    console.post(f"/alerts/{one.id}/note", text="asked her")
    console.post(f"/alerts/{one.id}/step", text=one.remediation[0], done="1")
    assert [(line.who, line.what, line.detail) for line in console.store.history(one.id)] == [
        ("tester", "marked true", "seen before"),
        ("tester", "assigned", "olga"),
        ("tester", "note", "asked her"),
        ("tester", "step done", one.remediation[0]),
    ]
    page = console.page(f"/alerts/{one.id}")
    assert 'aria-pressed="true"' in page
    assert "asked her" in page
    console.post(f"/alerts/{one.id}/step", text=one.remediation[0], done="0")
    assert 'aria-pressed="true"' not in console.page(f"/alerts/{one.id}")


@pytest.mark.parametrize(
    ("what", "form"),
    [("mark", {"state": "maybe"}), ("note", {"text": " "}), ("step", {"text": "of another alert"}), ("explode", {}),
     ("note", {"text": "x" * 10_001})],
)  # fmt: skip
def test_what_can_not_be_done_changes_nothing_and_is_said(
    console: Console, what: str, form: dict[str, str]
) -> None:
    answer = console.post(f"/alerts/{alert(0).id}/{what}", **form)
    assert answer.status_code == 400
    assert "That did not work" in answer.text
    assert not console.store.history(alert(0).id)


def test_an_alert_that_is_not_there_is_a_page_that_says_so(console: Console) -> None:
    assert "no alert with this id" in console.page("/alerts/" + "0" * 32, 404)
    assert "NUL" in console.page("/alerts/x%00y", 400)


def test_a_rule_is_tried_before_it_is_saved_and_spares_what_is_marked_true(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.asked.now", lambda: NOW)
    console.store.mark(alert(7).id, "true", "", "uma", STAMP)
    query = {"type": "key_vault.tor_access", "entity": VAULT, "expires": "30d"}
    tried = console.client.get("/rules/new", params=query).text
    assert "It would have hidden 120, 1 of them marked true" in tried
    assert console.post("/rules", **query).status_code == 400  # nobody has said that they are meant
    assert not console.store.rules()
    assert console.post("/rules", **query, force="1", reason="a test").status_code == 303
    rule = console.store.rules()[0]
    assert (rule.expires, rule.who, rule.reason) == ("2026-04-19T12:00:00Z", "tester", "a test")
    assert "120 are suppressed" in console.page("/alerts")
    assert console.post(f"/rules/0/{rule.id}/remove").status_code == 303
    assert len(ids(console.page("/alerts"))) == 50
    assert console.post(f"/rules/0/{rule.id}/remove").status_code == 404


@pytest.mark.parametrize(
    "form", [{}, {"address": "nowhere"}, {"type": "no.such"}, {"entity": "x", "expires": "2020-01-01"}]
)
def test_a_rule_that_can_not_be_is_refused_in_a_sentence(console: Console, form: dict[str, str]) -> None:
    assert console.post("/rules", **form).status_code == 400
    assert not console.store.rules()
