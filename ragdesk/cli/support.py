"""``ragdesk support``: what is kept of a person, exported or erased; keys rotated; old turns."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from ragdesk.cli import shared_options
from ragdesk.errors import Invalid
from ragdesk.settings import load_settings
from ragdesk.support.conversations.retention import delete_old_conversations
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher, read_encryption_keys
from ragdesk.support.key_store import open_home_database
from ragdesk.support.learning.learning_data import remove_orphan_cases
from ragdesk.support.personal_data import erase_person, export_person
from ragdesk.support.sign_in.audit_log import COMMAND_LINE, record_audit
from ragdesk.support.support_options import SupportOptions
from ragdesk.support.text_rotation import rotate_texts

SUPPORT_EXAMPLES = """
\b
Examples:
  ragdesk support export local > mine.json
  ragdesk support erase key:1f0c92ab
  ragdesk support rotate
"""


@contextmanager
def open_support(call: shared_options.CliCall) -> Iterator[tuple[Database, SupportOptions]]:
    """Open the database that a call names, with the settings of what is kept in it."""
    loaded = load_settings(home=call.home, config=call.config)
    options = loaded.settings.support
    with closing(open_home_database(loaded.home, options.database)) as database:
        yield database, options


@click.group("support", epilog=SUPPORT_EXAMPLES)
def command() -> None:
    """Export or erase what is kept of a person; encrypt anew; delete what is old.

    A person is who owns conversations: local, key:ID, staff:ID or visitor:KEY:ID. Backups and
    logs are not looked into: delete backups with the file, and logs hold no texts.
    """


@command.command("export")
@click.argument("person")
@click.pass_obj
def support_export(call: shared_options.CliCall, *, person: str) -> None:
    """Write all that is kept of PERSON as JSON."""
    with open_support(call) as (database, options):
        cipher = TextCipher(read_encryption_keys(options.encryption_key))
        exported = export_person(database, cipher, person)
        record_audit(database, COMMAND_LINE, "person.export", person)
        click.echo(json.dumps(exported, ensure_ascii=False))


@command.command("erase")
@click.argument("person")
@shared_options.json_option
@click.pass_obj
def support_erase(call: shared_options.CliCall, *, person: str, as_json: bool) -> None:
    """Delete all that is kept of PERSON. Backups that were made before still hold it."""
    with open_support(call) as (database, _):
        erased = erase_person(database, person)
        record_audit(database, COMMAND_LINE, "person.erase", person)
        home = load_settings(home=call.home, config=call.config).home
        erased["cases"] = remove_orphan_cases(database, (home / "collections").glob("*/"))
    if as_json:
        shared_options.print_json({"person": person, "erased": erased})
        return
    click.echo(f"Erased of {person}: " + ", ".join(f"{n} {kind}" for kind, n in erased.items()))
    click.echo("Backups made before still hold it.", err=True)


@command.command("rotate")
@shared_options.json_option
@click.pass_obj
def support_rotate(call: shared_options.CliCall, *, as_json: bool) -> None:
    """Encrypt everything with the newest key. A running server may go on, with the same keys.

    Afterwards support.encryption_key needs the newest one alone.
    """
    with open_support(call) as (database, options):
        cipher = TextCipher(read_encryption_keys(options.encryption_key))
        if not cipher.key_id:
            raise Invalid("support.encryption_key is empty: there is no key to encrypt with.")
        count = rotate_texts(database, cipher)
        record_audit(database, COMMAND_LINE, "text.rotate", cipher.key_id)
    if as_json:
        shared_options.print_json({"rows": count, "key": cipher.key_id})
        return
    click.echo(f"Encrypted {count:,} rows with the key {cipher.key_id}. Nothing needs another key.")


@command.command("prune")
@click.option("--days", type=click.IntRange(min=1), help="Days [support.retention_days].")
@shared_options.json_option
@click.pass_obj
def support_prune(call: shared_options.CliCall, *, days: int | None, as_json: bool) -> None:
    """Delete conversations that nobody went on with for some days. A server does so by itself."""
    with open_support(call) as (database, options):
        count = delete_old_conversations(database, days or options.retention_days)
    if as_json:
        shared_options.print_json({"conversations": count})
        return
    click.echo(f"Deleted {count:,} conversations.")
