"""A mistake in the configuration is said at once, in one line that says what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.config import Configuration, ConfigurationError, load
from cluster.errors import UserError
from ingest.enrich import EnrichmentSettings
from ingest.threat_intel import CATEGORIES, Feed
from tests.ingest.mmdb import write

TYPES = frozenset({"key_vault.unusual_user", "key_vault.tor_access", "management.impossible_travel"})
FULL = """
cloud = "AzureCloud"
[inventory]
path = "inventory.csv"
networks = ["10.0.0.0/8", "2603:1000::/24"]
[geo]
database = "lists/city.mmdb"
[threat_intel]
feeds = [ { path = "lists/tor.txt", category = "tor_exit_node" },
          { path = "lists/c2.csv", category = "command_and_control" } ]
[flows]
sampling = 1000
[detections]
disable = ["management.impossible_travel"]
learning_days = 14
[detections."key_vault.unusual_user"]
learning_days = 3.5
severity = "low"
threshold = 4
[detections."key_vault.tor_access"]
enabled = false
[integrations]
cloud_app_security = false
[regions]
default = "alerts.db"
"West Europe" = "https://store.example/eu"
[engine]
lateness_minutes = 20
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lists").mkdir()
    for name in ("lists/tor.txt", "lists/c2.csv"):
        (tmp_path / name).touch()
    (tmp_path / "inventory.csv").write_text("ip,resource_id,start,end\n")
    write(tmp_path / "lists" / "city.mmdb", {"198.51.100.0/24": {"country_code": "DE"}})
    return tmp_path


def read(folder: Path, text: str) -> Configuration:
    path = folder / "redshank.toml"
    path.write_text(text)
    return load(path, TYPES)


def refused(folder: Path, text: str) -> str:
    """The message without the file's name."""
    with pytest.raises(ConfigurationError) as caught:
        read(folder, text)
    file, _, told = str(caught.value).partition(": ")
    assert file == str(folder / "redshank.toml")
    assert "\n" not in told
    return told


def test_every_key_of_the_documentation_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")  # paths are relative to the file, not to where the command is run
    found = read(folder, FULL)
    assert found.enrichment() == EnrichmentSettings(
        inventory=folder / "inventory.csv",
        networks=("10.0.0.0/8", "2603:1000::/24"),
        feeds=(
            Feed(str(folder / "lists/tor.txt"), "tor_exit_node"),
            Feed(str(folder / "lists/c2.csv"), "command_and_control"),
        ),
        database=folder / "lists/city.mmdb",
    )
    assert (found.flows.sampling, found.engine.lateness_minutes) == (1000, 20)
    assert found.integrations.cloud_app_security is False
    assert found.detections.learning_days == 14
    assert found.learning_days("key_vault.unusual_user", 7) == 3.5
    assert found.learning_days("key_vault.tor_access", 7) == 14
    assert found.parameters("key_vault.unusual_user") == {
        "learning_days": 3.5,
        "severity": "low",
        "threshold": 4,
    }
    assert found.parameters("key_vault.tor_access") == found.parameters("management.impossible_travel") == {}
    assert [type_ for type_ in sorted(TYPES) if found.enabled(type_)] == ["key_vault.unusual_user"]
    assert found.store_of("westeurope") == found.store_of("West Europe") == "https://store.example/eu"
    assert found.store_of("northeurope") == found.store_of("") == str(folder / "alerts.db")


def test_without_a_file_and_with_an_empty_one_the_defaults_hold(folder: Path) -> None:
    assert load(None) == read(folder, "") == Configuration()
    found = load(None)
    assert found.flows.sampling == 1
    assert found.integrations.cloud_app_security is True
    assert found.engine.lateness_minutes == 10
    assert found.learning_days("key_vault.unusual_user", 7) == 7
    assert found.enabled("key_vault.unusual_user")
    assert found.store_of("westeurope") is None
    assert found.enrichment() == EnrichmentSettings()


def test_an_alert_budget_is_a_number_of_alerts_a_day(folder: Path) -> None:
    assert read(folder, "[detections]\nbudget = 5\n").detections.budget == 5.0
    assert read(folder, "[detections]\nbudget = 0.5\n").detections.budget == 0.5
    assert read(folder, "").detections.budget is None


def test_in_sovereign_clouds_key_vault_detections_are_off_unless_switched_on(folder: Path) -> None:
    for cloud in ("AzureUSGovernment", "AzureChinaCloud"):
        found = read(folder, f'cloud = "{cloud}"\n[detections."key_vault.tor_access"]\nenabled = true\n')
        on = [type_ for type_ in sorted(TYPES) if found.enabled(type_)]
        assert on == ["key_vault.tor_access", "management.impossible_travel"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[detections]\nlerning_days = 3", "[detections] lerning_days: no such key (did you mean learning_days?)"),
        ("[detection]\nlearning_days = 3", "[detection]: no such table (did you mean detections?)"),
        ("clowd = 'AzureCloud'", "clowd: no such key (did you mean cloud?)"),
        ("[flows]\nSampling = 3", "[flows] Sampling: no such key (did you mean sampling?)"),
        ("[geo]\nxyz = 3", "[geo] xyz: no such key (there are: database)"),
        ("[threat_intel]\nfeeds = [{path = 'inventory.csv', categry = 'x'}]", "[threat_intel] feeds[0].categry: no such key (did you mean category?)"),
        ('[detections."key_vault.unusual_user"]\nlearn = 3', '[detections."key_vault.unusual_user"] learn: no such key (there are: enabled, learning_days, severity, threshold)'),
        ('[detections."key_vault.unusual_usr"]\nenabled = true', '[detections."key_vault.unusual_usr"]: no such detection (did you mean key_vault.unusual_user?)'),
        ("[detections.key_vault.unusual_user]\nenabled = true", '[detections.key_vault.unusual_user]: needs quotes: [detections."key_vault.unusual_user"]'),
        ("[detections]\ndisable = ['management.imposible_travel']", "[detections] disable[0]: no such detection: 'management.imposible_travel' (did you mean management.impossible_travel?)"),
    ],
)  # fmt: skip
def test_a_misspelt_name_is_said_with_the_right_one(folder: Path, text: str, told: str) -> None:
    assert refused(folder, text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cloud = 'azure'", "cloud: expected one of AzureCloud, AzureUSGovernment, AzureChinaCloud, found 'azure'"),
        ("flows = 3", "[flows]: expected a table, found 3"),
        ("[flows]\nsampling = 0", "[flows] sampling: expected a whole number of at least 1, found 0"),
        ("[flows]\nsampling = 1.5", "[flows] sampling: expected a whole number of at least 1, found 1.5"),
        ("[flows]\nsampling = '1'", "[flows] sampling: expected a whole number of at least 1, found '1'"),
        ("[flows]\nsampling = true", "[flows] sampling: expected a whole number of at least 1, found true"),
        ("[engine]\nlateness_minutes = -1", "[engine] lateness_minutes: expected a number of minutes, 0 to 1440, found -1"),
        ("[detections]\nbudget = 0", "[detections] budget: expected a number of alerts a day, above 0 and at most 1,000,000, found 0"),
        ("[detections]\nbudget = -1.5", "[detections] budget: expected a number of alerts a day, above 0 and at most 1,000,000, found -1.5"),
        ("[detections]\nbudget = nan", "[detections] budget: expected a number of alerts a day, above 0 and at most 1,000,000, found nan"),
        ("[detections]\nbudget = '5'", "[detections] budget: expected a number of alerts a day, above 0 and at most 1,000,000, found '5'"),
        ("[detections]\nbudget = true", "[detections] budget: expected a number of alerts a day, above 0 and at most 1,000,000, found true"),
        ("[detections]\nlearning_days = nan", "[detections] learning_days: expected a number of days, 0 to 3650, found nan"),
        ("[detections]\ndisable = 'key_vault.tor_access'", "[detections] disable: expected a list of detections, like ['key_vault.unusual_user'], found 'key_vault.tor_access'"),
        ("[detections]\nshadow = ['management.imposible_travel']", "[detections] shadow[0]: no such detection: 'management.imposible_travel' (did you mean management.impossible_travel?)"),
        ("[detections]\nshadow = ['key_vault.tor_access']\ndisable = ['key_vault.tor_access']", "[detections] shadow[0]: key_vault.tor_access is in disable too: take it out of one of the two"),
        ('[detections]\nshadow = ["key_vault.tor_access"]\n[detections."key_vault.tor_access"]\nenabled = false', '[detections] shadow[0]: key_vault.tor_access has enabled = false in [detections."key_vault.tor_access"]'),
        ("[detections]\nshadow = true", "[detections] shadow: expected a list of detections, like ['key_vault.unusual_user'], found true"),
        ("[detections]\ndisable = [1]", "[detections] disable[0]: expected the name of a detection, found 1"),
        ('[detections]\n"key_vault.tor_access" = false', '[detections."key_vault.tor_access"]: expected a table, found false'),
        ('[detections."key_vault.tor_access"]\nseverity = "critical"', "[detections.\"key_vault.tor_access\"] severity: expected one of informational, low, medium, high, found 'critical'"),
        ('[detections."key_vault.tor_access"]\nthreshold = inf', '[detections."key_vault.tor_access"] threshold: expected a number, found inf'),
        ('[detections]\ndisable = ["key_vault.tor_access"]\n[detections."key_vault.tor_access"]\nenabled = true', '[detections] disable[0]: key_vault.tor_access has enabled = true in [detections."key_vault.tor_access"]'),
        ("[integrations]\ncloud_app_security = 'no'", "[integrations] cloud_app_security: expected true or false, found 'no'"),
        ("[inventory]\nnetworks = '10.0.0.0/8'", "[inventory] networks: expected a list of networks, like ['10.0.0.0/8'], found '10.0.0.0/8'"),
        ("[inventory]\nnetworks = ['10.0.0.1/8']", "[inventory] networks[0]: expected a network, like '10.0.0.0/8': 10.0.0.1/8 has host bits set"),
        ("[inventory]\npath = ''", "[inventory] path: expected the path of a file, found ''"),
        ("[threat_intel]\nfeeds = 'tor.txt'", "[threat_intel] feeds: expected a list of tables, found 'tor.txt'"),
        ("[threat_intel]\nfeeds = ['tor.txt']", "[threat_intel] feeds[0]: expected a table, found 'tor.txt'"),
        ("[threat_intel]\nfeeds = [{category = 'tor_exit_node'}]", "[threat_intel] feeds[0]: one of path, url and taxii was expected"),
        ("[threat_intel]\nfeeds = [{path = 'inventory.csv', category = 'tor'}]", "[threat_intel] feeds[0].category: expected one of tor_exit_node, anonymous_proxy, command_and_control, found 'tor'"),
        ("[regions]\nwesteurope = 3", "[regions] westeurope: expected a store: a path or an address, found 3"),
        ("[flows]\n\nsampling = ", "line 3, its end: not valid TOML: Invalid value"),
        ("cloud = 'x'\ncloud = 'y'\n", "line 2, column 12: not valid TOML: Cannot overwrite a value"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_said_with_what_was_expected(folder: Path, text: str, told: str) -> None:
    assert refused(folder, text) == told


def test_files_that_are_of_no_use_are_said_before_anything_runs(folder: Path) -> None:
    path = '[inventory]\npath = "none.csv"'
    assert refused(folder, path) == f"[inventory] path: {folder / 'none.csv'}: no such file"
    assert refused(folder, '[geo]\ndatabase = "lists"') == f"[geo] database: {folder / 'lists'}: is a folder"
    feeds = '[threat_intel]\nfeeds = [{path = "none.txt", category = "tor_exit_node"}]'
    assert refused(folder, feeds) == f"[threat_intel] feeds[0].path: {folder / 'none.txt'}: no such file"
    assert "no database in MaxMind's format" in refused(folder, '[geo]\ndatabase = "inventory.csv"')
    assert "first line must name the columns" in refused(folder, '[inventory]\npath = "lists/c2.csv"')


def test_a_configuration_that_cant_be_read_is_said(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a folder"):
        load(folder, TYPES)
    with pytest.raises(ConfigurationError, match=r"none\.toml: no such file"):
        load(folder / "none.toml", TYPES)
    path = folder / "redshank.toml"
    path.write_bytes(b"# ok\n# \xff")
    with pytest.raises(ConfigurationError, match=r"redshank\.toml: line 2: is not text in UTF-8"):
        load(path, TYPES)
    path.write_bytes(b"\xef\xbb\xbf[flows]\r\nsampling = 2\r\n")
    assert load(path, TYPES).flows.sampling == 2


def test_its_errors_are_shown_by_the_command_line_without_a_traceback() -> None:
    assert issubclass(ConfigurationError, UserError)


def test_the_whole_catalogue_can_be_configured(folder: Path) -> None:
    from detections.catalogue import CATALOGUE

    text = "".join(f'[detections."{type_}"]\nenabled = false\n' for type_ in CATALOGUE)
    path = folder / "redshank.toml"
    path.write_text(text)
    found = load(path, CATALOGUE)
    assert not any(found.enabled(type_) for type_ in CATALOGUE)


def test_the_categories_of_feeds_are_those_that_threat_intelligence_knows(folder: Path) -> None:
    for category in CATEGORIES:
        found = read(folder, f'[threat_intel]\nfeeds = [{{path = "lists/tor.txt", category = "{category}"}}]')
        assert found.threat_intel.feeds[0].category == category


def test_a_store_without_an_address_is_refused(tmp_path: Path) -> None:
    """It would be a file of that name: who has misspelt a server's address would find no alert there."""
    config = tmp_path / "redshank.toml"
    config.write_text('[store]\nurl = "foo"\n')
    with pytest.raises(ConfigurationError, match=r"\[store\] url: .*'sqlite:///foo'"):
        load(config)
