"""``ragdesk keys``: create, list and revoke keys of the HTTP API."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import click

from ragdesk.cli import shared_options, terminal
from ragdesk.errors import HomeUnusable
from ragdesk.settings import load_settings
from ragdesk.support.access import ROLE_SCOPES, SCOPES, Key, StaffRole, find_role
from ragdesk.support.key_store import KeyStore, open_home_database
from ragdesk.support.sign_in.audit_log import COMMAND_LINE, record_audit
from ragdesk.support.sign_in.publishable_keys import PublishableKey, PublishableKeyStore

KEYS_EXAMPLES = """
\b
Examples:
  ragdesk keys create website
  ragdesk keys create intranet --groups staff,managers --days 90
  ragdesk keys create "Mia of support" --role agent --groups staff
  ragdesk keys create uploader --scope write --collections handbook
  ragdesk keys create shop --publishable --origins https://shop.example
  ragdesk keys list
  ragdesk keys revoke 1f0c92ab
"""


@contextmanager
def open_keys(call: shared_options.CliCall) -> Iterator[KeyStore]:
    """Open the keys of the home and database that a call names."""
    loaded = load_settings(home=call.home, config=call.config)
    with closing(open_home_database(loaded.home, loaded.settings.support.database)) as database:
        yield KeyStore(loaded.home, database)


@click.group("keys", epilog=KEYS_EXAMPLES)
def command() -> None:
    """Create, list and revoke keys of the HTTP API.

    From the first key on every request needs one, on loopback too. Keys are stored hashed.
    """


@command.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="May be given several times [ask]. admin may do everything, and sees every document.",
)
@click.option(
    "--role", type=click.Choice([*ROLE_SCOPES]), help="The scopes of a role, in place of --scope."
)
@click.option(
    "--groups", callback=shared_options.parse_names, help="Groups, with commas between them."
)
@click.option("--collections", callback=shared_options.parse_names, help="Only these [all].")
@click.option("--days", type=click.IntRange(min=1), help="Days until it expires [never].")
@click.option(
    "--publishable",
    is_flag=True,
    help="For the visitors of a website: may stand in its pages. Sees open documents alone.",
)
@click.option(
    "--origins", callback=shared_options.parse_names, help="Of a website's pages: https://…"
)
@click.option(
    "--daily-answers", type=click.IntRange(min=0), help="By the model, for a publishable key."
)
@shared_options.json_option
@click.pass_obj
def keys_create(  # noqa: PLR0913, one parameter an option
    call: shared_options.CliCall,
    *,
    name: str,
    scopes: tuple[str, ...],
    role: StaffRole | None,
    groups: frozenset[str] | None,
    collections: frozenset[str] | None,
    days: int | None,
    publishable: bool,
    origins: frozenset[str] | None,
    daily_answers: int | None,
    as_json: bool,
) -> None:
    """Create a key, and show it this once.

    A publishable key is for one collection, default, unless --collections names others.
    """
    if role is not None and scopes:
        raise click.UsageError("Name a role or scopes, not both: a role is a set of scopes.")
    if publishable and (scopes or role or groups):
        raise click.UsageError("A publishable key has no scopes, role or groups: it may only ask.")
    if publishable and not origins:
        raise click.UsageError("Name the origins of the website's pages: --origins https://…")
    if not publishable and (origins or daily_answers is not None):
        raise click.UsageError("--origins and --daily-answers are of publishable keys.")
    if publishable:
        _create_publishable(
            call,
            name=name,
            origins=origins or frozenset(),
            collections=collections,
            daily_answers=daily_answers,
            days=days,
        )
        return
    names = ROLE_SCOPES[role] if role else scopes or ("ask",)
    with open_keys(call) as keys:
        key, token = keys.create(
            name, scopes=names, groups=groups or (), collections=collections or (), days=days
        )
        record_audit(keys.database, COMMAND_LINE, "key.create", key.id)
        try:
            if as_json:
                shared_options.print_json({**_key_as_json(key), "key": token})
            else:
                click.echo(token)
        except OSError as error:
            keys.revoke(key.id)
            raise HomeUnusable(
                f"The key could not be shown ({error}) and was revoked. Make another one: "
                "ragdesk keys create NAME"
            ) from error
    if as_json:
        return
    click.echo("Keep it now: it is stored hashed and cannot be shown again. Use it so:", err=True)
    click.echo(f'  curl -H "Authorization: Bearer {token[:6]}…" …/v1/answers', err=True)


def _create_publishable(  # noqa: PLR0913, one parameter an option
    call: shared_options.CliCall,
    *,
    name: str,
    origins: frozenset[str],
    collections: frozenset[str] | None,
    daily_answers: int | None,
    days: int | None,
) -> None:
    with open_keys(call) as keys:
        key = PublishableKeyStore(keys).create(
            name,
            origins=origins,
            collections=collections or {shared_options.DEFAULT_COLLECTION},
            daily_answers=daily_answers,
            days=days,
        )
        record_audit(keys.database, COMMAND_LINE, "key.create", key.id)
    if call.json:
        shared_options.print_json(_publishable_as_json(key))
        return
    click.echo(key.token)
    click.echo("It may stand in the pages of the website. The chat comes there by", err=True)
    click.echo(f'  <script src="…/widget.js" data-key="{key.token}" async></script>', err=True)
    click.echo("A visitor is made with it by", err=True)
    click.echo(f'  curl -X POST -H "Authorization: Bearer {key.token}" …/v1/visitors', err=True)


@command.command("list")
@shared_options.json_option
@click.pass_obj
def keys_list(call: shared_options.CliCall, *, as_json: bool) -> None:
    """List every key ever made."""
    with open_keys(call) as keys:
        listed = keys.list_keys()
        sites = PublishableKeyStore(keys).list_keys()
    if as_json:
        published = [_publishable_as_json(key) for key in sites]
        shared_options.print_json(
            {"keys": [_key_as_json(key) for key in listed], "publishable": published}
        )
        return
    if not listed and not sites:
        click.echo("No keys. Make one: ragdesk keys create NAME")
        return
    heads = ("id", "name", "role", "scopes", "groups", "collections", "created", "state")
    lines = [
        (
            key.id,
            key.name,
            str(find_role(key.scopes) or ""),
            _format_names(key.scopes),
            _format_names(key.groups),
            _format_names(key.collections) or "all",
            _format_day(key.created),
            _key_state(key),
        )
        for key in listed
    ]
    lines += [
        (
            key.id,
            key.name,
            "visitors",
            f"ask, from {_format_names(key.origins)}",
            "",
            _format_names(key.collections),
            _format_day(key.created),
            _key_state(key),
        )
        for key in sites
    ]
    terminal.print_table(terminal.open_console(), heads, lines)


@command.command("revoke")
@click.argument("name", metavar="ID")
@shared_options.json_option
@click.pass_obj
def keys_revoke(call: shared_options.CliCall, *, name: str, as_json: bool) -> None:
    """Revoke a key; it is refused from the next request on, and so are its sessions."""
    with open_keys(call) as keys:
        sites = PublishableKeyStore(keys)
        if any(key.id == name for key in sites.list_keys()):
            site = sites.revoke(name)
            values, label = _publishable_as_json(site), site.name
        else:
            key = keys.revoke(name)
            values, label = _key_as_json(key), key.name
        record_audit(keys.database, COMMAND_LINE, "key.revoke", name)
    if as_json:
        shared_options.print_json(values)
        return
    click.echo(f"Revoked {name} ({label}).")


def _publishable_as_json(key: PublishableKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "key": key.token,
        "origins": sorted(key.origins),
        "collections": sorted(key.collections),
        "daily_answers": key.daily_answers,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "state": _key_state(key),
    }


def _key_as_json(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "role": find_role(key.scopes),
        "scopes": sorted(key.scopes),
        "groups": sorted(key.groups),
        "collections": sorted(key.collections),
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "state": _key_state(key),
    }


def _key_state(key: Key | PublishableKey) -> str:
    if key.revoked is not None:
        return "revoked"
    return "valid" if key.is_valid(time.time()) else "expired"


def _format_names(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _format_day(at: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))
