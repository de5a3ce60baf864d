"""``ragdesk backup``: a home with its database in one file."""

from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from ragdesk.cli import shared_options
from ragdesk.cli.call_workspace import load_workspace
from ragdesk.errors import SettingsError
from ragdesk.home_backup import write_home_backup
from ragdesk.support.key_store import KeyStore, open_home_database
from ragdesk.support.sign_in.audit_log import COMMAND_LINE, record_audit

BACKUP_EXAMPLES = """
\b
Examples:
  ragdesk backup /backups/monday.rdh
  ragdesk --home /srv/new restore /backups/monday.rdh
"""


@click.command("backup", epilog=BACKUP_EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@shared_options.json_option
@click.pass_obj
def command(call: shared_options.CliCall, *, file: Path, as_json: bool) -> None:
    """Write every collection and the database, of one moment, into one FILE with checksums.

    A server may go on meanwhile. Settings and the encryption key are no part of it: keep the key
    elsewhere, or what it sealed cannot be read again.
    """
    if file.exists():
        raise SettingsError(f"{file} is there already. Name another file.")
    workspace = load_workspace(call)
    address = workspace.settings.support.database
    with closing(open_home_database(workspace.home, address)) as database:
        KeyStore(workspace.home, database)  # notes in it whether this desk had keys
        written = write_home_backup(workspace, database, file)
        record_audit(database, COMMAND_LINE, "backup.create", str(file))
    if as_json:
        shared_options.print_json({"file": str(file), **asdict(written)})
        return
    rows = sum(written.rows.values())
    click.echo(
        f"{len(written.collections)} collections and {rows:,} rows are in {file} "
        f"({written.size / 1e6:,.1f} MB)."
    )
