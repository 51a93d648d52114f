"""Rows as a table and as a picture, and two records beside each other."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.record import Change, Record, Row, machine_lines


def number(value: float | None) -> str:
    """As many digits as a person wants.

    >>> number(1234567.0), number(3.14159), number(0.0421), number(0.0), number(None)
    ('1,230,000', '3.14', '0.0421', '0', '-')
    """
    if value is None:
        return "-"
    if value == 0:
        return "0"
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def goal(row: Row) -> str:
    """The goal, and whether it is met."""
    if row.goal is None:
        return ""
    bound = f"{'≤' if row.at_most else '≥'} {number(row.goal)}"
    return bound if row.met is None else f"{bound}, {'met' if row.met else 'not met'}"


def table(record: Record, console: Console) -> None:
    """All rows, a table for each benchmark, and what they were measured on."""
    for benchmark in dict.fromkeys(row.benchmark for row in record.rows):
        shown = _empty(benchmark, ("case", "what", "value", "goal", "note"), "value")
        before = ""
        for row in record.rows:
            if row.benchmark == benchmark:
                case = row.case if row.case != before else ""
                shown.add_row(case, row.metric, f"{number(row.value)} {row.unit}", goal(row), row.note)
                before = row.case
        console.print(shown, markup=False, highlight=False)
    for line in machine_lines(record.machine):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def comparison(old: Record, new: Record, changes: list[Change], console: Console) -> None:
    """Every figure then and now, both machines named."""
    names = ("case", "what", "old", "new", "unit", "new / old")
    for benchmark in dict.fromkeys(change.key[0] for change in changes):
        shown = _empty(f"{benchmark}, old and new", names, "old", "new", "new / old")
        for change in changes:
            if change.key[0] == benchmark:
                figures = (number(change.old), number(change.new), change.unit, number(change.ratio))
                shown.add_row(*change.key[1:], *figures)
        console.print(shown, markup=False, highlight=False)
    for name, record in (("old", old), ("new", new)):
        told = f"{name}: " + " | ".join(machine_lines(record.machine))
        console.print(told, highlight=False, markup=False, soft_wrap=True)
    if any(old.machine.get(name) != new.machine.get(name) for name in ("cpu", "cores")):
        console.print("The machines differ: only the ratios within each run can be compared.")


def _empty(title: str, names: tuple[str, ...], *right: str) -> Table:
    """A table of those columns; what is wider than the terminal is broken in the words, not in the figures."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in names:
        made.add_column(name, justify="right" if name in right else "left", no_wrap=name in right)
    return made


# The picture


def picture(record: Record, path: Path) -> str:
    """Bars, one panel for each unit. Gives why there is none, or ''."""
    try:
        import matplotlib as mpl
    except ImportError:
        return "no picture: matplotlib is not installed"
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "redshank"  # the same picture is the same file
    import matplotlib.pyplot as plt

    units = dict.fromkeys(row.unit for row in record.rows if row.value is not None)
    if not units:
        return f"no picture of {path.stem}: nothing was measured"
    panels = {unit: [row for row in record.rows if row.unit == unit and row.value] for unit in units}
    panels = {unit: rows for unit, rows in panels.items() if rows}
    heights = [len(rows) + 2 for rows in panels.values()]
    figure, axes = plt.subplots(
        len(panels),
        figsize=(10, 0.24 * sum(heights) + 0.8),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    for (unit, rows), one in zip(panels.items(), axes[:, 0], strict=True):
        _panel(one, unit, rows)
    figure.suptitle("\n".join(machine_lines(record.machine)), fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return ""


def _panel(axes: object, unit: str, rows: list[Row]) -> None:
    from typing import Any

    one: Any = axes
    names = [f"{row.case}: {row.metric}" for row in rows]
    colours = ["#cc3311" if row.met is False else "#228833" if row.met else "#4477aa" for row in rows]
    places = range(len(rows), 0, -1)
    values = [row.value or 0.0 for row in rows]
    one.barh(places, values, color=colours, height=0.7)
    for place, row in zip(places, rows, strict=True):
        one.text(row.value, place, f" {number(row.value)}", va="center", fontsize=7)
        if row.goal is not None:
            one.plot([row.goal, row.goal], [place - 0.45, place + 0.45], color="black", linewidth=1.4)
    if min(values) > 0 and max(values) > 30 * min(values):
        one.set_xscale("log")
    one.margins(x=0.12)
    one.set_yticks(list(places), names, fontsize=7)
    one.tick_params(labelsize=7)
    one.set_title(f"{unit} (a line: the goal; red: not met)", fontsize=8, loc="left")
    one.spines[["top", "right"]].set_visible(False)
