"""The tables of conversations, their turns, the turns' words, and feedback."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from ragdesk.support.tables import METADATA, SEALED, SECONDS

CONVERSATIONS: Final = Table(
    "conversations",
    METADATA,
    Column("id", Text, primary_key=True),
    # What its words name it by: 8 bytes that grow with time, so that they are written side by side.
    Column("row_key", BigInteger, nullable=False, unique=True),
    Column("person", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("title", Text, nullable=False, info=SEALED),
    Column("language", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("created", SECONDS, nullable=False),
    Column("updated", SECONDS, nullable=False),
    Column("share_digest", Text, unique=True),
    Index("conversations_by_person", "person", "updated", "id"),
    Index("conversations_by_state", "state", "updated", "id"),
    Index("conversations_by_time", "updated"),
)
TURNS: Final = Table(
    "turns",
    METADATA,
    Column("id", Text, primary_key=True),
    Column(
        "conversation", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False
    ),
    Column("number", Integer, nullable=False),
    Column("author", Text, nullable=False),
    Column("writer", Text),
    Column("question", Text, info=SEALED),
    Column("answer", Text, info=SEALED),
    Column("outcome", Text),
    Column("reason", Text),
    Column("language", Text),
    Column("collection", Text, nullable=False),
    Column("generation", Integer),
    Column("generator", Text),
    Column("confidence", Float),
    Column("seconds", Float),
    Column("created", SECONDS, nullable=False),  # milliseconds
    Column("intent", Text),
    Column("sentiment", Text),
    Column("in_scope", Float),
    UniqueConstraint("conversation", "number"),
    Index("turns_by_time", "created"),
)
# A conversation is deleted whole, and a search for frequent words looks into one after the other,
# newest first: so it comes first. Rare words are looked up by the index.
TURN_WORDS: Final = Table(
    "turn_words",
    METADATA,
    Column(
        "conversation",
        BigInteger,
        ForeignKey("conversations.row_key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("word", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # of the turn; 0: the title
    Index("turn_words_by_word", "word", "conversation"),
    sqlite_with_rowid=False,
)
FEEDBACK: Final = Table(
    "feedback",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("turn", Text, ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
    Column("person", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("comment", Text, info=SEALED),
    Column("created", SECONDS, nullable=False),
    UniqueConstraint("turn", "person"),
    Index("feedback_by_person", "person"),
    Index("feedback_by_time", "created"),
)
