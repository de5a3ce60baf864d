"""Answers from your own documents, with citations you can check.

``open_desk`` opens a collection for questions from Python; it is loaded when it is first used.
"""

from indexes import no_telemetry as no_telemetry  # first: its import has the effect

# isort: split
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragdesk.desk_face import open_desk as open_desk

__version__ = "0.2.0"
__all__ = ["__version__", "open_desk"]


def __getattr__(name: str) -> Any:
    if name == "open_desk":
        from ragdesk.desk_face import open_desk  # noqa: PLC0415 - half a second, and all the rooms

        return open_desk
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
