"""The console in a real browser: keys, news, light and dark, a phone's width, and nothing that a policy forbids."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.alert import Entity
from benchmarks.console_pictures import browser
from cluster.asked import now, stamp
from console.serving import serving
from detections.catalogue import CATALOGUE
from tests.console.consoles import HOSTILE, STAMP, VAULT, Console, alert

INCIDENT = "20260319T230000Z-aa"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    opened = browser()
    try:
        found = opened.__enter__()
    except LookupError as error:
        pytest.skip(str(error))
    yield found
    opened.__exit__(None, None, None)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Console:
    hostile = alert(
        0, "key_vault.unusual_user", entity=Entity("principal", HOSTILE + "x" * 5_000), title=HOSTILE,
        description=HOSTILE + "y" * 10_000, evidence={HOSTILE: HOSTILE, "name": HOSTILE * 20, "against": [HOSTILE]},
    )  # fmt: skip
    types = [alert(number, type_) for number, type_ in enumerate(CATALOGUE)]
    busy = {"usual_at_this_hour": 4.5, "usual_at_most": 12, "operations_in_hour": 900, "learned_since": STAMP}
    counted = [alert(n, "key_vault.high_operation_volume", evidence=busy) for n in (101, 140)]
    some = [hostile, *types, *(alert(n) for n in range(30, 100)), *counted]
    return Console(tmp_path_factory.mktemp("console"), some, now=now)


@pytest.fixture(scope="module")
def address(console: Console) -> Iterator[str]:
    with serving(console.app, "127.0.0.1", 0, None, None) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    context = chromium.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.complaints = []
    page.on(
        "console",
        lambda said: page.complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (page.complaints.append("a dialog"), dialog.dismiss()))
    page.on(
        "request",
        lambda asked: page.complaints.append(asked.url) if not asked.url.startswith(address) else None,
    )
    yield page
    assert page.complaints == []
    context.close()


def every_page(console: Console) -> list[str]:
    """The first alert of the list has hostile texts."""
    first = console.page("/alerts").split('href="/alerts/', 1)[1][:32]
    typical = alert(25, list(CATALOGUE)[25]).id
    return ["/", "/alerts", f"/alerts/{first}", f"/alerts/{typical}", "/detections", "/rules", "/rules/new?entity=x",
            f"/incidents/{INCIDENT}", f"/entity?id={VAULT}", "/nowhere"]  # fmt: skip


def test_keys_go_through_the_list_open_search_and_tell_of_themselves(page: Any) -> None:
    page.goto("/alerts")
    at = "[...document.querySelectorAll('[data-row]')].indexOf(document.activeElement)"
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert page.evaluate(at) == place
    wanted = page.evaluate("document.activeElement.pathname")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{wanted}")
    page.go_back()
    page.keyboard.press("n")
    page.wait_for_url("**after=*")
    page.keyboard.press("/")
    page.keyboard.type("jj?")
    assert page.evaluate("document.activeElement.value") == "jj?"  # no keys while somebody writes
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("dialog[open]").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url(lambda url: url.endswith("/"))


def test_a_mark_and_a_step_are_kept_and_the_page_says_so(page: Any, console: Console) -> None:
    one = alert(40)
    page.goto(f"/alerts/{one.id}")
    page.get_by_label("Reason").fill("seen on the badge reader")
    page.get_by_role("button", name="Mark benign").click()
    page.wait_for_url("**done=marked_benign*")
    assert page.get_by_role("status").first.inner_text() == "Marked benign."
    page.get_by_role("button", name="Step 1 done").click()
    page.wait_for_url("**done=step*")
    assert page.get_by_role("button", name="Step 1 done").get_attribute("aria-pressed") == "true"
    assert [line.what for line in console.store.history(one.id)] == ["marked benign", "step done"]


def test_light_and_dark_follow_the_system_until_one_is_chosen(page: Any) -> None:
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    page.emulate_media(color_scheme="light")
    page.goto("/alerts")
    light = page.evaluate(paper)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(paper)
    assert light != dark
    page.get_by_role("button", name="Auto").click()
    page.get_by_role("button", name="Dark").click()
    page.wait_for_selector("[data-theme=light]")
    page.wait_for_load_state()  # the page is there before its style is
    assert page.evaluate(paper) == light
    assert page.url.endswith("/alerts")


def test_an_alert_that_comes_is_told_without_loading_the_page(page: Any, console: Console) -> None:
    with page.expect_response("**/events"):
        page.goto("/alerts?severity=high")
    console.store.write([alert(201)], stamp(now()))
    page.wait_for_selector("#live:not([hidden])", timeout=20_000)
    assert "new alert" in page.locator("#live").inner_text()
    page.locator("#live a").click()
    page.wait_for_selector("#live[hidden]", state="attached")  # of the page that was loaded anew
    assert page.url.endswith("/alerts?severity=high")


@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_fits_a_phone_and_a_desk_and_runs_nothing_of_an_attackers(
    page: Any, console: Console, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for path in every_page(console):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.locator("h1").count() == 1, path
        page.complaints[:] = [said for said in page.complaints if "404" not in said or path != "/nowhere"]


def axe() -> str:
    """The accessibility checker's source."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core is not installed here: there is no npm")
    root = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=True, timeout=60)
    path = Path(root.stdout.strip()) / "axe-core" / "axe.min.js"
    if not path.exists():
        pytest.skip("axe-core is not installed here: npm install --global axe-core")
    return path.read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_every_page(page: Any, console: Console, scheme: str) -> None:
    source = axe()
    page.emulate_media(color_scheme=scheme)
    for path in every_page(console):
        page.goto(path)
        page.evaluate(source)
        found = page.evaluate("axe.run().then(result => result.violations)")
        told = [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
        assert not told, f"{path}: {json.dumps(told, indent=1)}"
        page.complaints[:] = [said for said in page.complaints if "404" not in said or path != "/nowhere"]


@pytest.mark.usefixtures("chromium")
def test_the_pictures_of_the_documentation_can_be_drawn(console: Console, tmp_path: Path) -> None:
    script = "import sys; from benchmarks.console_pictures import main; main()"
    url = str(console.store.engine.url)
    done = subprocess.run(
        [sys.executable, "-c", script, url, "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    drawn = sorted(path.name for path in tmp_path.glob("console-*.png"))
    assert drawn == [f"console-{name}.png" for name in ("alert", "alerts", "incident", "overview", "phone")]
