"""Explanations: nobody is misled by one, and no evidence, however odd or hostile, breaks one or its picture."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, Entity
from alerts.explaining import Section, explain
from alerts.explaining_drawing import draw, figure_of
from alerts.explaining_picture import picture
from alerts.explaining_shapes import Bars, Lanes, described
from detections.catalogue import CATALOGUE

HOSTILE = '$\\frac{1}{$ </desc><script>alert(1)</script> \x1b[2J\u202e & "' + "W" * 300
TIME = "2026-03-17T10:05:00Z"


def alert(type_: str = "network.ssh_incoming", id_: str = "a1", **more: Any) -> Alert:
    values: dict[str, Any] = {
        "evidence": {}, "entity": Entity("resource", "/vm/one"), "severity": "medium", "description": "d",
        "start": "2026-03-17T10:00:00Z", "incident": "", "title": CATALOGUE[type_].title,
    }  # fmt: skip
    return Alert(
        id=id_, type=type_, tactics=(), techniques=(), end="2026-03-17T11:00:00Z", first_seen=TIME,
        last_seen=TIME, count=3, remediation=(), **(values | more),
    )  # fmt: skip


def lines(sections: list[Section], heading: str) -> list[str]:
    return next(section.lines for section in sections if section.heading.startswith(heading))


COUNTED = {
    "service": "SSH", "seen": 1_181, "usual": 2.38, "usual_at_most": 10, "usual_for_neighbours": 2.98,
    "learned_since": "2026-03-03T10:00:00Z", "improbability": 1e-12, "improbability_by_own_model": 1e-7,
    "threshold": 1e-5, "share_of_all_hours_with_as_many": 0.0,
    "records": [{"source": "a.ipfix", "offset": 1364 * n} for n in range(12)],
    "against": ["no answer of the resource was seen"],
}  # fmt: skip


def test_an_explanation_says_what_is_usual_since_when_how_rare_where_and_what_speaks_against_it() -> None:
    told = explain(alert(evidence=COUNTED))
    assert lines(told, "What is usual") == [
        "About 2.38 SSH connections an hour with the busiest peer at this hour of the week.",
        "At most 10 in 99 of 100 such hours.",
        "Other resources: about 2.98, in hours in which there are any.",
    ]
    assert lines(told, "Since when") == ["Learned since 2026-03-03 10:00 UTC, 14 days before this hour."]
    chance = lines(told, "How improbable")
    assert chance[0].startswith("Less than 1 in 1,000,000,000")
    assert "By its own history alone: about 1 in 10,000,000." in chance[1]
    assert chance[2:] == [
        "An alert is raised below about 1 in 100,000.",
        "Of all entities' hours with any, none had as many.",
    ]
    records = lines(told, "Records")
    assert records[:2] == ["a.ipfix", "  at 0"]
    assert records[-1] == "and 2 more in the alert"
    assert lines(told, "What speaks") == ["no answer of the resource was seen"]


def test_a_count_that_was_held_against_earlier_days_or_a_wave_says_so_with_both_numbers() -> None:
    """Else the range of 99 in 100 hours, and the chance, look wrong beside the mean and the own model's chance."""
    more = {"came_before": {"days": 5, "at_least": 300}, "improbability_as_all_rose": 1e-6}
    told = explain(alert("network.ssh_incoming_multiple", evidence=COUNTED | more))
    assert (
        "On 5 earlier days the largest hour came to 300 or more here; the count is held against those too."
        in lines(told, "What is usual")
    )
    assert "With as many more as all saw in this hour: about 1 in 1,000,000." in lines(told, "How improbable")


def test_what_was_judged_by_all_others_is_called_no_rule() -> None:
    evidence = {
        "vaults_in_24_hours": 18, "judged_by": "the organisation's history", "improbability": None,
        "learned_since": "2026-03-03T10:00:00Z", "share_of_hours_with_as_many_vaults": 0.004,
        "usual": {"most_in_24_hours_before": 13},
    }  # fmt: skip
    told = explain(alert("key_vault.high_vault_access_volume", evidence=evidence))
    assert lines(told, "What is usual") == ["In 24 hours up to about 13 different vaults until now."]
    assert lines(told, "Since when") == ["Learned since 2026-03-03 10:00 UTC, 14 days before this hour."]
    assert lines(told, "How improbable") == [
        "Its own history is too short or too unsteady to judge by: it is held against that of all others.",
        "Of all entities' hours with any, 0.40% had as many.",
    ]


@pytest.mark.parametrize(
    ("type_", "evidence", "told"),
    [
        (
            "network.ssh_incoming",
            {"threshold": 2e-6},
            "That limit is what an alert budget of 5 a day leaves it.",
        ),
        (
            "key_vault.unusual_user",
            {"share_of_hours_as_improbable": 0.0005, "share_limit": 0.0025},
            (
                "Something as improbable as this is found in about 1 in 2,000 of the hours judged; an alert budget of "
                "5 a day leaves room for about 1 in 400."
            ),
        ),
        (
            "key_vault.unusual_user",
            {"share_of_hours_as_improbable": 0.0005, "share_limit": 1.0},
            (
                "Something as improbable as this is found in about 1 in 2,000 of the hours judged; an alert budget of "
                "5 a day has room for all that is found."
            ),
        ),
    ],
)
def test_what_an_alert_budget_has_to_do_with_it_is_said(
    type_: str, evidence: dict[str, Any], told: str
) -> None:
    said = {"improbability": 1e-7, **evidence}
    assert told not in lines(explain(alert(type_, evidence=said)), "How improbable")
    assert told in lines(explain(alert(type_, evidence={**said, "alert_budget": 5.0})), "How improbable")


def test_a_rule_is_not_said_to_be_learned_and_what_is_not_known_is_said() -> None:
    told = explain(alert("key_vault.tor_access", evidence={"improbability": None}))
    assert lines(told, "How improbable") == ["Not a matter of chance: a rule."]
    assert lines(told, "Since when") == ["The evidence does not say."]
    assert lines(told, "Records") == ["The evidence names none."]
    new = explain(alert("management.powershell"))
    assert lines(new, "How improbable") == ["It is new to what was learned; no chance is given."]


def test_other_alerts_of_the_entity_and_the_incident_are_named_once_and_withdrawn_ones_are_not() -> None:
    mine = alert(incident="i")
    others = [
        mine,
        alert(id_="b2", incident="i", entity=Entity("vault", "/v")),
        alert(id_="c3", entity=Entity("resource", "/VM/ONE")),
        alert(id_="d4", entity=Entity("vault", "/vm/one")),
        alert(id_="e5", incident="i", withdrawn="no longer"),
        *(alert(id_=f"f{n}", incident="i") for n in range(11)),
    ]
    told = explain(mine, others)
    incident, entity = lines(told, "Other alerts of the same incident"), told[-1].lines
    assert len(incident) == 11
    assert incident[-1] == "and 2 more"
    assert [line[-4:] for line in entity] == ["(c3)"]
    alone = explain(mine, [mine])
    assert lines(alone, "Other alerts of the same incident") == ["None in this file."]


def test_a_picture_shows_what_was_seen_against_the_usual_range_and_the_neighbours() -> None:
    (counts,) = picture(alert(evidence=COUNTED)).panels
    assert isinstance(counts, Bars)
    assert [(bar.value, bar.mark) for bar in counts.bars] == [
        (1_181, "seen"), (2.38, "usual"), (10, "limit"), (2.98, "other"),
    ]  # fmt: skip


def test_a_picture_shows_the_new_one_among_those_known_and_places_on_a_time_line() -> None:
    usual = {"most_seen": [{"id": "uma", "days": 9.0}, {"id": "kim", "days": 3.0}]}
    known, _ = picture(
        alert("key_vault.unusual_user", evidence={"new": [{"name": "eve"}], "usual": usual, **COUNTED_RECORD})
    ).panels
    assert isinstance(known, Bars)
    assert [(bar.label, bar.mark) for bar in known.bars] == [
        ("new: eve", "new"), ("uma", "usual"), ("kim", "usual"),
    ]  # fmt: skip
    place = {"address": "192.0.2.1", "country": "DE", "time": TIME, "usual_here": True}
    there = {"address": "192.0.2.2", "country": "BR", "time": "2026-03-17T10:31:00Z", "usual_here": False}
    told = {"from_place": place, "to_place": there, "km": 9830.0, "minutes": 26.0}
    (places,) = picture(alert("management.impossible_travel", evidence=told)).panels
    assert isinstance(places, Lanes)
    assert [(point.lane, point.mark) for point in places.points] == [
        ("DE 192.0.2.1", "usual"), ("BR 192.0.2.2", "new"),
    ]  # fmt: skip
    assert places.joined == "9,830 km, 26 minutes"


COUNTED_RECORD = {"records": [{"source": "a.json", "offset": 1, "time": TIME, "operation": "SecretGet"}]}


def test_who_sees_no_picture_hears_the_same_from_its_description() -> None:
    svg = draw(picture(alert(evidence=COUNTED)), "svg")
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    ids = {node.get("id"): "".join(node.itertext()) for node in root if node.get("id")}
    title, about = (ids[name] for name in (root.get("aria-labelledby") or "").split())
    assert title == CATALOGUE["network.ssh_incoming"].title
    assert "seen 1,181; usual here 2.38" in about


def test_marks_differ_without_colour() -> None:
    from alerts.explaining_drawing import COLOURS, HATCHES

    def look(mark: Any) -> tuple[str, int]:
        red, green, blue = (int(COLOURS[mark][at : at + 2], 16) for at in (1, 3, 5))
        return HATCHES[mark], round((0.299 * red + 0.587 * green + 0.114 * blue) / 64)

    assert len({look(mark) for mark in ("seen", "usual", "limit", "other")}) == 4


def hostile(type_: str) -> Alert:
    """Every name in it is long, and wants to be more than a name."""
    row = {"source": HOSTILE, "offset": 10**40, "time": TIME, "operation": HOSTILE, "count": 2}
    peer = {
        "address": HOSTILE,
        "country": HOSTILE,
        "connections": 1e300,
        "first_seen": TIME,
        "last_seen": TIME,
    }
    place = {"country": HOSTILE, "address": HOSTILE, "time": TIME, "usual_here": False}
    evidence = {
        **COUNTED, "seen": 1e300, "service": HOSTILE, "who": HOSTILE, "records": [row] * 3,
        "operations": {HOSTILE: 1}, "top_peers": [peer] * 3, "addresses": [place], "new": [{"name": HOSTILE}],
        "usual_clients": {HOSTILE: 0.5}, "usual_hours": {HOSTILE: 5.0}, "countries": [HOSTILE],
        "shares": {HOSTILE: {"seen": 0.5, "usual": 0.1}}, "from_place": place, "to_place": place, "km": 1e9,
        "vaults": [{"vault": HOSTILE, "first": TIME, "never_before": True}], "vaults_in_24_hours": 9,
        "roles": [{"role_name": HOSTILE, "made_at": TIME, "given_at": TIME}], "never_before": 3,
        "usual": {"most_seen": [{"id": HOSTILE, "days": 2.0}], "most_in_24_hours_before": HOSTILE},
    }  # fmt: skip
    return alert(
        type_, evidence=evidence, title=HOSTILE, description=HOSTILE, entity=Entity("vault", HOSTILE)
    )


@pytest.mark.parametrize("type_", CATALOGUE)
def test_hostile_names_are_names_and_no_text_runs_out_of_the_picture(type_: str) -> None:
    bad = hostile(type_)
    for section in explain(bad, [bad]):
        assert all(line.isprintable() for line in section.lines)
    shown = picture(bad)
    root = ElementTree.fromstring(draw(shown, "svg"))
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    figure = figure_of(shown)
    renderer = figure.canvas.get_renderer()
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    texts += [label for axes in figure.axes for label in axes.get_xticklabels()]
    for text in texts:
        box = text.get_window_extent(renderer)
        assert figure.bbox.x0 <= box.x0, text.get_text()[:40]
        assert box.x1 <= figure.bbox.x1, text.get_text()[:40]


def test_the_same_picture_is_the_same_file() -> None:
    shown = picture(alert(evidence=COUNTED))
    assert draw(shown, "svg") == draw(shown, "svg")
    assert draw(shown, "png").startswith(b"\x89PNG")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([TIME, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["usual", "time", "first", "seen", "days", "id", "name", "offset", "source", "country"]), inner, max_size=4),
    max_leaves=6,
)  # fmt: skip
KEYS = sorted(
    {*hostile("key_vault.tor_access").evidence, "idle_days", "usual_pause_days", "operations_in_hour",
     "distinct_secrets", "most_by_anyone_before", "known_since"}
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(CATALOGUE)), st.dictionaries(st.sampled_from(KEYS), values, max_size=8))
def test_no_evidence_breaks_an_explanation_or_what_its_picture_shows(type_: str, evidence: Any) -> None:
    odd = alert(type_, evidence=evidence)
    assert len(explain(odd, [odd])) == 8
    assert msgspec.to_builtins(described(picture(odd))).startswith(CATALOGUE[type_].title)
