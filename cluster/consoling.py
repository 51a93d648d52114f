"""`redshank console`, and the console inside a server: a configuration becomes what the console is made with."""

from __future__ import annotations

import getpass
import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cluster.asked import now
from cluster.config import Configuration, load
from cluster.errors import UserError
from cluster.listening import joined
from cluster.secrets import secret
from detections.catalogue import CATALOGUE

if TYPE_CHECKING:
    from alerts.store.store import AlertStore
    from cluster.snapshot import Board
    from console.oidc import Provider
    from console.settings import DetectionSetting, Health, Settings

LISTEN = "127.0.0.1:8321"
USERS = "`redshank console user add NAME --role admin` makes one"


def run(config: Path | None, store: str | None, listen: str | None) -> int:
    """Until it is stopped."""
    from cluster.working import stores

    check_installed()
    with stores(config, store) as found:
        configuration = load(config, frozenset(CATALOGUE))
        host, port = _where(configuration, config, listen)
        health = _health_of_state(config, configuration) if config else lambda: None
        settings = settings_of(configuration, found, host, health, with_config=config is not None)
        from console.app import make_app
        from console.serving import CantListenError, serve

        said = configuration.console
        scheme = "https" if said.certificate else "http"

        def ready() -> None:
            click.echo(f"Redshank's console: {scheme}://{joined(host, port)}/  (Ctrl-C stops it)")
            if not settings.loopback and not settings.https:
                click.echo(
                    "redshank: passwords travel unprotected: name [console] certificate and key, or put a proxy with "
                    "https in front and say https = true",
                    err=True,
                )

        try:
            serve(make_app(settings), host, port, _path(said.certificate), _path(said.key), ready)
        except CantListenError as error:
            raise UserError(str(error)) from None
        except KeyboardInterrupt:
            pass
    return 0


@contextmanager
def beside(
    configuration: Configuration, config: Path, stores: list[AlertStore], board: Board
) -> Iterator[str | None]:
    """The console of a server, where the configuration has one; its address."""
    if configuration.console.listen is None:
        yield None
        return
    check_installed()
    if not stores:
        raise UserError(f"{config}: [console] needs a [store]: url = 'sqlite:///redshank.db' was expected")
    host, port = _where(configuration, config, None)
    from cluster.console_health import of_board, of_state

    health = of_board(board, of_state(config, configuration))
    settings = settings_of(configuration, stores, host, health)
    from console.app import make_app
    from console.serving import CantListenError, serving

    said = configuration.console
    try:
        with serving(make_app(settings), host, port, _path(said.certificate), _path(said.key)):
            yield f"{'https' if said.certificate else 'http'}://{joined(host, port)}"
    except CantListenError as error:
        raise UserError(str(error)) from None


def check_installed() -> None:
    """Raises UserError where the extra is missing."""
    try:
        import argon2  # noqa: F401
        import fastapi  # noqa: F401
        import jinja2  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"the console needs more ({error}): install it with  pip install 'redshank[console]'"
        ) from None


def _where(configuration: Configuration, config: Path | None, listen: str | None) -> tuple[str, int]:
    from cluster.sources import host_and_port

    if listen is not None:
        return host_and_port(listen, "--listen")
    return host_and_port(configuration.console.listen or LISTEN, f"{config}: [console] listen")


def settings_of(
    configuration: Configuration,
    stores: list[AlertStore],
    host: str,
    health: Callable[[], Health | None],
    with_config: bool = True,
) -> Settings:
    """What the console is made with. Raises UserError where it would be open to people who have not signed in."""
    from alerts.store.opening import AlertStoreError
    from alerts.store.people import People
    from console.settings import Settings

    said, people = configuration.console, People(stores[0])
    near = _is_loopback(host)
    try:
        open_to_all = not people.any()
    except AlertStoreError as error:
        raise UserError(str(error)) from None
    oidc = provider_of(configuration)
    open_to_all = open_to_all and oidc is None
    if open_to_all and not near:
        raise UserError(
            f"the console would be open to everybody who can reach {host}: it has no users; {USERS}"
        )
    if open_to_all and said.hosts:
        raise UserError(f"[console] hosts: others are to reach the console, but it has no users; {USERS}")
    return Settings(
        stores=stores,
        people=people,
        local_name=_local_name(),
        loopback=near,
        now=now,
        hosts=frozenset(name.lower().rstrip(".") for name in said.hosts),
        https=said.https or said.certificate is not None,
        detections=_detections(configuration) if with_config else None,
        health=health,
        oidc=oidc,
    )


def provider_of(configuration: Configuration) -> Provider | None:
    """That of `[console.oidc]`; it is not asked for anything yet. Raises UserError."""
    said, where = configuration.console.oidc, "[console.oidc]"
    if said is None:
        return None
    try:
        from alerts.store.people import ROLES, Role
        from console.oidc import OidcSettings, Provider, is_safe
    except ImportError as error:
        raise UserError(
            f"{where} needs more ({error}): install it with  pip install 'redshank[oidc]'"
        ) from None
    if not is_safe(said.issuer):
        raise UserError(f"{where} issuer: an address with https was expected, found {said.issuer[:200]!r}")
    roles: dict[Role, frozenset[str]] = {role: frozenset(getattr(said, role)) for role in ROLES}
    if not any(roles.values()):
        raise UserError(f"{where}: nobody would have a role: name groups, like  admin = ['soc-leads']")
    if "openid" not in said.scopes.split():
        raise UserError(f"{where} scopes: 'openid' was expected among them, found {said.scopes[:200]!r}")
    settings = OidcSettings(
        issuer=said.issuer,
        client=said.client,
        roles=roles,
        secret=secret(said, "secret", where),
        name=said.name,
        scopes=said.scopes,
        name_claim=said.name_claim,
        role_claim=said.role_claim,
        ca_file=_path(said.ca_file),
    )
    try:
        return Provider(settings)
    except OSError as error:
        raise UserError(f"{where} ca_file: {said.ca_file} can't be used: {error}") from None


def asked_provider(configuration: Configuration) -> tuple[bool, str] | None:
    """Whether the provider of `[console.oidc]` answers, in words; None where there is none. Raises UserError."""
    provider = provider_of(configuration)
    if provider is None:
        return None
    from console.oidc import AwayError

    try:
        provider.metadata()
    except AwayError as error:
        return False, str(error)
    return True, f"{provider.settings.issuer} answers"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _local_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "console"


def _path(said: Path | None) -> str | None:
    return None if said is None else str(said)


def _detections(configuration: Configuration) -> dict[str, DetectionSetting]:
    from console.settings import DetectionSetting

    found: dict[str, Any] = {}
    for type_, detection in CATALOGUE.items():
        mode: Any = "shadow" if type_ in configuration.detections.shadow else "on"
        mode = mode if configuration.enabled(type_) else "off"
        learning = detection.learning
        days = None if learning is None else configuration.learning_days(type_, learning.days)
        found[type_] = DetectionSetting(mode, days)
    return found


def _health_of_state(config: Path, configuration: Configuration) -> Callable[[], Health | None]:
    from cluster.console_health import of_state

    return of_state(config, configuration)
