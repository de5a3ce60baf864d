"""``ragdesk tune reader``: what it reads, what it refuses, and when it writes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from indexes.embedding.quantised_weights import find_packaged_weights
from ragdesk.answering.reading.reader_weights import read_reader_weights
from ragdesk.cli.main import cli

SHORT = (
    "--from", "none", "--layers", "2", "--trained", "1", "--tables", "20", "--most", "16",
    "--held-out", "0.3", "--minutes", "3",
)  # fmt: skip


def tune(folder: Path, *words: str) -> Result:
    home = folder / "home"
    out = str(folder / "reader.safetensors")
    return CliRunner().invoke(cli, ["--home", str(home), "tune", "reader", "--out", out, *words])


@pytest.fixture(autouse=True)
def _weights() -> None:
    if find_packaged_weights() is None:
        pytest.skip("the weights of the packaged multilingual model are not installed")


def test_a_reader_that_does_better_is_written_with_its_card(tmp_path):
    result = tune(tmp_path, *SHORT, "--json")
    report = json.loads(result.stdout)
    file = tmp_path / "reader.safetensors"
    assert file.is_file() == report["helped"] == (result.exit_code == 0)
    assert (tmp_path / "reader.work" / "best" / "state.json").is_file()
    if report["helped"]:
        assert read_reader_weights(file).card["held_out"]["after"] == report["after"]


def test_one_that_does_no_better_is_not_written(tmp_path):
    result = tune(tmp_path, *SHORT, "--most", "1")
    assert result.exit_code == 1
    assert "does no better" in result.output
    assert not (tmp_path / "reader.safetensors").exists()


def test_nothing_to_train_on_is_an_error_that_names_the_sources(tmp_path):
    result = tune(tmp_path, "--from", "none")
    assert result.exit_code == 2
    assert "--cases FILE" in result.output


def test_a_start_that_is_not_there_is_named(tmp_path):
    result = tune(tmp_path, "--tables", "8", "--from", str(tmp_path / "no.safetensors"))
    assert result.exit_code == 2
    assert "There is no reader at" in result.output
