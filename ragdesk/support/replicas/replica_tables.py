"""The tables of servers, their jobs, what requests did, and the responses kept for each other."""

from typing import Final

from sqlalchemy import Column, Float, Index, Integer, Table, Text

from ragdesk.support.tables import METADATA, PASSING, SEALED

REPLICAS: Final = Table(
    "replicas",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("seen", Float, nullable=False),  # when it last said that it lives
    info=PASSING,
)
REPLICA_JOBS: Final = Table(
    "replica_jobs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("replica", Text, nullable=False),  # the server that does it
    Column("state", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("detail", Text, nullable=False, info=SEALED),  # the job as JSON
    Index("replica_jobs_by_time", "created"),
    info=PASSING,
)
KEPT_RESPONSES: Final = Table(
    "kept_responses",
    METADATA,
    Column("name", Text, primary_key=True),  # SHA-256 of asker, route and key
    Column("person", Text, nullable=False),  # SHA-256 of who asked, to be erased by
    Column("request", Text, nullable=False),  # keyed digest of the body
    Column("basis", Text, nullable=False),  # SHA-256 of what the response rests on
    Column("replica", Text, nullable=False),  # the server that makes it
    Column("claim", Text, nullable=False),  # drawn for each time that it is made
    Column("created", Float, nullable=False),
    Column("status", Integer),  # none while it is being made
    Column("headers", Text),
    Column("body", Text, info=SEALED),  # none where it is not kept
    Index("kept_responses_by_person", "person", "created"),
    Index("kept_responses_by_time", "created"),
    info=PASSING,
)
DONE_REQUESTS: Final = Table(
    "done_requests",
    METADATA,
    Column("name", Text, primary_key=True),  # SHA-256 of asker, route and key
    Column("part", Text, primary_key=True),  # what was written: a DeedPart
    Column("person", Text, nullable=False),  # SHA-256 of who asked, to be erased by
    Column("request", Text, nullable=False),  # keyed digest of the body
    Column("created", Float, nullable=False),
    Column("note", Text, nullable=False),  # JSON: ids and codes of what was done
    Index("done_requests_by_person", "person"),
    Index("done_requests_by_time", "created"),
    info=PASSING,
)
