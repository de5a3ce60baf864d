"""Logging: lines on standard error, as JSON where no person reads.

No line holds question or document text at info level. Keys are struck out last, whatever
a library wrote.
"""

import json
import logging
import re
import sys
import time
from typing import Any

from ragdesk.log_queue import QueueHandler
from ragdesk.request_context import describe_request

KEY_PATTERN = re.compile(r"rd_[A-Za-z0-9_-]{8,}")
RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "color_message"),
    "repeats",  # marks a line that anybody can cause, see ``log_repeats``
}


class LineFormatter(logging.Formatter):
    """One event a line: as JSON, or as words with ``name=value`` behind them."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; fields given as ``extra`` stand beside its message.

        So does the request that it is written for: this runs in the thread that writes it.
        """
        extra = describe_request() | {
            name: value for name, value in vars(record).items() if name not in RECORD_FIELDS
        }
        if record.exc_info:
            extra["exception"] = self.formatException(record.exc_info)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        level = record.levelname.lower()
        line = (
            json.dumps(
                {"at": at, "level": level, "event": record.getMessage(), **extra},
                ensure_ascii=False,
                default=str,
            )
            if self.as_json
            else " ".join((at[11:19], level.ljust(7), record.getMessage(), _format_pairs(extra)))
        )
        return KEY_PATTERN.sub("rd_…", line.rstrip())


def _format_pairs(extra: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in extra.items())


def start_logging(level: str = "info") -> None:
    """Send what ragdesk and its server say to standard error, from ``level`` on.

    Libraries' warnings go the same way: whoever does not read them holds up nothing.
    """
    if sys.stderr is None:  # closed by whoever started us: its number may be another file by now
        return
    sys.stderr.flush()
    try:
        handler: logging.Handler = QueueHandler(sys.stderr.fileno())
    except OSError:  # in memory, as of a program that embeds this one
        handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(as_json=not sys.stderr.isatty()))
    for name in ("ragdesk", "ingest", "indexes", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
    logging.getLogger().handlers = [handler]
    logging.captureWarnings(capture=True)
