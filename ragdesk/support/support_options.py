"""The settings of what is kept around the answers: ``[support]``."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportOptions:
    """Where keys, conversations, feedback and hand-offs are kept, how, and how long.

    database: address of a PostgreSQL database that several servers share, such as
        ``postgresql+psycopg://desk:…@db/ragdesk``. Left empty, they lie in ``HOME/desk.sqlite``,
        which serves one machine. It may hold a password, and is never shown.
    encryption_key: encrypts what people wrote, as it is kept: 32 random bytes in base64
        (``openssl rand -base64 32``), or ``file:PATH`` of a file with one. To change it, write the
        new one before the former, with a comma or line between them, until
        ``ragdesk support rotate`` says that nothing needs the former. Never shown; no backup holds
        it, and without it nothing can be read again.
    retention_days: days after which what nobody went on with is deleted; 0 keeps it.
    """

    database: str = field(default="", metadata={"secret": True})
    encryption_key: str = field(default="", metadata={"secret": True})
    retention_days: int = 0

    def __post_init__(self) -> None:
        if self.retention_days < 0:
            raise ValueError("retention_days must be 0 or more")
