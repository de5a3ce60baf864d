"""Words of another version: why answers are worse for it, and what writes the words anew."""

from dataclasses import dataclass
from pathlib import Path

from indexes.index import Index
from ingest.sources import REMEMBERED_SOURCES
from ragdesk.errors import ENGINE_REASONS, LOOKUP_UNAVAILABLE, WORDS_OUTDATED

OLDER_WORDS_REASON = (
    "its words were written by another version, so vectors alone find passages; "
    "ragdesk ingest writes them anew"
)
NEWER_WORDS_REASON = (
    "its words were written by a newer version than this program, so vectors alone find passages; "
    "ragdesk is to be started again in that version"
)

LOOKUP_UNAVAILABLE_REASON = "the system that knows the live status gave no answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsRemedy:
    """What brings a collection's words and the program to the same version.

    is_newer: the words are newer than the program. has_paths: files or folders were ingested;
    where all documents came over HTTP there is no PATH to ingest once more.
    """

    is_newer: bool
    has_paths: bool

    def format_step(self, collection: str) -> str:
        """Return the command to run, or what to do where no command helps.

        >>> WordsRemedy(is_newer=False, has_paths=True).format_step("hr")
        'ragdesk ingest PATH --collection hr'
        >>> WordsRemedy(is_newer=False, has_paths=False).format_step("hr")
        'ragdesk indexes compact --collection hr'
        """
        if self.is_newer:
            return "Start ragdesk again, in the newer version that wrote the words"
        verb = "ragdesk ingest PATH" if self.has_paths else "ragdesk indexes compact"
        return f"{verb} --collection {collection}"

    def format_sentence(self, collection: str) -> str:
        """Return the step as a person reads it behind what is the matter."""
        step = self.format_step(collection)
        return f"{step}." if self.is_newer else f"Write its words anew: {step}"


def find_words_remedy(collection: Path, *, is_newer: bool) -> WordsRemedy:
    """Find what mends the words of a collection, given its folder."""
    has_paths = (collection / REMEMBERED_SOURCES).is_file()
    return WordsRemedy(is_newer=is_newer, has_paths=has_paths)


def format_degraded_reason(
    index: Index, engine_reason: str = "", *, lookup_failed: bool = False
) -> str | None:
    """Say why results may be worse than they could be, code first; the model's reason leads.

    engine_reason: a code out of ``ENGINE_REASONS``, or "" where the model did not fail.
    lookup_failed: a live fact could not be had.
    """
    reasons = {engine_reason: ENGINE_REASONS[engine_reason]} if engine_reason else {}
    if lookup_failed:
        reasons[LOOKUP_UNAVAILABLE] = LOOKUP_UNAVAILABLE_REASON
    if index.words_outdated:
        reasons[WORDS_OUTDATED] = NEWER_WORDS_REASON if index.words_newer else OLDER_WORDS_REASON
    return "; ".join(f"{code}: {words}" for code, words in reasons.items()) or None
