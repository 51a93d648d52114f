"""What a configuration says of OpenID Connect: what is wrong is one line, and a provider stands in for users."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from alerts.store.store import AlertStore
from cluster.config import load
from cluster.config_tables import ConsoleTable
from cluster.consoling import provider_of, settings_of
from cluster.errors import UserError
from console.oidc import Provider
from detections.catalogue import CATALOGUE
from tests.console.oidc_consoles import SAID


def provider_of_text(folder: Path, said: str) -> Provider | None:
    (folder / "redshank.toml").write_text(said)
    return provider_of(load(folder / "redshank.toml", frozenset(CATALOGUE)))


@pytest.mark.parametrize(
    ("said", "by", "why"),
    [
        (
            "https://id",
            "http://id",
            "[console.oidc] issuer: an address with https was expected, found 'http://id.",
        ),
        ('admin = ["soc-leads"]', "", "nobody would have a role: name groups, like  admin = ['soc-leads']"),
        (
            'admin = ["soc-leads"]',
            'admin = "soc-leads"',
            "[console] oidc.admin: expected a list of the provider's groups",
        ),
        ("client =", "clint =", "[console] oidc.clint: no such key (did you mean client?)"),
        ('client = "redshank"', "", "client"),
        ("client =", 'scopes = "email"\nclient =', "'openid' was expected among them"),
        ("client =", 'secret_env = "NOT_SET_ANYWHERE"\nclient =', "NOT_SET_ANYWHERE is not set"),
        ("client =", 'ca_file = "none.pem"\nclient =', "none.pem"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_one_line(tmp_path: Path, said: str, by: str, why: str) -> None:
    assert said in SAID
    with pytest.raises(UserError) as error:
        provider_of_text(tmp_path, SAID.replace(said, by))
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_with_a_provider_others_may_reach_a_console_without_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OIDC_SECRET", "s3cret")
    more = SAID.replace("client =", 'secret_env = "OIDC_SECRET"\nclient =')
    provider = provider_of_text(tmp_path, more)
    assert provider is not None
    assert provider.settings.secret == "s3cret"
    assert "s3cret" not in repr(provider.settings)
    configuration = load(tmp_path / "redshank.toml", frozenset(CATALOGUE))
    store = AlertStore(f"sqlite:///{tmp_path}/a.db")
    made = settings_of(configuration, [store], "0.0.0.0", lambda: None)
    assert made.oidc is not None
    without = msgspec.structs.replace(configuration, console=ConsoleTable(listen="0.0.0.0:1"))
    with pytest.raises(UserError, match="it has no users"):
        settings_of(without, [store], "0.0.0.0", lambda: None)
