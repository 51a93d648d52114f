"""What incidents say is said in Japanese, whoever they are about; what we did not write stays as it is."""

from __future__ import annotations

from alerts.incident import tell
from console.japanese_incidents import step, summary, title
from tests.console.consoles import alert


def test_a_title_says_the_way_or_the_gravest_alert() -> None:
    assert title("Access, then exfiltration: uma@example.com") == "アクセス → 持ち出し: uma@example.com"
    assert title("Impossible travel activity: a: b") == "あり得ない移動: a: b"
    assert title("Something older: uma") == "Something older: uma"


def test_a_summary_says_how_many_of_what_and_when() -> None:
    said = summary("3 alerts on 1 principal and 16 vaults, from 2026-01-23 14:11 to 14:18 UTC.")
    assert said == (
        "プリンシパル 1 件、キー コンテナー 16 件についてのアラート 3 件、2026-01-23 14:11 ～ 14:18 UTC。"
    )
    assert "2026-01-23 14:11 UTC" in summary("1 alert on 1 vault, at 2026-01-23 14:11 UTC.")
    assert summary("Nothing of ours.") == "Nothing of ours."


def test_what_an_incident_says_today_is_known() -> None:
    incident = tell([alert(number) for number in range(3)])
    assert "alerts on" not in summary(incident.summary)
    assert title(incident.title).startswith("Tor 出口ノード")
    assert "such alerts" not in step(incident.story[0].type, incident.story[0].text)


def test_a_step_of_many_alerts_names_the_first_and_counts_the_rest() -> None:
    text = "Words of an older version. 16 such alerts, on kv-a, kv-b and 10 more."
    assert step("key_vault.tor_access", text) == (
        "Words of an older version. 同様のアラート 16 件 (対象: kv-a, kv-b ほか 10 件)。"
    )
