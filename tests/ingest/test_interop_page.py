"""The page on exporters that are understood is true: who chooses an exporter by it must not be led astray."""

from __future__ import annotations

from tests.data import shared
from tests.ingest import interop


def test_the_page_says_what_comes_out_now() -> None:
    shared("flows")
    assert interop.PAGE.read_text() == interop.page(), "make it anew: python -m tests.ingest.interop"


def test_whatever_is_not_equal_has_its_reason_and_no_reason_is_out_of_date() -> None:
    unequal = {case.exporter: case.result for case in interop.cases() if "differ" in case.result}
    assert unequal.keys() == interop.REASONS.keys()
    for exporter, result in unequal.items():
        assert result.endswith(interop.REASONS[exporter])


def test_of_what_logstash_and_telegraf_read_nearly_all_is_compared_and_equal() -> None:
    results = [case.result for case in interop.cases() if case.version != "sFlow"]
    assert len(results) > 65
    assert results.count(interop.EQUAL) >= 47
    assert not [one for one in results if "expected" in one and not one.startswith(interop.NOTHING)]
