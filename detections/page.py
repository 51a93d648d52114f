"""The catalogue as text: for the terminal and for docs/detections.md, from one source."""

from __future__ import annotations

from collections.abc import Iterator

from detections.catalogue import CATALOGUE
from detections.declare import Detection

LAYERS = {"network": "Network", "management": "Management", "key_vault": "Key Vault"}
_OWNERS = {"resource": "a resource", "principal": "a principal", "vault": "a vault"}


def learning_text(detection: Detection) -> str:
    """The learning period in words."""
    if detection.learning is None:
        return "none: works from the first minute"
    text = f"{detection.learning.days:g} days"
    return f"{text} and {detection.learning.events:,} records" if detection.learning.events else text


def when_text(detection: Detection) -> str:
    """When the alert comes."""
    return "at once, completed at the hour's close" if detection.at_once else "at the hour's close"


def facts(detection: Detection) -> Iterator[tuple[str, str]]:
    """What a page says of a detection, beside its texts."""
    yield "Severity", detection.severity
    yield "Judges", f"each hour of {_OWNERS[detection.owner]}"
    yield "Learning period", learning_text(detection)
    yield "Alert", when_text(detection)
    yield "Tactics", ", ".join(detection.tactics)
    yield "Techniques", ", ".join(detection.techniques)
    yield "Baselines", ", ".join(learned.name for learned in detection.baselines) or "none"
    yield "Microsoft's alert", detection.microsoft


def text(detection: Detection) -> str:
    """One detection for the terminal."""
    lines = [detection.type, detection.title, "", detection.explanation.strip(), ""]
    lines += [f"{name + ':':<19}{value}" for name, value in facts(detection)]
    lines += ["", "Steps to take:"]
    lines += [f"  {number}. {step}" for number, step in enumerate(detection.remediation, 1)]
    return "\n".join(lines)


def markdown() -> str:
    """All detections as one page."""
    parts = [
        "# The detections",
        "",
        "Made from the catalogue by `make docs`; do not edit. `redshank catalogue TYPE` shows the same in a terminal.",
        "",
    ]
    for layer, name in LAYERS.items():
        chosen = [d for d in CATALOGUE.values() if d.layer == layer]
        parts += [f"## {name}", "", "| type | severity | learning | title |", "|---|---|---|---|"]
        parts += [
            f"| [`{d.type}`](#{_anchor(d)}) | {d.severity} | {learning_text(d)} | {d.title} |" for d in chosen
        ]
        parts.append("")
        for detection in chosen:
            parts += list(_section(detection))
    return "\n".join(parts).rstrip() + "\n"


def _section(detection: Detection) -> Iterator[str]:
    yield from (f"### {detection.type}", "", f"**{detection.title}**", "", detection.explanation.strip(), "")
    yield from ("| | |", "|---|---|")
    yield from (f"| {name} | {value} |" for name, value in facts(detection))
    yield from ("", "Steps to take:", "")
    yield from (f"{number}. {step}" for number, step in enumerate(detection.remediation, 1))
    yield ""


def _anchor(detection: Detection) -> str:
    return detection.type.replace(".", "")


if __name__ == "__main__":
    import sys
    from pathlib import Path

    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
