import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ragdesk.advanced_settings import ADVANCED_FIELDS, MOST_SHOWN
from ragdesk.errors import SettingsError
from ragdesk.settings import SECRET_MASK, LoadedSettings, Settings, list_settings, load_settings

FILE_OF_0_1_0 = """
[serve]
port = 9000
poll_seconds = 2.0
[retrieve]
top_k = 5
same = 0.8
lexical = 0.7
[extract]
most = 4
second = 0.5
[decide]
floor = 0.6
"""


def read(
    tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, **flags: object
) -> LoadedSettings:
    file = tmp_path / "r.toml"
    file.write_text(text, encoding="utf-8")
    dotted = {name.replace("__", "."): value for name, value in flags.items()}
    return load_settings(home=tmp_path / "home", config=file, environ=environ or {}, flags=dotted)


def test_flags_win_over_environment_over_file_over_defaults(tmp_path):
    text = "[serve]\nport = 1\nmax_jobs = 2\nmax_question = 3\n"
    environ = {"RAGDESK_SERVE__PORT": "10", "RAGDESK_SERVE__MAX_JOBS": "20"}

    loaded = read(tmp_path, text, environ, serve__port=100)

    serve = loaded.settings.serve
    assert (serve.port, serve.max_jobs, serve.max_question, serve.host) == (100, 20, 3, "127.0.0.1")
    assert loaded.origins["serve.port"] == "--port"
    assert loaded.origins["serve.max_jobs"] == "RAGDESK_SERVE__MAX_JOBS"
    assert loaded.origins["serve.max_question"].endswith("r.toml")
    assert {row.name: row.origin for row in list_settings(loaded.settings, loaded.origins)}[
        "serve.host"
    ] == "default"


def test_a_variable_may_name_the_file_that_holds_a_secret(tmp_path):
    secret = tmp_path / "database_url"
    secret.write_text("postgresql+psycopg://desk:pw@db/ragdesk\n", encoding="utf-8")
    variable = "RAGDESK_SUPPORT__DATABASE_FILE"
    loaded = read(tmp_path, environ={variable: str(secret)})
    assert loaded.settings.support.database == "postgresql+psycopg://desk:pw@db/ragdesk"
    assert loaded.origins["support.database"] == variable
    both = {variable: str(secret), "RAGDESK_SUPPORT__DATABASE": ""}
    with pytest.raises(SettingsError, match="are both set"):
        read(tmp_path, environ=both)
    assert read(tmp_path, environ={variable: ""}).settings.support.database == ""
    secret.write_text("\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="database_url is empty"):
        read(tmp_path, environ={variable: str(secret)})
    with pytest.raises(SettingsError, match="cannot be read"):
        read(tmp_path, environ={variable: str(tmp_path / "nowhere")})
    with pytest.raises(SettingsError, match=r"mean 'serve\.port'"):
        read(tmp_path, environ={"RAGDESK_SERVE__PROT_FILE": str(tmp_path / "r.toml")})


def test_no_setting_ends_like_the_variable_of_a_file():
    assert [row.name for row in list_settings(Settings()) if row.name.endswith("_file")] == []


def test_a_flag_that_was_not_given_changes_nothing(tmp_path):
    assert read(tmp_path, "[serve]\nport = 7\n", serve__port=None).settings.serve.port == 7


@pytest.mark.parametrize(
    ("text", "environ", "message"),
    [
        (
            "[serve]\nprot = 4\n",
            {},
            r"Unknown setting 'serve\.prot'\. Did you mean 'serve\.port'\?",
        ),
        ("[server]\nport = 4\n", {}, r"Unknown setting 'server'.*Did you mean 'serve'"),
        ("[quite_other]\n", {}, "Unknown setting 'quite_other'. See them all: ragdesk settings"),
        ("port = 4\n", {}, r"Did you mean 'serve\.port'"),
        ("", {"RAGDESK_SERVE__PROT": "4"}, r"Did you mean 'serve\.port'\?"),
        ("", {"RAGDESK_SERVE__PORT__X": "4"}, "Unknown setting"),
        ("", {"RAGDESK_SERVE__PORT": "many"}, r"serve\.port \(RAGDESK_SERVE__PORT\): .*integer"),
        ("[serve]\nport = 70000\n", {}, "port must lie between 0 and 65535"),
        ('[indexes]\nbackend = "x"\n', {}, "backend must be one of faiss, milvus"),
        ('[advanced.rerank]\nbackend = "x"\n', {}, "backend must be one of cross-encoder"),
        ('[redaction]\nregions = ["UK"]\n', {}, "regions must be ISO codes .* not 'UK'"),
        ("[serve\n", {}, "is not TOML"),
        ('home = "/data"\n', {}, "home is set by --home"),
        ('[serve]\nport = "x"\n', {}, r"serve\.port \(.*r\.toml\)"),
        ("[advanced.retrieve]\nnera = 1\n", {}, r"mean 'advanced\.retrieve\.near'\?"),
        ("[retrieve]\nlexcal = 1\n", {}, r"mean 'advanced\.retrieve\.lexical'\?"),
        ("[advanced.retrieve]\ntop_k = 1\n", {}, r"Unknown setting 'advanced.*'retrieve\.top_k'"),
        ("[advanced.guard]\n", {}, r"Unknown setting 'advanced\.guard'"),
        (
            "",
            {"RAGDESK_GENERATE__CHAT_TEMPLATE_KWARGS": "thinking"},
            r"generate\.chat_template_kwargs \(RAGDESK_.*\): .*(dictionary|mapping)",
        ),
        ("[advanced]\nnear = 1\n", {}, r"Unknown setting 'advanced\.near'"),
        ("advanced = 1\n", {}, "Unknown setting 'advanced'"),
        ("", {"RAGDESK_ADVANCED__RETRIEVE": "1"}, r"Unknown setting 'advanced\.retrieve'"),
        ("", {"RAGDESK_ADVANCED__SERVE__PORT": "1"}, r"mean 'serve\.port'\?"),
        (
            '[advanced.retrieve]\nnear = "x"\n',
            {},
            r"^advanced\.retrieve\.near \(.*r\.toml\): .*number",
        ),
    ],
)
def test_what_is_wrong_is_named_with_where_it_stands(tmp_path, text, environ, message):
    with pytest.raises(SettingsError, match=message):
        read(tmp_path, text, environ)


def test_an_operator_is_shown_a_bounded_number_of_settings():
    rows = list_settings(Settings())
    shown = [row.name for row in rows if not row.is_advanced]
    assert len(shown) + len(["home"]) <= MOST_SHOWN
    tuned = {f"advanced.{table}.{key}" for table, keys in ADVANCED_FIELDS.items() for key in keys}
    assert tuned == {row.name for row in rows if row.is_advanced}


def test_a_file_of_0_1_0_takes_effect_and_is_warned_of_once(tmp_path, capsys):
    environ = {"RAGDESK_EXTRACT__CLOSE": "2", "RAGDESK_DECIDE__FLOOR": "0.7"}

    loaded = read(tmp_path, FILE_OF_0_1_0, environ)

    settings = loaded.settings
    assert (settings.serve.port, settings.serve.poll_seconds) == (9000, 2.0)
    retrieve = settings.retrieve
    assert (retrieve.top_k, retrieve.same, retrieve.lexical) == (5, 0.8, 0.7)
    extract = settings.extract
    assert (extract.most, extract.second, extract.close) == (4, 0.5, 2)
    assert settings.decide.floor == 0.7
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1
    for move in (
        "[serve] poll_seconds is now [advanced.serve] poll_seconds",
        "[retrieve] same is now [advanced.retrieve] same",
        "[retrieve] lexical is now [advanced.retrieve] lexical",
        "[extract] second is now [advanced.extract] second",
        "RAGDESK_EXTRACT__CLOSE is now RAGDESK_ADVANCED__EXTRACT__CLOSE",
    ):
        assert warning.count(move) == 1
    assert warning.count(" is now ") == 5
    assert str(loaded.file) in warning
    rows = {row.name: row for row in list_settings(settings, loaded.origins)}
    assert rows["advanced.retrieve.same"].origin.endswith("r.toml")
    assert rows["advanced.extract.close"].origin == "RAGDESK_EXTRACT__CLOSE"


def test_each_advanced_setting_is_still_read_from_its_old_place(tmp_path, capsys):
    default = Settings()
    lines, moves = [], []
    for table, keys in ADVANCED_FIELDS.items():
        lines.append(f"[{table}]")
        for key in keys:
            value = getattr(getattr(default, table), key)
            text = "true" if value is None else json.dumps(value)
            lines.append(f"{key} = {text}")
            moves.append(f"[{table}] {key} is now [advanced.{table}] {key}")

    loaded = read(tmp_path, "\n".join(lines))

    assert loaded.settings == replace(default, embed=replace(default.embed, reads_cjk=True))
    warning = capsys.readouterr().err
    assert [move for move in moves if move not in warning] == []
    assert warning.count("\n") == 1


def test_advanced_settings_are_read_from_file_and_variables_without_a_warning(tmp_path, capsys):
    text = "[advanced.retrieve]\nnear = 0.4\npool = 50\n"
    loaded = read(tmp_path, text, {"RAGDESK_ADVANCED__RETRIEVE__NEAR": "0.6"})
    assert (loaded.settings.retrieve.near, loaded.settings.retrieve.pool) == (0.6, 50)
    origins = {row.name: row.origin for row in list_settings(loaded.settings, loaded.origins)}
    assert origins["advanced.retrieve.near"] == "RAGDESK_ADVANCED__RETRIEVE__NEAR"
    assert origins["advanced.retrieve.pool"].endswith("r.toml")
    assert capsys.readouterr().err == ""


def test_the_new_name_wins_over_the_old_one_beside_it_but_variables_over_the_file(tmp_path, capsys):
    text = "[advanced.retrieve]\nnear = 0.4\n[retrieve]\nnear = 0.9\nlexical = 0.9\n"
    environ = {
        "RAGDESK_ADVANCED__RETRIEVE__POOL": "40",
        "RAGDESK_RETRIEVE__POOL": "90",
        "RAGDESK_RETRIEVE__LEXICAL": "0.7",
    }
    retrieve = read(tmp_path, text, environ).settings.retrieve
    assert (retrieve.near, retrieve.pool, retrieve.lexical) == (0.4, 40, 0.7)
    warning = capsys.readouterr().err
    assert "[retrieve] near is not used, as [advanced.retrieve] near is set too" in warning
    assert "RAGDESK_RETRIEVE__POOL is not used, as RAGDESK_ADVANCED__RETRIEVE__POOL is" in warning
    assert warning.count("\n") == 1


def test_home_and_file_are_found_where_the_contract_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def found(home: Path | None, environ: dict[str, str]) -> tuple[Path, Path | None]:
        loaded = load_settings(home=home, config=None, environ=environ)
        return loaded.home, loaded.file

    assert found(None, {}) == (Path("var"), None)
    assert found(None, {"RAGDESK_HOME": "/data"}) == (Path("/data"), None)
    assert found(Path("mine"), {"RAGDESK_HOME": "/data"}) == (Path("mine"), None)
    Path("mine").mkdir()
    Path("mine/ragdesk.toml").touch()
    assert found(Path("mine"), {})[1] == Path("mine/ragdesk.toml")
    Path("ragdesk.toml").touch()
    assert found(Path("mine"), {})[1] == Path("ragdesk.toml")


def test_a_settings_file_that_was_named_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match="No settings file at"):
        load_settings(home=None, config=tmp_path / "none.toml", environ={})


def test_lists_from_the_environment_are_split_at_commas(tmp_path):
    loaded = read(tmp_path, "", {"RAGDESK_SERVE__ALLOWED_HOSTS": "desk.example.org, desk"})
    assert loaded.settings.serve.allowed_hosts == ("desk.example.org", "desk")


LOOKUP = """
[lookups.order]
url = "https://erp.example/{value}/{sub}"
pattern = "ORD{digits:5}"
answer = { en = "It is {status}." }
"""


@pytest.mark.parametrize("words", ["", " ", ",", " , "])
@pytest.mark.parametrize(
    "variable",
    [
        "RAGDESK_LOOKUPS__ORDER__COLLECTIONS",
        "RAGDESK_SOURCES__WIKI__ROOTS",
        "RAGDESK_HANDOFF__HOURS",
        "RAGDESK_REDACTION__KINDS",
    ],
)
def test_an_empty_variable_is_no_list_that_would_limit_nothing(tmp_path, variable, words):
    with pytest.raises(SettingsError, match=f"{variable} is empty"):
        read(tmp_path, LOOKUP + SOURCE, {variable: words})


def test_an_empty_variable_is_an_empty_list_where_that_means_none(tmp_path):
    tables = LOOKUP + SOURCE + CHANNEL
    none = (
        *("CHANNELS__HELP__GROUPS", "LOOKUPS__ORDER__PRIVATE_NETWORKS", "HANDOFF__RULES"),
        *("SERVE__TRUSTED_PROXIES", "SERVE__ALLOWED_HOSTS", "GENERATE__URLS", "ALERTS__TO"),
    )
    environ = {"RAGDESK_SOURCES__WIKI__TOKEN": "t"}
    read_ = read(tmp_path, tables, environ | {f"RAGDESK_{name}": "" for name in none}).settings
    lists = (
        *(read_.channels["help"].groups, read_.lookups["order"].private_networks),
        *(read_.handoff.rules, read_.serve.trusted_proxies, read_.serve.allowed_hosts),
        *(read_.generate.urls, read_.alerts.to),
    )
    assert lists == ((),) * 7
    assert (
        read(tmp_path, tables, environ).settings.lookups["order"].collections == ()
    )  # all: not named


def test_an_empty_file_list_of_collections_is_all_as_it_is_written_by_hand(tmp_path):
    lookup = read(tmp_path, f"{LOOKUP}collections = []\n").settings.lookups["order"]
    assert lookup.collections == ()


def test_a_table_is_read_from_a_file_and_as_json_from_a_variable(tmp_path):
    inline = read(tmp_path, "[generate]\nchat_template_kwargs = { thinking = false }\n")
    table = read(tmp_path, "[generate.chat_template_kwargs]\nthinking = false\n")
    variable = read(tmp_path, "", {"RAGDESK_GENERATE__CHAT_TEMPLATE_KWARGS": '{"thinking": false}'})
    for loaded in (inline, table, variable):
        assert loaded.settings.generate.chat_template_kwargs == {"thinking": False}


def test_a_secret_is_shown_masked():
    @dataclass(frozen=True)
    class Backend:
        token: str = field(default="", metadata={"secret": True})

    assert [row.value for row in list_settings(Backend(token="s3cret"))] == [SECRET_MASK]  # noqa: S106 (a sample)
    assert [row.value for row in list_settings(Backend())] == [""]


@pytest.mark.parametrize("place", ["ragdesk.toml", "var/ragdesk.toml"])
@pytest.mark.parametrize("fault", [None, "writable", "foreign"])
def test_a_file_of_the_current_folder_is_used_if_it_is_ours_and_named(
    tmp_path, monkeypatch, capsys, place, fault
):
    monkeypatch.chdir(tmp_path)
    file = Path(place)
    file.parent.mkdir(exist_ok=True)
    file.write_text("[serve]\nport = 7\n", encoding="utf-8")
    if fault == "writable":
        file.chmod(0o666)
    if fault == "foreign":
        if os.geteuid():
            pytest.skip("only root may give a file away")
        os.chown(file, 12_345, 12_345)

    port = load_settings(home=None, config=None, environ={}).settings.serve.port

    told = capsys.readouterr().err
    assert port == (8080 if fault else 7)
    assert place in told
    assert ("not used" in told) == bool(fault)
    assert (
        load_settings(home=None, config=file, environ={}).settings.serve.port == 7
    )  # it was named
    assert load_settings(home=Path("var"), config=None, environ={}).settings.serve.port == (
        7 if place.startswith("var") or not fault else 8080
    )


def test_a_link_of_somebody_else_is_not_followed(tmp_path, monkeypatch, capsys):
    if os.geteuid():
        pytest.skip("only root may give a link away")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("[serve]\nport = 7\n", encoding="utf-8")
    Path("ragdesk.toml").symlink_to(tmp_path / "mine.toml")
    os.lchown("ragdesk.toml", 12_345, 12_345)

    assert load_settings(home=None, config=None, environ={}).settings.serve.port == 8080
    assert "another user" in capsys.readouterr().err


def test_channels_are_as_many_as_an_operator_names_and_their_secrets_are_masked(tmp_path):
    text = '[channels.help]\nkind = "slack"\nsecret = "s1"\ntoken = "t1"\ngroups = ["staff"]\n'
    loaded = read(tmp_path, text, {"RAGDESK_CHANNELS__HELP__COLLECTION": "faq"})

    options = loaded.settings.channels["help"]
    assert (options.kind, options.collection, options.groups) == ("slack", "faq", ("staff",))
    rows = {row.name: row.value for row in list_settings(loaded.settings)}
    assert rows["channels.help.secret"] == rows["channels.help.token"] == SECRET_MASK
    for wrong, message in (
        ('[channels.help]\nkind = "slack"\n', "slack needs secret, token"),
        ('[channels.help]\nkind = "irc"\n', "channels.help.kind"),
        ('[channels."a b"]\nkind = "slack"\n', "channels.a b"),
        ('[channels.help]\nkindd = "slack"\n', "Unknown setting"),
    ):
        with pytest.raises(SettingsError, match=message):
            read(tmp_path, wrong, {})


CHANNEL = """
[channels.help]
kind = "slack"
secret = "s"
token = "t"
"""
SOURCE = """
[sources.wiki]
kind = "confluence"
address = "https://example.atlassian.net/wiki"
user = "desk@example.com"
groups = { "all-staff" = ["staff"] }
"""


def test_a_source_has_a_table_of_its_name_and_its_token_is_shown_masked(tmp_path):
    loaded = read(tmp_path, SOURCE, {"RAGDESK_SOURCES__WIKI__TOKEN": "very-secret"})
    wiki = loaded.settings.sources["wiki"]
    assert (wiki.token, wiki.groups) == ("very-secret", {"all-staff": ("staff",)})
    assert "very-secret" not in repr(loaded.settings)
    shown = {row.name: row.value for row in list_settings(loaded.settings, loaded.origins)}
    assert shown["sources.wiki.token"] == SECRET_MASK


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[sources.a]\nkind = "ftp"\n', r"sources\.a\.kind"),
        ('[sources.a]\nkind = "website"\n', "address must be set"),
        ('[sources.a]\nkind = "website"\naddress = "ftp://x"\n', "must be a web address"),
        ('[sources.a]\nkind = "website"\naddress = "https://u:p@x"\n', "must be a web address"),
        ('[sources.a]\nkind = "notion"\n', "token must be set"),
        ('[sources.a]\nkind = "website"\naddress = "https://x"\ntoken = "y"\n', "everybody sees"),
        ('[sources.a]\nkind = "notion"\ntoken = "a\\nb"\n', "printable"),
        ('[sources.a]\nkind = "feishu"\ntoken = "x"\n', "user must be set"),
        ('[sources.a]\nkind = "notion"\ntoken = "x"\nhosts = ["x"]\n', "website alone"),
        ('[sources.a]\nkind = "notion"\ntoken = "x"\nrate = 0.0\n', "rate"),
        ('[sources.a]\nkind = "notion"\ntoken = "x"\nprivate_networks = ["x"]\n', "'x'"),
        ('[sources."A B"]\nkind = "website"\n', "lower-case"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_by_name(tmp_path, text, message):
    with pytest.raises(SettingsError, match=message):
        read(tmp_path, text)
