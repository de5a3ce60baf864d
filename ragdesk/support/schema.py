"""The whole ``METADATA``: every package's tables, for what walks over all of them.

Encryption's rotation, backups and the tests of the revisions need it; a package that brings tables
adds its module here.
"""

from typing import Final

from sqlalchemy import MetaData

from ragdesk.support.chat_channels import chat_tables
from ragdesk.support.conversations import conversation_tables
from ragdesk.support.handoff import handoff_tables
from ragdesk.support.insight import insight_tables
from ragdesk.support.learning import learning_tables
from ragdesk.support.replicas import replica_tables
from ragdesk.support.sign_in import sign_in_tables
from ragdesk.support.tables import METADATA

TABLE_MODULES: Final = (
    chat_tables,
    conversation_tables,
    handoff_tables,
    insight_tables,
    learning_tables,
    replica_tables,
    sign_in_tables,
)


def load_schema() -> MetaData:
    """Return the description of all tables of a database."""
    return METADATA
