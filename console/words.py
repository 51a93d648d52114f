"""What the console says, in the languages that it knows. The English text is the key; alerts are told in English, and
are said in another language by what their sentences look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alerts.alert import Alert
from alerts.output import plain, told
from console import japanese_incidents
from console.japanese import TEXTS, TITLES
from console.japanese_detections import EXPLANATIONS, STEPS
from console.japanese_evidence import LABELS, YES_NO
from console.japanese_matching import description, phrase, sentence
from detections.declare import Detection

Language = Literal["en", "ja"]
LANGUAGES: dict[Language, str] = {"en": "English", "ja": "日本語"}


@dataclass(frozen=True, slots=True)
class Words:
    """A language."""

    language: Language

    def __call__(self, text: str, **values: object) -> str:
        """The text in this language; values stand where it names them in braces."""
        said = TEXTS.get(text, text) if self.language == "ja" else text
        return said.format(**values) if values else said

    @property
    def _other(self) -> bool:
        return self.language == "ja"

    def said(self, text: str) -> str:
        """A sentence of an explanation, or a name in a picture."""
        return sentence(text) if self._other else text

    def told(self, alert: Alert) -> str:
        """What an alert says."""
        text = plain(told(alert))
        return description(alert.type, text) if self._other else text

    def incident(self, title: str) -> str:
        """An incident's title."""
        return japanese_incidents.title(title) if self._other else title

    def summary(self, text: str) -> str:
        """What an incident is about, in a sentence."""
        return japanese_incidents.summary(text) if self._other else text

    def tale(self, type_: str, text: str) -> str:
        """What a step of an incident's story says."""
        return japanese_incidents.step(type_, text) if self._other else text

    def step(self, text: str) -> str:
        """A step of a remediation."""
        return STEPS.get(text, text) if self._other else text

    def explained(self, detection: Detection) -> str:
        """How a detection judges."""
        text = detection.explanation.strip()
        return EXPLANATIONS.get(detection.type, text) if self._other else text

    def label(self, text: str) -> str:
        """The name of a part of the evidence."""
        return LABELS.get(text.replace(" ", "_"), text) if self._other else text

    def value(self, text: str) -> str:
        """What such a part says."""
        return (YES_NO.get(text) or phrase(text)) if self._other else text


def language_of(chosen: str, accepted: str) -> Language:
    """The one that was chosen, or the first that a browser accepts and we know.

    >>> language_of("", "fr, ja;q=0.8, en;q=0.5"), language_of("en", "ja"), language_of("", "")
    ('ja', 'en', 'en')
    """
    if chosen == "ja":
        return "ja"
    if chosen == "en":
        return "en"
    ranked = sorted(
        (
            (_weight(one), -place, one.partition(";")[0].strip().lower()[:2])
            for place, one in enumerate(accepted.split(",")[:20])
        ),
        reverse=True,
    )
    for _, _, name in ranked:
        if name == "ja":
            return "ja"
        if name == "en":
            return "en"
    return "en"


def _weight(one: str) -> float:
    _, _, said = one.partition("q=")
    try:
        return float(said) if said else 1.0
    except ValueError:
        return 0.0


def title_of(alert: Alert, language: Language) -> str:
    """An alert's title, in this language where we have it."""
    return type_title(alert.type, plain(alert.title), language)


def type_title(type_: str, title: str, language: Language) -> str:
    """An alert's title, where we have it in this language."""
    return TITLES.get(type_, title) if language == "ja" else title
