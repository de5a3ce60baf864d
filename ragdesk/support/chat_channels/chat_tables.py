"""The tables of channels: messages that wait for their answer, and which conversation a thread is.

A message keeps its text until it was answered, and the answer until it was sent; its digest stays
for a while longer, so that the same one is not answered twice.
"""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from ragdesk.support.handoff.handoff_tables import SERIAL
from ragdesk.support.tables import METADATA, SEALED, SECONDS

CHAT_MESSAGES: Final = Table(
    "chat_messages",
    METADATA,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("author", Text, nullable=False),  # a digest; "" for what people of the house wrote
    Column("message", Text, info=SEALED),
    Column("reply", Text, info=SEALED),
    Column("created", SECONDS, nullable=False),
    Column("due", SECONDS, nullable=False),
    Column("leased", SECONDS, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("ended", SECONDS),
    Column("error", Text),
)
Index("chat_messages_by_due", CHAT_MESSAGES.c.ended, CHAT_MESSAGES.c.due)
Index("chat_messages_by_thread", CHAT_MESSAGES.c.thread)
Index("chat_messages_by_author", CHAT_MESSAGES.c.author, CHAT_MESSAGES.c.ended)
CHAT_THREADS: Final = Table(
    "chat_threads",
    METADATA,
    Column("thread", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column(
        "conversation", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False
    ),
    Column("address", Text, nullable=False, info=SEALED),
    Column("sent_number", Integer, nullable=False),
)
Index("chat_threads_by_conversation", CHAT_THREADS.c.conversation)
