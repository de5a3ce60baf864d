"""``ragdesk restore``: a home and its database as a backup holds them."""

import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from ragdesk.cli import shared_options
from ragdesk.cli.call_workspace import load_workspace
from ragdesk.home_backup import restore_home_backup
from ragdesk.home_lock import take_home
from ragdesk.support.key_store import open_home_database
from ragdesk.support.replicas.replica_registry import require_silence
from ragdesk.support.sign_in.audit_log import COMMAND_LINE, record_audit

RESTORE_EXAMPLES = """
\b
Examples:
  ragdesk --home /srv/new restore /backups/monday.rdh
"""


@click.command("restore", epilog=RESTORE_EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Also over what the home and its database hold.")
@shared_options.json_option
@click.pass_obj
def command(call: shared_options.CliCall, *, file: Path, replace: bool, as_json: bool) -> None:
    """Restore what ragdesk backup wrote into FILE. Stop the servers of this home first.

    While one runs, or an ingest, nothing is restored: exit code 75. With PostgreSQL a server that
    was killed is waited for, 15 seconds at most.

    Every sum is checked before. The database may be of another kind than the one that was backed
    up: so a desk moves from SQLite to PostgreSQL.
    """
    workspace = load_workspace(call)
    address = workspace.settings.support.database
    with (
        take_home(workspace.home),
        closing(open_home_database(workspace.home, address)) as database,
    ):
        require_silence(database, time.sleep)
        restored = restore_home_backup(workspace, database, file, replace=replace)
        record_audit(database, COMMAND_LINE, "backup.restore", str(file))
    if as_json:
        shared_options.print_json({"file": str(file), **asdict(restored)})
        return
    rows = sum(restored.rows.values())
    names = ", ".join(restored.collections) or "none"
    click.echo(f"Restored of {restored.created}: {rows:,} rows; collections: {names}.")
