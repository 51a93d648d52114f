"""What a detection is: frozen data and one pure function.

A detection reads a closed hour of one entity (`Hour`, `TrafficHour` in `detections.view`), compares it with
what was learned of that entity before, and returns a `Finding` or None. It never learns, looks at a
clock or keeps anything: the engine scores first and then learns from the same hour (`actors.shard`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from detections.organisation import Organisation
    from detections.traffic import Traffic
    from ingest.records import Event

Severity = Literal["informational", "low", "medium", "high"]
Owner = Literal["resource", "principal", "vault"]
SEVERITIES: tuple[Severity, ...] = ("informational", "low", "medium", "high")


class Finding(msgspec.Struct, kw_only=True, array_like=True):
    """What a detection saw in one entity's hour. Everything an alert says comes from here."""

    evidence: dict[str, Any]  # JSON values only; times as RFC 3339 text, floats rounded (`detections.words`)
    first_us: int  # first and last record that it rests on
    last_us: int
    count: int  # records (or connections) that it rests on
    improbability: float | None = None  # chance of seeing this or more if nothing were wrong; None: a rule
    denied: bool = False  # the attempt was refused: severity goes one step down
    severity: Severity | None = None  # in place of the declared one ('reading only: low')
    # What joins this with other alerts to an incident, and what the organisation-wide view is asked about.
    principals: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    vaults: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    # (baseline name, key) that must be learned slowly, since it is suspicious ('' = the whole observation).
    held: tuple[tuple[str, str], ...] = ()
    # Who did it: of each its application, '' where a person acts through it, and its principal, in lower case. ()
    # where that is not known of all.
    actors: tuple[tuple[str, str], ...] = ()
    # Mean and dispersion of a count by the entity's own model, for who knows of a reason why all have risen.
    expected: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """A baseline that the engine keeps for each entity, and what an hour tells it.

    `make()` gives a new model (`baselines.Model`). `observe(hour)` gives the observations of that hour as
    dicts, each with `key` ('' if the model has no keys); the engine adds `hour` (hours since 1970) and, for
    seasonal counts, `profile` and `dispersion`, and calls `model.learn_one(observation, w)`.
    Of a count, and of what is `measured` where the observation has a true `judged`, the organisation-wide view is told
    how it surprised the model: so the chance that a detection states can be measured.
    Two detections of one owner that name the same baseline share it: the declarations must be equal.
    """

    name: str
    make: Callable[[], Any]
    observe: Callable[[Any], Iterable[dict[str, Any]]]
    counts: bool = False  # a seasonal count: the organisation's profile and dispersion go with it
    measured: bool = False  # none, and yet its chance is measured over all entities' hours
    # For resources: every resource's count of the hour at once, as (entities, counts above 0); the same counts
    # as `observe` gives. The engine then keeps the models as columns.
    column: Callable[[Traffic], tuple[Any, Any]] | None = None
    common: bool = False  # a count of what comes to all: an hour in which all see more is judged by that
    # A count of what the same crowd sends to all: how large rare hours are is measured over all (`baselines.sizes`).
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class Learning:
    """How long a learned detection stays silent: both must be reached."""

    days: float = 7.0
    events: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the organisation-wide view says of a finding."""

    withheld: str = ""  # a reason: no alert, the finding is kept as withheld
    against: tuple[str, ...] = ()  # what speaks against it, shown with the alert
    evidence: Mapping[str, Any] = field(default_factory=dict)  # added to the finding's evidence
    steps: int = 0  # by which the severity rises, or falls
    principals: tuple[
        str, ...
    ] = ()  # whom it is about beside its own: what they do belongs to the same incident


@dataclass(frozen=True, slots=True)
class AtOnce:
    """How a detection is told while its hour is open (docs/decisions/0008).

    `judge` is shown those records of the hour so far that bear on it: of a control-plane operation only once its
    end says that it was carried out or denied. It returns only what no further record of the hour can take back.
    """

    # Of what was done and who did it, without time and place: whether `judge` must see such records.
    bears: Callable[[Event], bool]
    judge: Callable[[Any], Finding | None]
    # Hours so many before this one, and all earlier ones, must be closed: 1 where models are asked. None: no matter.
    after: int | None = 1
    # Asked beside `confirm`: whether that can't withhold the finding, of that hour, at its close.
    sure: Callable[[Finding, int, Organisation], bool] | None = None


@dataclass(frozen=True, slots=True)
class Stated:
    """How the chance is come by that a detection's findings state (`Finding.improbability`).

    It is what an alert budget needs to know. Such a detection has neither `at_once` nor `windowless`: what the budget
    lets through is known at the hour's close.
    """

    baseline: str = ""  # measured over the entity-hours of that baseline, a count or `measured`; '': by the entity's own model
    most: float = 1.0  # measured: the threshold without a budget, which is the highest with one


@dataclass(frozen=True, slots=True)
class Detection:
    """One detection of the catalogue. `type` is 'layer.name', and its file is detections/layer/name.py."""

    type: str
    microsoft: str  # the id of the alert in Microsoft's product today
    owner: Owner
    severity: Severity
    title: str
    description: str  # str.format template over `title`-level fields: {entity} and the evidence's keys
    explanation: str  # for the catalogue: what it looks for, how it judges, what it can't see
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    remediation: tuple[str, ...]
    judge: Callable[[Any], Finding | None]
    # For resources: of which entities (rising) `judge` would give a finding. It spares the others' views;
    # without it every resource is judged by itself.
    suspects: Callable[[Traffic], Any] | None = None
    holds: tuple[
        tuple[str, str], ...
    ] = ()  # with `suspects`: what each of its findings holds (`Finding.held`)
    # For principals and vaults: operations, lower case or as the vault's log has them, without any of which in the hour and
    # in the one before `judge` gives no finding. It spares asking it; without them it is asked of every hour.
    only_with: frozenset[str] = frozenset()
    baselines: tuple[Learned, ...] = ()
    learning: Learning | None = None  # None: works from the first minute
    confirm: Callable[[Finding, Organisation], Verdict] | None = None  # asked at the hour's close
    stated: Stated | None = None  # None: a rule, which no alert budget bears on
    address_rule: bool = False  # network: only for a resource that held the address for the whole hour
    at_once: AtOnce | None = None  # told while the hour is open, when streaming; None: with the hour's close
    windowless: bool = False  # can be judged on a single record: late records are still checked
    # A principal's detection whose alert tells the whole where its principals have one in the same hour: one step lower.
    part_of: str = ""
    # It doubts that the caller is who they say: a sign-in with a second factor from the same place makes it less grave.
    vouched_for: bool = False
    cloud_app_security: bool = False  # one of the three that [integrations] switches off

    @property
    def layer(self) -> str:
        """The first part of the type: network, management or key_vault."""
        return self.type.split(".", 1)[0]
