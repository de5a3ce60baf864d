"""The units of systemd: well-formed, as shut as was tried, and with bounds that fit the settings."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from ragdesk.cli.main import cli
from ragdesk.web.serve_options import ServeOptions

DEPLOY = Path(__file__).parents[2] / "ragdesk" / "deploy"
SERVICES = ("ragdesk.service", "ragdesk-ingest.service")
MOST_EXPOSED = 1.5  # of 10, as systemd-analyze 252 counts


class _Values(dict):
    """Keep every value of a name that stands several times."""

    def __setitem__(self, key, value):
        if key in self and isinstance(value, list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def read_unit(name):
    unit = configparser.RawConfigParser(dict_type=_Values, strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return unit


@pytest.mark.parametrize("name", SERVICES)
def test_its_command_and_its_settings_exist(name):
    service = read_unit(name)["Service"]
    program, *words = service["ExecStart"].split()
    assert program == "/opt/ragdesk/bin/ragdesk"
    verb = words[words.index("--config") + 2]
    assert CliRunner().invoke(cli, [verb, "--help"]).exit_code == 0
    assert set(re.findall(r"RAGDESK_\w+", service["Environment"])) == {
        "RAGDESK_HOME",
        "RAGDESK_EMBED__CACHE",
    }
    assert not re.search("password|key=", (DEPLOY / name).read_text(encoding="utf-8"))


def test_it_stops_later_than_the_server_drains():
    drain = ServeOptions().drain_seconds
    assert (
        int(read_unit(SERVICES[0])["Service"]["TimeoutStopSec"]) > 2 * drain
    )  # answers, then chats


def test_both_are_shut_alike():
    def shut(name):
        text = (DEPLOY / name).read_text(encoding="utf-8").partition("\nNoNewPrivileges")[2]
        keep = ("#", "ProtectHome", "RemoveIPC", "[Install]", "WantedBy")
        return {line for line in text.splitlines() if line and not line.startswith(keep)}

    assert shut(SERVICES[0]) == shut(SERVICES[1])


@pytest.mark.real
@pytest.mark.parametrize("name", SERVICES)
def test_systemd_finds_little_that_is_open(name):
    program = shutil.which("systemd-analyze")
    if program is None and os.environ.get("CI") != "true":
        pytest.skip("no systemd here: make test-deps")
    done = subprocess.run(  # noqa: S603, our own files
        [program, "security", "--offline=yes", str(DEPLOY / name)],
        capture_output=True,
        text=True,
        check=True,
    )
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure[1]) <= MOST_EXPOSED
