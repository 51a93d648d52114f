"""What has been seen in a vault before, told once a day, and how often something new turns up there.

A habit's baseline is a `Novelty` whose stream has one token for each key and day, and one token `DAY` for
each day on which the vault was used at all. So its Good-Turing chance of something new (Good, 1953: the share
of what was seen only once) is a chance per day and key, which a busy application does not dilute: where a new
identity comes every day it stays near one half, where nothing changes it sinks as the days go by.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from functools import partial
from typing import Any

from baselines.novelty import Novelty
from detections.declare import Learned, Severity
from detections.key_vault.operations import SIZES, size_of
from detections.passing import Passing, seen_so
from detections.view import Hour, View
from ingest.records import HOUR_US

DAY = "day"
ONLY_DAY = frozenset({DAY})
NEWS = "news "
# A key whose decayed count is below this counts as new again. Once learned it lasts 130 days (half-life 30
# days); once learned slowly, since it was flagged, 30 days: a newcomer makes one alert, not one an hour.
FORGOTTEN = 0.05
# Something new is unusual where the chance of it was below this. Measured on 25 synthetic vaults over 60 days
# (web, nightly and month-end jobs, a new build identity a day): 0.02 leaves vaults of one or two callers
# silent for two months, above 0.1 vaults with a new identity every week begin to alert on each.
RARE = 0.05
NEARLY = 2  # steps of size that count as the same: up to 1.6 times as many as before
SETTLED_HOURS = 7 * 24  # since when something smaller must have been there to excuse a larger number
# What was flagged and comes again within days is told again, lower, on so many of them, and not twice within half
# a day, however usual news has become by then. A job that comes once a week or a month was told when it came first.
AGAIN_DAYS = 3
AGAIN_HOURS = 12, 6 * 24
REPEATED: Severity = "informational"  # two steps lower: what it is joined with may raise it
# For the catalogue, of all that are told again.
TELLS_AGAIN = (
    "What comes again on the next days is told again, two steps lower, on three of them; then, or after six days "
    "without it, it is known. "
)
TOLD_BEFORE = "the same was told on a day before: if it was found to be rightful then, it may be so now"
SLOW_WEIGHT = 0.15  # a day of what was flagged weighs less (`actors.judging.HELD_WEIGHT`), any other one more
LEARNING_DAYS = 14.0
LEARNING_EVENTS = 50
# Who came, or how much it was, on so few days of the first two weeks and not for more than a week since is no habit.
PASSING = Passing(LEARNING_DAYS, few=3, gone_hours=8 * 24)
TELLS_PASSING = (
    "What was there on three days at most of the first two weeks, and comes again after more than a week that is not just "
    "a month, is told once more, two steps lower. "
)


def novelty(half_life_days: float = 30.0) -> Novelty:
    """A table of 2,000 keys: past that the least seen are forgotten."""
    return Novelty(limit=2000, half_life_days=half_life_days)


def untold(model: Any, keys: Set[str], hour: int) -> set[str]:
    """Those keys that were not told on this day (UTC) already."""
    midnight = hour - hour % 24
    fresh: set[str] = model.unseen(keys, midnight, midnight + 23)
    return fresh


def strange(model: Any, keys: Set[str], hour: int) -> set[str]:
    """Those keys that are new (`is_new`); of those told today none is: even one learned slowly lasts longer."""
    fresh = untold(model, keys, hour)
    return set(model.faint(fresh, FORGOTTEN, hour)) if fresh else fresh


def strange_again(model: Any, keys: Set[str], hour: int) -> set[str]:
    """Those keys that are new, or to be told again."""
    fresh = untold(model, keys, hour)
    few = model.faint(fresh, SLOW_WEIGHT * AGAIN_DAYS, hour) if fresh else ()
    return {key for key in few if is_new(model, key, hour) or again(model, key, hour)}


def once_a_day(hour: Hour, baseline: str, keys: Collection[str], news: bool = True) -> list[dict[str, Any]]:
    """The observations of an hour: keys that this day has not told yet.

    `news`: with a token for each key that is unusual news. What was flagged is learned at a tenth of its
    weight, so without these tokens the chance of news would fall with each newcomer that was flagged, and a
    vault where new ones have begun to come every week would never get used to it. They make it so after four
    or five in a month.
    """
    model = hour.models.get(baseline)
    told = {DAY, *keys} if keys else ONLY_DAY
    if model is None:
        return [{"key": key} for key in sorted(told)]
    fresh = untold(model, told, hour.hour)
    if not fresh:
        return []
    if news and mature(hour):
        new = strange(model, fresh, hour.hour)
        if new and chance(model, hour.hour) < RARE:
            fresh |= untold(model, {NEWS + key for key in new} - told, hour.hour)
    return [{"key": key} for key in sorted(fresh)]


def known_keys(model: Any, hour: int) -> list[tuple[str, float]]:
    """The keys that are not forgotten with their weights, the heaviest first, without the two kinds of token."""
    known = model.top(2000, hour)
    return [(k, w) for k, w in known if w >= FORGOTTEN and k != DAY and not k.startswith(NEWS)]


def is_new(model: Any, key: str, hour: int) -> bool:
    """Whether the key was never seen, or so long ago that it is forgotten."""
    return bool(model.weight(key, hour) < FORGOTTEN)


def chance(model: Any, hour: int) -> float:
    """Chance that the next token is something new."""
    return float(model.chance_new(hour))


def told_days(model: Any, key: str, hour: int) -> int:
    """On how many days a key was seen that is known by what was flagged alone; 0 for any other one."""
    last = model.last_hour(key)
    if last is None or is_new(model, key, hour):
        return 0
    times = int(model.times(key))
    return times if model.weight(key, last) < SLOW_WEIGHT * times else 0


def again(model: Any, key: str, hour: int) -> bool:
    """Whether a key was flagged on few days, the last of them lately and not just now: it is to be told again."""
    days, ago = told_days(model, key, hour), hour - (model.last_hour(key) or 0)
    return 1 <= days <= AGAIN_DAYS and AGAIN_HOURS[0] <= ago <= AGAIN_HOURS[1]


def young(view: View, model: Any, key: str) -> bool:
    """Whether a key was first seen in the last week of learning, and comes for the first time since."""
    last, first = model.last_hour(key), model.first_hour(key)
    if last is None or view.hour - first >= SETTLED_HOURS or not mature(view):
        return False
    return bool(last - view.since_us // HOUR_US < LEARNING_DAYS * 24)


def size_key(what: str, number: int) -> str:
    """The key under which a number is remembered: its step, not itself."""
    return f"{what}|{size_of(number)}"


def nearly_before(
    view: View, model: Any, what: str, number: int, least: float = 0.0, passing: Passing = PASSING
) -> bool:
    """Whether about as many of it, or more, were seen before, with more than a decayed weight in all.

    What is to be told again does not count, nor what was seen in passing. Smaller numbers count if they have been
    there for a week: whoever takes a little more each day does not make it usual.
    """
    size = size_of(number)
    known = 0.0
    for step in range(max(0, size - NEARLY), len(SIZES)):
        key = f"{what}|{step}"
        if _excuses(view, model, key, settled=step < size, passing=passing):
            known += model.weight(key, view.hour)
    return known > least


def told_nearly(view: View, model: Any, what: str, number: int, passing: Passing = PASSING) -> str:
    """Why about as many of it, which were seen before, are told all the same; '' where they were not seen."""
    low = max(0, size_of(number) - NEARLY)
    keys = [key for step in range(low, len(SIZES)) if model.known(key := f"{what}|{step}")]
    if any(again(model, key, view.hour) for key in keys):
        return TOLD_BEFORE
    passed = [key for key in keys if passing.holds(view, model, key)]
    return seen_so(model, passed[0], "about as many were seen", "day") if passed else ""


def _excuses(view: View, model: Any, key: str, *, settled: bool, passing: Passing = PASSING) -> bool:
    first = model.first_hour(key)
    if first is None or (settled and view.hour - first < SETTLED_HOURS):
        return False
    return not again(model, key, view.hour) and not passing.holds(view, model, key)


def largest_steps(view: View, model: Any) -> dict[str, int]:
    """The largest step that the past excuses of each thing that was ever seen, for one with many things to ask."""
    steps: dict[str, int] = {}
    for key in model.all_keys():
        what, _, step = key.rpartition("|")
        if not what or not _excuses(view, model, key, settled=False):
            continue
        excused = int(step) + (NEARLY if _excuses(view, model, key, settled=True) else 0)
        steps[what] = max(steps.get(what, -1), excused)
    return steps


def largest_before(model: Any, what: str) -> int:
    """The largest number of it that was seen before (its step's lower end); 0: never 5 or more."""
    steps = [size for step, size in enumerate(SIZES) if model.known(f"{what}|{step}")]
    return steps[-1] if steps else 0


def mature(view: View, days: float = LEARNING_DAYS, events: int = LEARNING_EVENTS) -> bool:
    """For detections that work from the first minute with less to go by: is there a history to judge by?"""
    days = float(view.parameters.get("learning_days", days))
    return view.days_learned >= days and view.events_before >= events


def habit(name: str, observe: Callable[[Hour], Collection[str]], news: bool = True) -> Learned:
    """The declaration of a habit's baseline: `observe(hour)` gives keys."""
    return Learned(name, novelty, partial(_observe, name, observe, news))


def _observe(
    name: str, observe: Callable[[Hour], Collection[str]], news: bool, hour: Hour
) -> list[dict[str, Any]]:
    return once_a_day(hour, name, observe(hour), news)
