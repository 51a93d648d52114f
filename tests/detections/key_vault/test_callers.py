"""Who a caller is, and which callers are nobody's concern."""

from __future__ import annotations

import itertools

import pytest

from detections.key_vault.callers import FIRST_PARTY, Caller, caller_of, expected, who
from detections.key_vault.operations import SIZES, grantees, is_policy_change, size_of
from ingest.records import Event
from tests.detections.key_vault.histories import PORTAL, RESOURCE_GRAPH, event, grant, person


@pytest.mark.parametrize(
    ("one", "caller"),
    [
        (person(0, "SecretGet", "Ann"), Caller(PORTAL, "oid-ann")),
        (event(0, "SecretGet", "SP1", application="APP1"), Caller("app1", "")),
        (event(0, "SecretGet", "SP1", application=""), Caller("sp1", "")),
        (event(0, "SecretGet", "ann@contoso.com", kind="", application=""), Caller("", "ann@contoso.com")),
        (event(0, "SecretGet", "oid-1", kind="", application=PORTAL), Caller(PORTAL, "oid-1")),
        (event(0, "SecretGet", "oid-1", kind="", application="app1"), Caller("app1", "")),
        (event(0, "SecretGet", "", kind="", application=""), Caller("", "")),
    ],
)
def test_a_caller_is_the_same_however_the_log_names_it(one: Event, caller: Caller) -> None:
    assert caller_of(one) == caller
    assert who(one) == (caller.user or caller.application)


def test_a_service_of_microsofts_is_expected_only_in_what_it_does() -> None:
    assert expected(event(0, "VaultGet", "arg", application=RESOURCE_GRAPH.upper()))
    assert not expected(event(0, "SecretGet", "arg", application=RESOURCE_GRAPH))
    assert not expected(person(0, "VaultGet", "ann", application=RESOURCE_GRAPH))
    assert all(id_ == id_.lower() for id_ in FIRST_PARTY)


def test_a_policy_change_is_seen_in_both_logs_and_names_who_was_given_rights() -> None:
    assert is_policy_change(event(0, "VaultPatch", "sp"))
    assert is_policy_change(grant(0, "ann", "SP-New"))
    assert not is_policy_change(grant(0, "ann", "sp", vault=""))
    assert not is_policy_change(grant(0, "ann", "sp", outcome="denied"))
    assert grantees(grant(0, "ann", "SP-New")) == {"sp-new"}
    assert grantees(grant(0, "ann", "x", details={"grantee": ["A", "B", ""]})) == {"a", "b"}
    assert grantees(event(0, "VaultPut", "sp")) == frozenset()


def test_sizes_rise_by_about_a_quarter_each() -> None:
    assert list(SIZES) == sorted(set(SIZES))
    assert all(a * 1.19 < b < a * 1.35 for a, b in itertools.pairwise(SIZES))
    assert size_of(10**9) == len(SIZES) - 1
