"""What tests of alert budgets share."""

from __future__ import annotations

import pytest


@pytest.fixture
def few_hours_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer entity-hours than in the product are enough to go by."""
    monkeypatch.setattr("actors.judged.ENOUGH", 50)
    monkeypatch.setattr("actors.judged.ENOUGH_DAYS", 2)
    monkeypatch.setattr("baselines.surprise.ENOUGH", 50)
