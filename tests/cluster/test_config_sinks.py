"""What is wrong with [[sinks]] is said in a line that names the sink and what was expected, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.config import load
from cluster.errors import UserError
from cluster.sinking import routes, ways
from detections.catalogue import CATALOGUE

HOOK = 'name = "h"\nkind = "webhook"\nurl = "https://example.com/a"\n'
MAIL = 'name = "m"\nkind = "email"\nhost = "mail.example.com"\nsender = "a@example.com"\nto = ["b@example.com"]\n'
KAFKA = 'name = "k"\nkind = "kafka"\nservers = "a:9092, b:9092"\ntopic = "alerts"\n'


def configured(folder: Path, *sinks: str, store: str = "[store]\n") -> Path:
    path = folder / "c.toml"
    path.write_text(store + "".join(f"[[sinks]]\n{one}\n" for one in sinks))
    return path


def made(path: Path, **environment: str) -> list[object]:
    return list(ways(load(path, frozenset(CATALOGUE)), path, environment))


@pytest.mark.parametrize(
    ("sink", "said"),
    [
        ('name = "a b"\nkind = "file"\npath = "x"', "name: expected letters, digits, '-' and '_', at most 60, found 'a b'"),
        ('name = "h"\nkind = "webhok"', "kind: expected one of webhook, file, email, syslog, chat, sentinel"),
        ('name = "h"\nkind = "webhook"', "[[sinks]] h: a sink of the kind webhook needs url"),
        (HOOK + 'path = "x"', "[[sinks]] h: path is for sinks of the kind file, not webhook"),
        (HOOK + 'secret_env = "A"\nsecret_file = "c.toml"', "either secret_env or secret_file was expected, not both"),
        (HOOK + 'types = ["key_vault.tor_acess"]', "no such detection: 'key_vault.tor_acess' (did you mean key_vault.tor_access?)"),
        (HOOK + 'severity = "severe"', "severity: expected one of informational, low, medium, high, found 'severe'"),
        (HOOK + "timeout_seconds = 0", "timeout_seconds: expected a number of seconds, 0.1 to 120, found 0"),
        (HOOK + "retries = 3", "no such key"),
        (MAIL + "caps = { hihg = 3 }", "caps: expected messages a day by severity"),
        ('name = "s"\nkind = "syslog"\naddress = "udp://a:514"\nformat = "ocsf"', "format is one of syslog, cef for this kind"),
        (HOOK + 'format = "csv"', "format is one of json, ocsf, stix, sentinel for this kind, found 'csv'"),
        (KAFKA + 'format = "csv"', "format is one of json, ocsf, stix, sentinel, cef, syslog for this kind, found 'csv'"),
        (KAFKA.replace("servers", "url"), "[[sinks]] k: url is for sinks of the kind webhook, sentinel, not kafka"),
        (KAFKA + '[sinks.sasl]\npassword_env = "HUSH"', "sasl: has no username: a name"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_said_before_anything_runs(tmp_path: Path, sink: str, said: str) -> None:
    with pytest.raises(UserError) as found:
        load(configured(tmp_path, sink), frozenset(CATALOGUE))
    assert said in str(found.value)


@pytest.mark.parametrize(
    ("sink", "said"),
    [
        (HOOK.replace("https://", "https://u:hush@"), "h url: holds a name or a password"),
        (HOOK.replace("https", "ftp"), "h url: an address like 'https://example.com/alerts' was expected"),
        (HOOK + 'secret_env = "NOT_SET"', "h: secret_env: the environment variable NOT_SET is not set"),
        (HOOK + 'token_env = "BROKEN"', "h: token_env: the environment variable BROKEN holds a line break"),
        (HOOK.replace("https", "http") + 'token_env = "HUSH"', "a token is not sent without TLS"),
        (HOOK + 'ca_file = "c.toml"', "certificates in PEM were expected"),
        (MAIL + 'user = "u"', "user and password_env (or password_file) go together"),
        (MAIL + 'user = "u"\npassword_env = "HUSH"\nsecurity = "none"', "a password is not sent without TLS"),
        (MAIL.replace('"b@example.com"', '"b@example.com\\r\\nBcc: c@example.com"'), "an address like 'soc@example.com'"),
        (MAIL.replace('["b@example.com"]', "[]"), "m to: has no address"),
        ('name = "s"\nkind = "syslog"\naddress = "http://a"', "udp://HOST:PORT, tcp:// or tls:// was expected"),
        (KAFKA.replace("a:9092", "a"), "k servers: HOST:PORT was expected, found 'a'"),
        (KAFKA + '[sinks.options]\n"message.timeout.ms" = 5', "k options: message.timeout.ms can't be set; say timeout_seconds = ..."),
        (KAFKA + '[sinks.options]\nlingr = 5', "k: kafka://a:9092,b:9092: an option can't be used: "),
        (KAFKA + '[sinks.sasl]\nusername = "u"', "k: [sinks.sasl]: has no password_env or password_file"),
        (KAFKA + '[sinks.sasl]\nusername = "u"\npassword_env = "NOT_SET"', "the environment variable NOT_SET is not set"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_said_and_no_secret(tmp_path: Path, sink: str, said: str) -> None:
    if sink.startswith(KAFKA[:9]):
        pytest.importorskip("confluent_kafka", reason="the extra `kafka` is not installed")
    with pytest.raises(UserError) as found:
        made(configured(tmp_path, sink), HUSH="hush", BROKEN="hu\nsh")
    assert said in str(found.value)
    assert "hush" not in str(found.value)


def test_a_secret_comes_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    assert made(configured(tmp_path, HOOK + 'secret_file = "secret"'))


def test_sinks_need_a_store(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\[\[sinks\]\]: needs \[store\], where alerts wait"):
        load(configured(tmp_path, HOOK, store=""), frozenset(CATALOGUE))


def test_two_sinks_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another sink is called 'h' too"):
        load(configured(tmp_path, HOOK, HOOK), frozenset(CATALOGUE))


def test_mail_has_bounds_and_people_hear_of_what_is_graver(tmp_path: Path) -> None:
    mail, hook = routes(load(configured(tmp_path, MAIL + "caps = { high = 9 }", HOOK), frozenset(CATALOGUE)))
    assert mail.caps == {"high": 9, "medium": 2, "low": 1, "informational": 0}
    assert (mail.updates, mail.targets) == ("graver", ("b@example.com",))
    assert (hook.caps, hook.updates) == ({}, "all")
