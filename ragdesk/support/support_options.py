"""The settings of what is kept around the answers: ``[support]``."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportOptions:
    """Where keys, conversations, feedback and hand-offs are kept.

    database: address of a PostgreSQL database that several servers share, such as
        ``postgresql+psycopg://desk:…@db/ragdesk``. Left empty, they lie in ``HOME/desk.sqlite``,
        which serves one machine. It may hold a password, and is never shown.
    """

    database: str = field(default="", metadata={"secret": True})
