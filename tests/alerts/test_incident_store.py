"""A store knows what became of an incident's id: it stands in tickets, mails and alerts that were told before."""

from __future__ import annotations

from pathlib import Path

from alerts.store.incidents import ids, latest_id, one_incident, starting
from alerts.store.regions import Stores
from alerts.store.store import AlertStore
from alerts.work import Filter
from tests.alerts.test_alert_store import NOW, alert

A, B, C = "20260317T100000Z-aa", "20260317T110000Z-bb", "20260317T120000Z-cc"


def of(store: AlertStore, incident: str) -> list[str]:
    return [row.alert.id for row in store.page(Filter(incident=incident, order="oldest")).alerts]


def test_an_alert_that_joins_two_incidents_moves_what_is_there_and_what_still_comes(
    store: AlertStore,
) -> None:
    store.write([alert("aa11", incident=A), alert("bb11", incident=B)], NOW)
    store.write([alert("aa22", incident=A, joins=(B,))], NOW)
    store.write([alert("bb22", incident=B)], NOW)  # told again after a death, under the id of then
    assert of(store, A) == ["aa11", "aa22", "bb11", "bb22"]
    assert {row.alert.incident for row in store.page(Filter()).alerts} == {A}
    assert (latest_id([store], B), latest_id([store], A), latest_id([store], "x")) == (A, A, "x")
    whole = one_incident([store], B)
    assert whole is not None
    assert (whole.incident.id, whole.incident.was, whole.left) == (A, [B], 0)
    assert ids([store], None, None) == [A]
    assert starting([store], "20260317T11") == [A]
    assert one_incident([store], "nothing") is None


def test_a_chain_of_joins_leads_to_its_end_in_whatever_order_it_is_told(store: AlertStore) -> None:
    store.write([alert("cc11", incident=C), alert("cc22", incident=B, joins=(C,))], NOW)
    store.write([alert("cc33", incident=A, joins=(B,))], NOW)
    store.write([alert("cc22", incident=B, joins=(C,))], NOW)  # written again
    assert latest_id([store], C) == latest_id([store], B) == A
    assert of(store, A) == ["cc11", "cc22", "cc33"]


def test_an_id_that_leads_nowhere_any_more_is_forgotten(store: AlertStore) -> None:
    store.write([alert("aa22", incident=A, joins=(B,))], NOW)
    store.forget("2030-01-01T00:00:00Z")
    assert latest_id([store], B) == B


def test_alerts_of_an_incident_in_another_regions_store_move_too(tmp_path: Path) -> None:
    url, other = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/west.db"
    stores = Stores([url, other], lambda region: other if region == "westeurope" else url)
    stores.write([alert("bb11", incident=B, region="westeurope")], NOW)
    stores.write([alert("aa22", incident=A, joins=(B,))], NOW)
    whole = one_incident(stores.all(), A)
    assert whole is not None
    assert whole.incident.alerts == ["aa22", "bb11"]


def test_a_page_of_incidents_is_the_newest_of_a_span_and_leaves_out_what_is_hidden(store: AlertStore) -> None:
    gone = alert("dd11", incident="20260317T100000Z-dd", withdrawn="no longer")
    times = {"incident": B, "start": "2026-03-18T10:00:00Z"}
    store.write([alert("aa11", incident=A), alert("bb11", **times), gone, alert("ee11", incident="")], NOW)
    assert ids([store], None, None) == [B, A]
    assert ids([store], None, None, 1) == [B]
    assert ids([store], "2026-03-18", None) == [B]
    assert ids([store], None, "2026-03-18") == [A]
