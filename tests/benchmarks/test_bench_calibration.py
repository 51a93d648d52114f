"""The published calibration is what baselines said before they learned, and what was seen then."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.judging import Judge
from actors.organisation import OrganisationView
from baselines import Novelty
from benchmarks.calibration import Judgements, Row, _judge, draw, table, verdicts, watched


class Known:
    """An organisation in which every second hour is as unusual."""

    def chance(self, baseline: str, score: float, count: int | None = None) -> float:
        """What is measured."""
        assert baseline
        return 0.5 if score > 3.5 else 0.0


def test_a_count_is_counted_by_its_model_and_as_it_would_be_stated() -> None:
    judgements = Judgements()
    for chance in (0.5, 0.005, 0.00005):
        judgements.wait("ssh.in.peers", 0.2, chance)
    assert judgements.rows["ssh.in.peers", "sparse", 1].judged == 0, (
        "what is stated is known at the hour's close"
    )
    organisation: Any = Known()
    judgements.close(organisation)
    row = judgements.rows["ssh.in.peers", "sparse", 1]
    assert (row.judged, row.own, row.stated) == (3, [2, 1, 1], [1, 0, 0])
    judgements.close(organisation)
    assert row.judged == 3, "each is counted once"


def test_novelty_is_held_against_what_it_let_expect() -> None:
    model, judgements = Novelty(), Judgements()
    for hour in range(400):
        model.learn_one({"key": "a", "hour": hour})
    view, learned = (
        SimpleNamespace(models={"vault_users": model, "vault_grants": model}, hour=400),
        SimpleNamespace(name="vault_users", counts=False, measured=False),
    )
    for key in ("a", "b", "news b"):
        _judge(judgements, learned, view, {"key": key})
    learned.name = "vault_grants"
    _judge(judgements, learned, view, {"key": "b"})
    assert len(judgements.rows) == 1, "nobody states the chance of a new grant"
    row = judgements.rows["vault_users", "sparse", 1]
    assert row.judged == 2, "a token that only says that there was news is no observation"
    assert row.own[0] == 1
    assert row.expected is not None
    assert row.expected[0] == pytest.approx(2 * model.chance_new(400))


def test_the_product_is_as_before_once_it_was_watched() -> None:
    before = Judge._teach, OrganisationView.close_population
    with watched(Judgements()):
        assert Judge._teach is not before[0]
    assert (Judge._teach, OrganisationView.close_population) == before


def test_the_table_and_the_picture_are_of_the_rows(tmp_path: Path) -> None:
    rows = {
        ("a", "busy", 1): Row(2_000, [20, 4, 0], [10, 2, 0]),
        ("b", "sparse", 10): Row(100, [1, 0, 0], None, [2.0, 0.0, 0.0]),
    }
    first, second = table(rows).splitlines()[2:]
    assert first.split()[-6:] == ["1.0e-02", "2.0e-03", "0", "5.0e-03", "1.0e-03", "0"]
    assert second.split()[-6:] == ["1.0e-02", "0", "0", "2.0e-02", "0", "0"]
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        draw(rows, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_what_comes_more_than_three_times_as_often_is_called_so_and_few_hours_are_called_few() -> None:
    """Else the table would call chances true that are not, or that nobody can know."""
    rows = {
        ("a", "busy", 1): Row(20_000, [0, 0, 0], [200, 70, 7]),
        ("b", "sparse", 10): Row(1_000, [40, 0, 0], None, [30.0, 0.5, 0.0]),
    }
    first, second = verdicts(rows).splitlines()[1:]
    assert first.split("1 ", 1)[1].split() == ["yes", "(1.0)", "no", "(3.5)", "few"]
    assert second.split("10 ", 1)[1].split() == ["yes", "(1.3)", "few", "few"]
