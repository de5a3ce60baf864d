"""The tables of keys and of the home's secrets, and the one ``METADATA`` that all tables stand in.

Each package beside this module declares its own tables on it. A table is changed by a revision in
``migrations/versions``, never here alone.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

METADATA: Final = MetaData()
SECONDS: Final = BigInteger().with_variant(Integer(), "sqlite")  # since 1970
SEALED: Final = {
    "sealed": True
}  # info of a column whose text is encrypted; rotation finds it by it
PASSING: Final = {
    "passing": True
}  # info of a table that servers tell each other by, for a while: no backup holds its rows
KEYS: Final = Table(
    "keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("collections", Text, nullable=False),
    Column("created", SECONDS, nullable=False),
    Column("expires", SECONDS),
    Column("revoked", SECONDS),
)
SECRETS: Final = Table(
    "secrets",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
