"""`[expected]`: what is declared is meant exactly so, or refused with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.config import ConfigurationError, load
from cluster.detect import settings_of
from detections.catalogue import CATALOGUE
from detections.expected import SHIPPED, Actor

BACKUP = "262044b1-e2ce-469f-a196-69ab7ada62d3"


def read(folder: Path, text: str) -> tuple[Actor, ...]:
    path = folder / "redshank.toml"
    path.write_text(text)
    return settings_of(load(path, frozenset(CATALOGUE)), 1, None).expected


def test_what_is_declared_comes_beside_the_list_that_ships_or_in_its_place(tmp_path: Path) -> None:
    assert read(tmp_path, "") == SHIPPED
    assert read(tmp_path, "[expected]\nshipped = false") == ()
    text = f"""
[[expected.actors]]
application = "{BACKUP.upper()}"
name = "Our backup"
detections = ["key_vault.list_and_query"]
[[expected.actors]]
network = "10.0.9.0/24"
name = "Scanner"
reason = "scans the estate"
"""
    own, scanner, *shipped = read(tmp_path, text)
    assert own == Actor("application", BACKUP, "Our backup", "", ("key_vault.list_and_query",))
    assert scanner == Actor("network", "10.0.9.0/24", "Scanner", "scans the estate")
    assert shipped == [one for one in SHIPPED if one.id != BACKUP]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('application = "backup"', "expected an id like"),
        ('network = "10.0.9.1/24"', "has host bits set"),
        ('resource = "vm-7"', "expected an id like '/subscriptions/...'"),
        ('principal = "  "', "principal: must not be empty"),
        ('principal = "a"\nnetwork = "10.0.9.0/24"', "one of application, principal, network, resource"),
        ("", "was expected, found 0"),
        ('principal = "a"\ndetections = ["key_valt"]', "no such detection or layer: 'key_valt'"),
        ('principal = "a"\ndetections = "key_vault"', "expected a list of detections or layers"),
        (
            'principal = "a"\n[[expected.actors]]\nname = "x"\nprincipal = "A"',
            "2: principal a is declared twice",
        ),
    ],
)
def test_what_cant_be_meant_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, f'[[expected.actors]]\nname = "n"\n{text}')
    assert told in str(refused.value)
    assert "expected" in str(refused.value)
    assert "\n" not in str(refused.value)
