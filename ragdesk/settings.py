"""The settings of an operator: read once, at the start.

Defaults stand in the option classes, beside the code they turn. Over them go the settings
file, then ``RAGDESK_SECTION__KEY`` variables, then flags. This is the only reader of both.
``RAGDESK_SECTION__KEY_FILE`` names a file that holds the value, as secrets come to containers.
An option is named by its table and field everywhere inside (``retrieve.near``); the name that
an operator writes and sees may be another one (``advanced.retrieve.near``).
"""

import difflib
import os
import re
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from indexes.embedding.embedder import EmbedOptions
from indexes.options import IndexesOptions
from indexes.text.redaction.redaction import RedactionOptions
from ingest.connectors.source_options import RemoteSourceOptions
from ingest.parse.parse_options import ParseOptions
from ingest.runners import RayOptions
from ingest.sandbox.guard import GuardOptions
from ingest.split import SplitOptions
from ragdesk.advanced_settings import (
    ADVANCED_FIELDS,
    ADVANCED_TABLE,
    is_advanced,
    option_name,
    setting_name,
)
from ragdesk.answering.answer_cache.cache_options import AnswerCacheOptions
from ragdesk.answering.answer_options import ClarifyOptions, DecideOptions
from ragdesk.answering.contact_options import ContactOptions
from ragdesk.answering.reading.reading_options import ExtractOptions, ReaderOptions
from ragdesk.answering.retrieval.retrieval_options import RerankOptions, RetrieveOptions
from ragdesk.answering.turns.turn_options import TurnOptions
from ragdesk.answering.writing.writing_options import (
    GenerateOptions,
    GroundOptions,
    VerifyOptions,
    VllmOptions,
)
from ragdesk.errors import SettingsError
from ragdesk.setting_types import named_options, option_type, parse_variable
from ragdesk.support.chat_channels.chat_options import ChatOptions
from ragdesk.support.handoff.handoff_options import (
    ChatwootOptions,
    HandoffMailOptions,
    HandoffOptions,
    HandoffWebhookOptions,
    ZendeskOptions,
)
from ragdesk.support.insight.alert_options import AlertOptions, SurgeOptions
from ragdesk.support.learning.approval import LearningOptions
from ragdesk.support.lookups.lookup_options import LookupOptions
from ragdesk.support.sign_in.sign_in_options import SignInOptions
from ragdesk.support.support_options import SupportOptions
from ragdesk.telemetry import TelemetryOptions
from ragdesk.web.limit_options import LimitOptions
from ragdesk.web.page_options import PageOptions
from ragdesk.web.serve_options import ServeOptions

ENVIRONMENT_PREFIX = "RAGDESK_"
NO_SETTINGS = frozenset({"RAGDESK_HOME", "RAGDESK_KEY"})  # the second is of ragdesk mcp
FILE_SUFFIX = "_FILE"  # of a variable that names the file with a setting's value
DEFAULT_HOME = Path("var")
SETTINGS_FILE = "ragdesk.toml"
TABLE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")  # of those that an operator names
SECRET_MASK = "••••••"  # noqa: S105, what is shown in place of one
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The tables of the settings file, one per step."""

    guard: GuardOptions = field(default_factory=GuardOptions)
    parse: ParseOptions = field(default_factory=ParseOptions)
    redaction: RedactionOptions = field(default_factory=RedactionOptions)
    split: SplitOptions = field(default_factory=SplitOptions)
    embed: EmbedOptions = field(default_factory=EmbedOptions)
    ray: RayOptions = field(default_factory=RayOptions)
    indexes: IndexesOptions = field(default_factory=IndexesOptions)
    retrieve: RetrieveOptions = field(default_factory=RetrieveOptions)
    rerank: RerankOptions = field(default_factory=RerankOptions)
    reader: ReaderOptions = field(default_factory=ReaderOptions)
    extract: ExtractOptions = field(default_factory=ExtractOptions)
    decide: DecideOptions = field(default_factory=DecideOptions)
    clarify: ClarifyOptions = field(default_factory=ClarifyOptions)
    turns: TurnOptions = field(default_factory=TurnOptions)
    contact: ContactOptions = field(default_factory=ContactOptions)
    generate: GenerateOptions = field(default_factory=GenerateOptions)
    vllm: VllmOptions = field(default_factory=VllmOptions)
    ground: GroundOptions = field(default_factory=GroundOptions)
    verify: VerifyOptions = field(default_factory=VerifyOptions)
    answer_cache: AnswerCacheOptions = field(default_factory=AnswerCacheOptions)
    page: PageOptions = field(default_factory=PageOptions)
    serve: ServeOptions = field(default_factory=ServeOptions)
    telemetry: TelemetryOptions = field(default_factory=TelemetryOptions)
    alerts: AlertOptions = field(default_factory=AlertOptions)
    surge: SurgeOptions = field(default_factory=SurgeOptions)
    learning: LearningOptions = field(default_factory=LearningOptions)
    support: SupportOptions = field(default_factory=SupportOptions)
    sign_in: SignInOptions = field(default_factory=SignInOptions)
    limits: LimitOptions = field(default_factory=LimitOptions)
    handoff: HandoffOptions = field(default_factory=HandoffOptions)
    handoff_webhook: HandoffWebhookOptions = field(default_factory=HandoffWebhookOptions)
    handoff_zendesk: ZendeskOptions = field(default_factory=ZendeskOptions)
    handoff_chatwoot: ChatwootOptions = field(default_factory=ChatwootOptions)
    handoff_mail: HandoffMailOptions = field(default_factory=HandoffMailOptions)
    channels: Mapping[str, ChatOptions] = field(default_factory=dict)
    lookups: Mapping[str, LookupOptions] = field(default_factory=dict)
    sources: Mapping[str, RemoteSourceOptions] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings, where home is, and where each option that is no default came from."""

    home: Path
    settings: Settings
    file: Path | None
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One effective setting, as it may be shown: secrets are masked."""

    name: str
    value: Any
    origin: str
    is_advanced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _WrittenSetting:
    """A setting as a file or a variable names it, the option that it means, and its value.

    origin: the file or the variable. place, new_place: the name as it is written there, and as
    it is to be written now.
    """

    option: str
    value: Any
    origin: str
    place: str
    new_place: str

    @property
    def has_moved(self) -> bool:
        return self.place != self.new_place


def load_settings(
    *,
    home: Path | None,
    config: Path | None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> LoadedSettings:
    """Find home and the settings file, and read what holds.

    ``environ`` is the process's unless given. ``flags`` are dotted names and values, such as
    ``{"serve.port": 80}``; None was not given. Raises SettingsError.
    """
    environ = os.environ if environ is None else environ
    home_folder, home_origin = _find_home(home, environ)
    file, text = _find_file(config, home_folder, is_named=home_origin != "default")
    values, origins = _merge_layers(file, text, environ, flags or {})
    settings = validate_options(Settings, values, origins)
    return LoadedSettings(
        home=home_folder, settings=settings, file=file, origins={"home": home_origin, **origins}
    )


def _find_home(flag: Path | None, environ: Mapping[str, str]) -> tuple[Path, str]:
    if flag is not None:
        return flag, "--home"
    if variable := environ.get(f"{ENVIRONMENT_PREFIX}HOME"):
        return Path(variable), f"{ENVIRONMENT_PREFIX}HOME"
    return DEFAULT_HOME, "default"


def _find_file(config: Path | None, home: Path, *, is_named: bool) -> tuple[Path | None, str]:
    """Find the settings file, and read it once. is_named: home was named, not the default.

    A file that lies in the current folder was perhaps put there by somebody else: it is taken
    only from the user who runs this, or from root, and then named.
    """
    if config is not None:
        if not config.is_file():
            raise SettingsError(f"No settings file at {config}. Leave --config out, or name one.")
        return config, _read_settings_file(config)
    for file in (Path(SETTINGS_FILE), home / SETTINGS_FILE):
        if file.is_file():
            if is_named and file.parent == home:
                return file, _read_settings_file(file)
            if (text := _read_trusted(file)) is not None:
                sys.stderr.write(f"ragdesk: settings of {file} hold here\n")
                return file, text
    return None, ""


def _read_settings_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}.") from error


def _read_trusted(file: Path) -> str | None:
    """Read a file, or say why it is not ours to trust and give None: no one may swap it between."""
    with file.open("rb") as stream:
        links = (file.lstat(), os.fstat(stream.fileno()))
        if any(known.st_uid not in {0, os.geteuid()} for known in links):
            reason = "it belongs to another user"
        elif links[1].st_mode & stat.S_IWOTH:
            reason = "every user may write it"
        else:
            try:
                return stream.read().decode("utf-8")
            except UnicodeDecodeError as error:
                raise SettingsError(f"{file} is not TOML: {error}.") from error
    sys.stderr.write(
        f"ragdesk: settings of {file} are not used: {reason}. "
        f"Name it if it is meant: --config {file}\n"
    )
    return None


def _merge_layers(
    file: Path | None, text: str, environ: Mapping[str, str], flags: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Lay file, variables and flags over each other; warn once of all settings that have moved."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    moves: list[str] = []
    for layer in (_file_entries(file, text), _variable_entries(environ)):
        new_places = {entry.option for entry in layer if not entry.has_moved}
        for entry in layer:
            if entry.has_moved and entry.option in new_places:
                moves.append(f"{entry.place} is not used, as {entry.new_place} is set too")
                continue
            if entry.has_moved:
                moves.append(f"{entry.place} is now {entry.new_place}")
            _put_value(values, entry.option, entry.value)
            origins[entry.option] = entry.origin
    for name, value in flags.items():
        if value is not None:
            option = _resolve_name(name)
            _put_value(values, option, value)
            origins[option] = f"--{option.rpartition('.')[2].replace('_', '-')}"
    if moves:
        _warn_of_moves(file, moves)
    return values, origins


def _warn_of_moves(file: Path | None, moves: Sequence[str]) -> None:
    where = f" of {file}" if file and any(move.startswith("[") for move in moves) else ""
    sys.stderr.write(
        f"ragdesk: settings{where} have moved; their old names still work: {'; '.join(moves)}. "
        "See: ragdesk settings --advanced\n"
    )


def _file_entries(file: Path | None, text: str) -> list[_WrittenSetting]:
    entries = []
    for name, value in _iter_file_values(file, text):
        option = _resolve_name(name)
        entries.append(
            _WrittenSetting(
                option=option,
                value=value,
                origin=str(file),
                place=_file_place(name),
                new_place=_file_place(setting_name(option)),
            )
        )
    return entries


def _file_place(name: str) -> str:
    """Write a dotted name as it stands in a file: ``[serve] port``."""
    table, _, key = name.rpartition(".")
    return f"[{table}] {key}"


def _variable_entries(environ: Mapping[str, str]) -> list[_WrittenSetting]:
    entries = []
    for variable, words in sorted(environ.items()):
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in NO_SETTINGS:
            name = variable.removesuffix(FILE_SUFFIX)
            if name != variable and not words:  # names no file: as if it were not set
                continue
            option = _resolve_name(name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", "."))
            if name != variable and name in environ:
                raise SettingsError(f"{name} and {variable} are both set. Leave one out.")
            value = words if name == variable else _read_secret(variable, words)
            new_name = setting_name(option).upper().replace(".", "__")
            entries.append(
                _WrittenSetting(
                    option=option,
                    value=parse_variable(variable, value, Settings, option),
                    origin=variable,
                    place=name,
                    new_place=f"{ENVIRONMENT_PREFIX}{new_name}",
                )
            )
    return entries


def _read_secret(variable: str, path: str) -> str:
    """Read the value of a setting from the file that a variable names, as containers have them.

    The line's end goes, as editors put one there. An empty file is refused: it is a secret that
    was to be written and was not.
    """
    try:
        value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable}: {path} cannot be read: {error}.") from error
    if not value:
        raise SettingsError(f"{variable}: {path} is empty. Write the value into it.")
    return value


def _iter_file_values(file: Path | None, text: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted name of each setting of a file, as it is written there, and its value."""
    if file is None:
        return
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}.") from error
    for table, content in tables.items():
        if table == ADVANCED_TABLE and isinstance(content, Mapping):
            for key, subtable in content.items():
                yield from _iter_table(f"{table}.{key}", subtable)
        elif table == "home" and not isinstance(content, Mapping):
            raise SettingsError(
                f"{file}: home is set by --home or {ENVIRONMENT_PREFIX}HOME, not in a file."
            )
        else:
            yield from _iter_table(table, content)


def _iter_table(table: str, content: object) -> Iterator[tuple[str, Any]]:
    if not isinstance(content, Mapping) or table not in _list_tables():
        raise _unknown_setting(table)
    for key, value in content.items():
        if table in list_named_tables() and isinstance(value, Mapping):
            check_table_name(table, key)
            yield from ((f"{table}.{key}.{option}", part) for option, part in value.items())
        else:
            yield f"{table}.{key}", value


def _put_value(values: dict[str, Any], option: str, value: Any) -> None:
    *tables, key = option.split(".")
    for table in tables:
        values = values.setdefault(table, {})
    values[key] = value


def _resolve_name(name: str) -> str:
    """Return the option that a setting's name means; an unknown one is refused."""
    option = option_name(name)
    if option is None or option_type(Settings, option) is None:
        raise _unknown_setting(name)
    return option


def list_named_tables() -> Mapping[str, type]:
    """List the tables that an operator makes as many of as are needed: ``[lookups.NAME]``."""
    hints = {part: named_options(hint) for part, hint in get_type_hints(Settings).items()}
    return {part: options for part, options in hints.items() if options is not None}


def check_table_name(table: str, name: str) -> None:
    """Raise SettingsError for a name that an operator may not give: ``[lookups.NAME]``."""
    if not TABLE_NAME.fullmatch(name):
        raise SettingsError(
            f"[{table}.{name}]: a name has lower-case letters, digits, - and _, at most 63 of them."
        )


def _list_tables() -> list[str]:
    tables = [part.name for part in fields(Settings)]
    return tables + [f"{ADVANCED_TABLE}.{table}" for table in ADVANCED_FIELDS]


def _unknown_setting(name: str) -> SettingsError:
    """Refuse a name with the nearest setting, whether that is sought as an advanced one or not."""
    known = {table: table for table in _list_tables()}
    for row in list_settings(Settings()):
        option = row.name.removeprefix(f"{ADVANCED_TABLE}.")
        known[option] = known[f"{ADVANCED_TABLE}.{option}"] = row.name
    close = [other for other in known if "." in other and other.rpartition(".")[2] == name]
    close = (
        close
        or difflib.get_close_matches(name, known, n=1)
        or [other for other in known if other.rpartition(".")[2] == name.rpartition(".")[2]]
    )
    hint = f"Did you mean {known[close[0]]!r}?" if close else "See them all: ragdesk settings"
    return SettingsError(f"Unknown setting {name!r}. {hint}")


def validate_options(cls: type[T], values: Mapping[str, Any], origins: Mapping[str, str]) -> T:
    """Make options of plain values. Raises SettingsError naming the setting and its origin."""
    try:
        return TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or cls.__name__
        origin = next((o for n, o in origins.items() if n.startswith(name)), "default")
        message = re.sub(r"^Value error, ", "", first["msg"])
        raise SettingsError(f"{setting_name(name)} ({origin}): {message}.") from error


def is_options(value: object) -> TypeGuard[Any]:
    """Tell whether a value is an options object, a table of the settings file."""
    return is_dataclass(value) and not isinstance(value, type)


def list_settings(
    options: object, origins: Mapping[str, str] | None = None, under: str = ""
) -> list[SettingRow]:
    """List effective settings, in the order of their tables. Secrets are masked.

    origins: where an option that is no default came from, by the option's name.

    A field is a secret when its metadata says so: ``field(metadata={"secret": True})``.
    """
    listed: list[SettingRow] = []
    for part in fields(options) if is_options(options) else ():
        value = getattr(options, part.name)
        name = f"{under}{part.name}"
        if is_options(value):
            listed += list_settings(value, origins, under=f"{name}.")
            continue
        if not under and name in list_named_tables() and isinstance(options, Settings):
            for key, named in value.items():
                listed += list_settings(named, origins, under=f"{name}.{key}.")
            continue
        visible = SECRET_MASK if part.metadata.get("secret") and value else value
        listed.append(
            SettingRow(
                name=setting_name(name),
                value=visible,
                origin=(origins or {}).get(name, "default"),
                is_advanced=is_advanced(name),
            )
        )
    return listed
