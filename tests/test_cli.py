import json
import os
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from indexes.store import locks
from ingest.sandbox import office_converter
from ragdesk import settings_example
from ragdesk.advanced_settings import ADVANCED_NOTE, setting_name
from ragdesk.cli.main import VERBS, cli
from ragdesk.settings import Settings, list_settings, load_settings

ROOT = Path(__file__).parents[1]
HANDBOOK = {
    "returns.md": "# Returns\n\n## When\n\nYou can return unused articles within 30 days of delivery.\n\n## Cost\n\nReturns from Norway cost 49 kroner.\n",
    "faq.csv": "question,answer\nDo you ship to Iceland?,Yes. Parcels to Iceland take six working days.\n",
    "zh/退款.md": "# 退款说明\n\n退款会在三个工作日内原路退回。\n\n## 信用卡\n\n信用卡需要五到十个工作日到账。\n",
    "broken.pdf": "%PDF-1.7 this is no PDF",
}


@pytest.fixture(scope="session")
def models(pytestconfig: pytest.Config) -> Path:
    """Keep the exported model between runs: an export takes seconds."""
    assert pytestconfig.cache
    return pytestconfig.cache.mkdir("ragdesk")


@pytest.fixture
def home(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty home that shares the exported model."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(models)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RAGDESK_")]:
        monkeypatch.delenv(name)
    return home


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "handbook"
    for name, text in HANDBOOK.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def ingested(documents: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Take the documents in once: each test works on a copy."""
    home = tmp_path_factory.mktemp("ingested")
    (home / "models").symlink_to(models)
    assert run(home, "ingest", documents).exit_code == 0
    return home / "collections"


@pytest.fixture
def filled(home: Path, ingested: Path) -> Path:
    shutil.copytree(ingested, home / "collections")
    return home


def run(home: Path, *words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *map(str, words)])


def said(result: Result) -> dict:
    """Read the one JSON document on standard output."""
    return json.loads(result.stdout)


def test_the_help_lists_every_verb_and_each_verb_has_examples(home):
    whole = run(home, "--help").output
    for verb in VERBS:
        assert verb in whole
        assert "Examples:" in run(home, verb, "--help").output


def activate(example: str) -> str:
    """Take the # away from each default of an example file."""
    lines = [
        line.removeprefix("# ")
        if line.startswith("# ") and " = " in line and "[" not in line[:3]
        else line
        for line in example.split("\n")
    ]
    head = next(i for i, line in enumerate(lines) if line.startswith("["))
    return "\n".join(lines[head:])


def test_the_example_file_is_current_and_holds_every_default(tmp_path, capsys):
    text = (ROOT / "ragdesk.example.toml").read_text(encoding="utf-8")
    assert text == settings_example.format_example(), (
        "write it anew: ragdesk settings --example > ragdesk.example.toml"
    )

    file = tmp_path / "all.toml"
    for example in (text, settings_example.format_example(with_advanced=True)):
        file.write_text(activate(example), encoding="utf-8")
        loaded = load_settings(home=None, config=file, environ={})
        assert loaded.settings == Settings()
        own = {row.name for row in list_settings(Settings()) if not row.is_advanced}
        unset = {"embed.threads", "embed.reads_cjk"}  # TOML has no word for it
        names = set(map(setting_name, loaded.origins)) - {"home"}
        assert {name for name in names if not name.startswith("advanced.")} == own - unset
    assert len(loaded.origins) == len(["home", *list_settings(Settings())]) - len(unset)
    assert capsys.readouterr().err == ""


def test_each_setting_of_the_example_file_says_what_it_does():
    example = settings_example.format_example(with_advanced=True).split("\n")
    settings = [i for i, line in enumerate(example) if line.startswith("# ") and i > 4]
    assert len(settings) == len(list_settings(Settings()))
    assert [example[i] for i in settings if not example[i - 1].startswith("## ")] == []


def test_advanced_settings_are_shown_where_they_are_wanted_or_changed(home, monkeypatch):
    plain = run(home, "settings").output
    assert "advanced.retrieve" not in plain
    assert "ragdesk settings --advanced" in plain
    whole = run(home, "settings", "--advanced").output
    assert "advanced.retrieve.near" in whole
    assert ADVANCED_NOTE in whole
    example = run(home, "settings", "--example", "--advanced").output
    assert ADVANCED_NOTE in " ".join(example.replace("## ", "").split())

    monkeypatch.setenv("RAGDESK_ADVANCED__RETRIEVE__NEAR", "0.6")
    changed = said(run(home, "settings", "--json"))
    assert [name for name in changed if name.startswith("advanced.")] == ["advanced.retrieve.near"]
    assert changed["advanced.retrieve.near"] == {
        "value": 0.6,
        "origin": "RAGDESK_ADVANCED__RETRIEVE__NEAR",
    }
    assert len(said(run(home, "settings", "--advanced", "--json"))) == len(
        ["home", *list_settings(Settings())]
    )


def test_a_plan_says_what_would_change_and_changes_nothing(home, documents):
    plan = said(run(home, "ingest", documents, "--plan", "--json"))
    assert (plan["generation"], plan["added"]) == (None, 3)
    assert not (home / "collections/default/CURRENT").exists()


def test_an_ingest_reports_and_a_second_one_finds_nothing_to_do(filled, documents):
    report = said(run(filled, "ingest", documents, "--json"))
    assert set(report) >= {
        *("collection", "generation", "documents", "added", "changed", "removed", "unchanged"),
        *("chunks", "vectors", "embedded", "skipped", "seconds"),
    }
    assert (report["generation"], report["documents"]) == (1, 3)
    assert (report["unchanged"], report["embedded"]) == (3, 0)
    assert [one["uri"] for one in report["skipped"]] == ["broken.pdf"]

    told = run(filled, "ingest", documents)
    assert "broken.pdf" in told.output
    again = f"ragdesk --home {shlex.quote(str(filled))}"
    assert f'Next: {again} ask "…", or {again} serve for the page.' in told.output


def test_an_answer_is_shown_with_its_source_and_its_quote_in_context(filled):
    answer = said(
        run(filled, "ask", "Within how many days can I return unused articles?", "--json")
    )
    assert answer["outcome"] == "answered"
    assert "30 days" in answer["text"]
    assert answer["citations"][0]["uri"] == "returns.md"

    shown = run(filled, "ask", "信用卡退款需要几个工作日到账？")
    assert shown.exit_code == 0
    assert "五到十个工作日" in shown.output
    assert "退款.md" in shown.output
    assert "«" in shown.output
    assert "\x1b" not in shown.output

    found = said(run(filled, "search", "Iceland", "--json", "--top-k", "2"))
    assert found["passages"][0]["uri"] == "faq.csv"
    assert set(found) == {"query", "generation", "passages", "degraded_reason"}


def test_a_question_the_documents_do_not_answer_is_said_to_be_one(filled):
    result = run(filled, "ask", "珠穆朗玛峰有多高？", "--json")
    assert (result.exit_code, said(result)["outcome"]) == (0, "not_found")
    assert said(result)["citations"] == []
    english = run(filled, "ask", "What is the airspeed of an unladen swallow?")
    assert "not in the documents" in english.output


def test_a_reading_is_offered_as_a_command_for_the_same_desk(home):
    folder = home.parent / "my desk" / "products"
    folder.mkdir(parents=True)
    (folder / "kettle.md").write_text("# Fjord kettle\n\nClean it with a cloth.\n", "utf-8")
    (folder / "fryer.md").write_text("# Lava fryer\n\nClean it with a rag.\n", "utf-8")
    run(home, "ingest", folder, "--collection", "products")
    config = folder.parent / "settings.toml"
    config.write_text("[retrieve]\ntop_k = 7\n", encoding="utf-8")
    words = ["--config", config, "ask", "How do I clean it?", "-c", "products"]
    shown = run(home, *words).output
    commands = [line for line in shown.splitlines() if line.startswith("  ragdesk")]
    assert len(commands) == 2, shown
    given = shlex.split(commands[0])
    assert given[1:-1] == [
        *("--home", str(home), "--config", str(config)), "ask", "--collection", "products",
    ]  # fmt: skip
    assert CliRunner().invoke(cli, given[1:]).exit_code == 0


def test_generations_are_listed_verified_rolled_back_and_cleared(filled, documents):
    other = filled / "other.md"
    other.write_text("# Other\n\nAnother source altogether.\n", encoding="utf-8")
    run(filled, "ingest", other)

    listed = said(run(filled, "indexes", "list", "--json"))["collections"]
    assert [(one["collection"], one["generation"]) for one in listed] == [("default", 2)]
    shown = said(run(filled, "indexes", "show", "--json"))["generations"]
    assert [one["current"] for one in shown] == [False, True]
    assert run(filled, "indexes", "verify").exit_code == 0

    assert said(run(filled, "indexes", "rollback", "--json"))["generation"] == 1
    assert said(run(filled, "search", "returns", "--json"))["generation"] == 1
    assert run(filled, "indexes", "rollback", "--to", "9").exit_code == 3
    assert run(filled, "indexes", "rollback").exit_code == 2
    assert run(filled, "indexes", "gc", "--keep", "1").exit_code == 0

    victim = next((filled / "collections/default/segments").rglob("MANIFEST.json"))
    victim.write_bytes(victim.read_bytes()[:-9])
    bad = run(filled, "indexes", "verify", "--json")
    assert bad.exit_code == 1
    assert len(said(bad)["problems"]) >= 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["ask", "x"], 3),
        (["search", "x", "--collection", "nope"], 3),
        (["indexes", "show"], 3),
        (["ingest", "/no/such/path"], 4),
        (["ingest", "empty"], 4),
        (["ingest"], 2),
        (["ask"], 2),
        (["ask", "  "], 2),
        (["ask", "x", "--collection", "../up"], 2),
        (["ask", "x", "--collection", "Upper"], 2),
        (["nonsense"], 2),
        (["serve", "--port", "99999"], 2),
        (["serve", "--host", "0.0.0.0"], 2),  # noqa: S104
        (["keys", "revoke", "nope"], 3),
        (["--config", "none.toml", "settings"], 2),
    ],
)
def test_what_cannot_be_done_has_its_exit_code_and_names_the_next_step(home, words, code):
    Path("empty").mkdir()
    result = run(home, *words)

    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert len(result.stderr) > 20
    assert "Traceback" not in result.stderr


def test_an_error_under_json_is_one_json_document_too(home):
    result = run(home, "ask", "x", "--json")
    assert said(result)["error"]["code"] == "index_not_found"
    assert "ragdesk ingest" in said(result)["error"]["message"]


def test_a_wrong_option_under_json_is_one_json_document_too(home):
    wrong = run(home, "search", "refund", "--top-k", "0", "--json")
    assert wrong.exit_code == 2
    assert said(wrong)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "words",
    [
        ["keys", "create", "k", "--collections", ""],
        ["keys", "create", "k", "--groups", " , "],
        ["ingest", ".", "--groups", ""],
        ["ingest", ".", "--groups", "staff,"],
    ],
)
def test_an_empty_list_of_names_does_not_mean_everybody(home, words):
    refused = run(home, *words)
    assert refused.exit_code == 2
    assert "empty name" in refused.stderr


def test_a_collection_that_another_job_holds_is_75(home, documents):
    with locks.lock_collection(home / "collections" / "default"):
        result = run(home, "ingest", documents)
    assert result.exit_code == 75
    assert f"process {os.getpid()}" in result.stderr


def test_a_source_that_lost_most_of_its_documents_needs_a_word(filled, documents):
    moved = documents.with_name("moved")
    documents.rename(moved)
    documents.mkdir()
    shutil.copy(moved / "faq.csv", documents)
    try:
        refused = run(filled, "ingest", documents)
        taken = said(run(filled, "ingest", documents, "--allow-removals", "--json"))
    finally:
        shutil.rmtree(documents)
        moved.rename(documents)
    assert refused.exit_code == 4
    assert "--allow-removals" in refused.stderr
    assert taken["removed"] == 2


def test_the_demo_answers_in_both_languages_and_keeps_apart_from_documents_of_ones_own(
    home, documents
):
    own_home, demo_home = home.parent / "var", home.parent / "var" / "demo"
    demo_home.mkdir(parents=True)
    for folder in (own_home, demo_home):
        (folder / "models").symlink_to(home / "models")
    first = CliRunner().invoke(cli, ["demo"])
    again = CliRunner().invoke(cli, ["demo"])

    assert first.exit_code == again.exit_code == 0, first.output
    for said_ in (first.output, again.output):
        assert "returns.md" in said_
        assert "香港" in said_
        assert "not in the documents" not in said_
        assert said_.count("[1] ") >= 2
        assert "--home var/demo serve" in said_
    assert "generation 1" in again.output

    own = said(CliRunner().invoke(cli, ["ingest", str(documents), "--json"]))
    assert own["documents"] == len(HANDBOOK) - 1  # and nothing of the sample company
    refused = run(demo_home, "ingest", documents)
    assert refused.exit_code == 2
    assert "--beside-sample" in refused.stderr
    assert run(demo_home, "ingest", documents, "--beside-sample").exit_code == 0
    assert run(demo_home, "demo").exit_code == 2


def test_keys_are_shown_once_and_settings_say_where_values_come_from(home, monkeypatch):
    made = said(run(home, "keys", "create", "page", "--groups", "a, b", "--json"))
    assert made["key"].startswith("rd_")
    listed = run(home, "keys", "list", "--json")
    assert made["key"] not in listed.output
    assert said(listed)["keys"][0]["groups"] == ["a", "b"]

    monkeypatch.setenv("RAGDESK_RETRIEVE__TOP_K", "5")
    shown = said(run(home, "settings", "--json"))
    assert shown["retrieve.top_k"] == {"value": 5, "origin": "RAGDESK_RETRIEVE__TOP_K"}
    assert shown["home"]["origin"] == "--home"


def test_the_doctor_finds_a_healthy_desk_healthy_and_a_damaged_one_not(filled, monkeypatch):
    healthy = run(filled, "doctor", "--json")
    assert said(healthy)["ok"], healthy.output
    office = next(f for f in said(healthy)["findings"] if f["what"] == "libreoffice")
    assert (office["found"] == "not installed") == (office_converter.find_libreoffice() is None)
    assert (office["state"] == "note") == ("apt-get install" in office["remedy"])
    ocr = next(f for f in said(healthy)["findings"] if f["what"] == "ocr")
    assert ocr["found"] == (
        f"rapidocr {version('rapidocr')} starts" if find_spec("rapidocr") else "not installed"
    )
    monkeypatch.setenv("RAGDESK_GUARD__OCR", "false")  # it is started but once here

    limits = filled / "collections/default/limits.json"
    limits.write_text("{}")
    noted = [f for f in said(run(filled, "doctor", "--json"))["findings"] if f["state"] == "note"]
    assert "limits.json was cut or changed" in noted[-1]["found"]
    assert "--old-groups" in noted[-1]["found"]
    limits.unlink()

    for file in (filled / "collections/default/generations").rglob("MANIFEST.json"):
        file.write_text("{}")
    ill = run(filled, "doctor", "--json")
    assert ill.exit_code == 1
    assert [f["what"] for f in said(ill)["findings"] if f["state"] == "bad"] == [
        "collection default"
    ]


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed here")
def test_a_model_that_cannot_be_run_here_is_refused_before_anything_listens(home):
    (home / "ragdesk.toml").write_text('[vllm]\nmodel = "some/model"\n')
    said = run(home, "serve", "--port", "0")
    assert said.exit_code == 2
    assert "ragdesk[gpu]" in said.stderr


def test_asking_imports_neither_torch_nor_a_web_server(filled):
    code = (
        "import sys; from ragdesk.cli.main import cli;"
        "cli(sys.argv[1:], standalone_mode=False);"
        "print(sorted({'torch', 'transformers', 'fastapi', 'uvicorn'} & set(sys.modules)))"
    )
    words = ["--home", str(filled), "ask", "Do you ship to Iceland?"]
    done = subprocess.run(  # noqa: S603, this interpreter
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip().endswith("[]"), done.stdout


def test_the_door_of_an_ingest_imports_nothing_that_answers():
    code = (
        "import sys, ragdesk.cli.ingest;"
        "heavy = {'sqlalchemy', 'ragdesk.answering.desk', 'ragdesk.desk_maker', 'onnxruntime'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603, this interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_the_module_runs_and_a_closed_pipe_is_no_crash(home):
    command = (
        f'"{sys.executable}" -m ragdesk --home "{home}" settings | true; echo ${{PIPESTATUS[0]}}'
    )
    done = subprocess.run(  # noqa: S603, this interpreter
        ["/bin/bash", "-c", command], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "Traceback" not in done.stderr


def test_a_cron_job_says_nothing_where_nothing_changed(filled, documents, tmp_path):
    source = shutil.copytree(documents, tmp_path / "source")
    (source / "broken.pdf").unlink()
    assert "added" in run(filled, "ingest", source, "--quiet", "-c", "cron").output
    result = run(filled, "ingest", source, "--quiet", "-c", "cron")
    assert (result.exit_code, result.output) == (0, "")
    (source / "returns.md").write_text("# Returns\n\nNo returns.", encoding="utf-8")
    assert "1 changed" in run(filled, "ingest", source, "--quiet", "-c", "cron").output


def test_a_collection_is_merged_backed_up_and_restored(filled, tmp_path):
    file = tmp_path / "kb.rdb"
    assert said(run(filled, "indexes", "compact", "--all", "--json"))["segments"] == 1
    made = said(run(filled, "indexes", "backup", file, "--json"))
    assert made["documents"] == 3
    assert run(filled, "indexes", "backup", file).exit_code == 2
    assert run(filled, "indexes", "restore", file).exit_code == 2
    assert said(run(filled, "indexes", "restore", file, "-c", "copy", "--json"))["documents"] == 3
    assert run(filled, "indexes", "restore", file, "--replace").exit_code == 0
    assert run(filled, "indexes", "verify", "-c", "copy").exit_code == 0
    sources = [filled / "collections" / name / "sources.json" for name in ("default", "copy")]
    assert sources[0].read_bytes() == sources[1].read_bytes()
    sources[1].write_text("{}", encoding="utf-8")
    assert run(filled, "indexes", "verify", "-c", "copy").exit_code == 1
    assert run(filled, "indexes", "backup", tmp_path / "no.rdb", "-c", "copy").exit_code == 3
    file.write_bytes(file.read_bytes()[:5_000])
    assert run(filled, "indexes", "restore", file, "-c", "other").exit_code == 3


def test_a_watched_folder_is_taken_in_until_the_signal(filled, documents, tmp_path):
    source = shutil.copytree(documents, tmp_path / "source")
    command = [sys.executable, "-m", "ragdesk", "--home", filled, "ingest", source, "-c", "live"]
    with subprocess.Popen(  # noqa: S603 - our own program
        [*command, "--watch", "--every", "0.1"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert "3 added" in process.stdout.readline()
        (source / "new.md").write_text("# New\n\nBrand new words.", encoding="utf-8")
        assert any("1 added" in line for line in process.stdout)
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == 0
