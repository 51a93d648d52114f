"""Which part of a vault's busy hour was done before by the same callers.

A month-end batch or a quarterly key rotation is rarer than any season a count can learn. So each day's
largest numbers of an operation by a caller are remembered by size, and what a caller does as often as it did
before explains its part of an hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from detections.declare import Finding
from detections.key_vault.callers import who as caller_id
from detections.key_vault.habits import habit, largest_steps, size_key, told_nearly
from detections.key_vault.met import Part, met
from detections.key_vault.operations import SIZES, audited, size_of
from detections.view import Act, Hour

BASELINE = "vault_bursts"


def operations(hour: Hour) -> dict[str, int]:
    """Number of operations by kind; ask by `hour.once(operations)`."""
    return kinds(hour.once(met).parts)


def kinds(parts: Mapping[Part, int]) -> dict[str, int]:
    """Number of operations by kind among some parts."""
    counted: dict[str, int] = {}
    for (_, operation), count in parts.items():
        counted[operation] = counted.get(operation, 0) + count
    return counted


def _observe(hour: Hour) -> list[str]:
    least = SIZES[0]
    return [
        f"{who}|{operation}|{size_of(count)}"  # `size_key`
        for (who, operation), count in hour.once(met).parts.items()
        if count >= least
    ]


def unexplained(hour: Hour) -> dict[Part, int]:
    """The parts of the hour that their callers did not do before, in about that number or a larger one.

    A part that was flagged is unexplained on some more days (`habits.again`).
    """
    excused = largest_steps(hour, hour.models[BASELINE])
    return {
        part: count
        for part, count in hour.once(met).parts.items()
        if excused.get("|".join(part), -1) < max(0, size_of(count))
    }


def told_before(hour: Hour, wanted: Mapping[Part, int]) -> str:
    """Why all large parts, seen before in about that number, are told all the same; '' where one was not seen."""
    model = hour.models[BASELINE]
    big = [(part, count) for part, count in sorted(wanted.items()) if count >= SIZES[0]]
    said = [told_nearly(hour, model, "|".join(part), count) for part, count in big]
    return said[0] if said and all(said) else ""


def acts_of(hour: Hour, wanted: Mapping[Part, int]) -> list[Act]:
    """The acts of those parts, in time order."""
    return [act for act in hour.once(audited) if (caller_id(act.event), act.event.operation) in wanted]


def held_of(wanted: Mapping[Part, int]) -> list[tuple[str, str]]:
    """The baseline's name with the key of each part that is large enough to be remembered."""
    big = [(part, count) for part, count in wanted.items() if count >= SIZES[0]]
    return [(BASELINE, size_key("|".join(part), count)) for part, count in big]


def only_counted(hour: Hour, wanted: Mapping[Part, int], held: Iterable[tuple[str, str]]) -> Finding:
    """The finding of those parts where nobody sees it (`View.brief`): what it holds back, and how much it rests on."""
    count, all_held = sum(wanted.values()), {*held_of(wanted), *held}
    return Finding(
        evidence={}, first_us=hour.start_us, last_us=hour.end_us, count=count, held=tuple(sorted(all_held))
    )


BURSTS = habit(BASELINE, _observe, news=False)
