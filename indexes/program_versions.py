"""The versions that decide words and vectors, and the error of a process that is older than those.

A process that was started before an upgrade goes on with the old code. Its write would turn the
words, the vectors or the documents of a whole index back to its own versions.
"""

from typing import Any

from indexes.embedding import recipes
from indexes.errors import ProgramOutdated
from indexes.text import tokens


def list_index_versions() -> dict[str, Any]:
    """Return this program's versions of all that decides words and vectors."""
    return {
        "tokens": tokens.TOKENS_VERSION,
        "embedding": dict(recipes.EMBEDDING_RECIPES),
        "export": recipes.EXPORT_RECIPE,
    }


def make_outdated_error(what: str) -> ProgramOutdated:
    """Return the error of a process that is older than what it would change. what: is newer."""
    return ProgramOutdated(
        f"A newer ragdesk wrote this collection ({what}): ragdesk was replaced while this one ran. "
        "Nothing was changed. Start it again, as with: ragdesk serve. Where an older version was "
        "installed on purpose, install the newer one again."
    )
