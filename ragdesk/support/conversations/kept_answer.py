"""An answer as it is kept, so that it opens years later, and what of it somebody may see today.

Kept with each citation: 500 characters of the document around its quote, the document's digest
and groups. Where the generation is gone these are shown; groups as of today decide to whom. A
document that is gone is shown to those whose groups it had, as they are today. What was looked up
for a customer is shown to them, and to the agents whom their conversation was handed to.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from indexes.index import Index
from indexes.store.document_table import ListedDocument
from ragdesk.answering.answer import Answer, JsonObject, RankedPassage, to_json_object
from ragdesk.answering.lookup_result import is_lookup

CONTEXT_SIDE_CHARACTERS: Final = 500  # on each side of a quote
# Passages are most of an answer, and no more than what was read for it; signals are for fits.
FIELDS_LEFT_OUT: Final = ("passages", "signals", "signal_versions", "question")
SOURCE_FIELDS: Final = ("chunk", "uri", "title", "path", "page", "rank", "score")
NOBODY: Final = frozenset({"\0"})  # a group that none but administrators pass
LOOKUP_READERS: Final = frozenset({"\0lookup"})  # a group of the customer and their agents alone
MayRead = Callable[[frozenset[str]], bool]  # whether documents of some groups may be read


def keep_answer(answer: Answer, index: Index | None) -> JsonObject:
    """Return an answer as it is kept. Blocks.

    index: of the generation it was made of; without it passages of the answer give the context.
    """
    whole = to_json_object(answer)
    kept = {name: value for name, value in whole.items() if name not in FIELDS_LEFT_OUT}
    for citation in kept["citations"]:
        document = _find_document(index, citation["uri"], citation["chunk"])
        citation["document"] = _document_facts(document)
        citation["context"] = _read_context(citation, answer.passages, index, document)
    kept["sources"] = [
        {
            **{name: passage[name] for name in SOURCE_FIELDS},
            "document": _document_facts(_find_document(index, passage["uri"], passage["chunk"])),
        }
        for passage in whole["passages"]
    ]
    return kept


def is_readable(kept: Mapping[str, Any], may_read: MayRead, index: Index | None) -> bool:
    """Tell whether somebody may read an answer today: all that it quotes."""
    parts = kept.get("citations", ())
    if may_read(NOBODY):
        parts = [part for part in parts if is_lookup_part(part)]
    return all(_may_read_part(part, may_read, index) for part in parts)


def has_readable_sources(
    kept: Mapping[str, Any],
    may_read: MayRead,
    index: Index | None,
    known: dict[Hashable, bool] | None = None,
) -> bool:
    """Tell whether somebody may read all that an answer quotes, and was looked for in, today.

    known: of the documents of other answers, for the same reader and index; it is added to.
    """
    parts = (*kept.get("citations", ()), *kept.get("sources", ()))
    if known is None:
        return all(_may_read_part(part, may_read, index) for part in parts)
    for part in parts:
        facts = part.get("document")
        key = (part["uri"], facts and (facts["source"], tuple(facts["groups"])))
        if key not in known:
            known[key] = _may_read_part(part, may_read, index)
        if not known[key]:
            return False
    return True


def show_answer(
    kept: Mapping[str, Any], may_read: MayRead, index: Index | None, generations: Sequence[int]
) -> JsonObject | None:
    """Return what somebody may see of a kept answer today; None where it quotes what they may not.

    index: what answers now, None where the collection is gone. generations: those kept; each
    citation says whether its document can still be read as it was (``is_kept``), and whether it
    is ``current``, ``changed`` or ``gone`` today (``status``).
    """
    if not is_readable(kept, may_read, index):
        return None
    shown = dict(kept)
    is_kept = kept.get("generation") in generations
    shown["generation_kept"] = is_kept
    shown["citations"] = [
        _show_part(part, index, is_kept=is_kept) for part in kept.get("citations", ())
    ]
    shown["sources"] = [
        {name: source[name] for name in SOURCE_FIELDS}
        for source in kept.get("sources", ())
        if _may_read_part(source, may_read, index)
    ]
    hidden = _hidden_uris(kept, may_read, index)
    if hidden:
        _drop_uris(shown, hidden)
    return shown


def is_lookup_part(part: Mapping[str, Any]) -> bool:
    """Tell whether a kept citation or source is of a lookup, and of no document of such a name."""
    return is_lookup(part["uri"]) and part.get("document") is None


def _find_document(index: Index | None, uri: str, chunk: str) -> ListedDocument | None:
    """Find a document by its uri and a chunk of it: two may share a uri."""
    if index is None:
        return None
    documents = index.documents.list_by_uri(uri)
    if len(documents) < 2:  # noqa: PLR2004, none to be told apart
        return documents[0] if documents else None
    row = index.find_row(chunk)
    return next((d for d in documents if row in index.document_rows(d)), None)


def _document_facts(document: ListedDocument | None) -> JsonObject | None:
    if document is None:
        return None
    groups = sorted(document.groups)
    return {"source": document.source, "digest": document.digest, "groups": groups}


def _read_context(
    citation: Mapping[str, Any],
    passages: Sequence[RankedPassage],
    index: Index | None,
    document: ListedDocument | None,
) -> JsonObject:
    """Return the text around a quote, and where in the document it begins."""
    start, end = citation["start"], citation["end"]
    text = index.read_text_of(document) if index and document else None
    if text is not None and text[start:end] == citation["quote"]:
        first = max(0, start - CONTEXT_SIDE_CHARACTERS)
        return {"start": first, "text": text[first : end + CONTEXT_SIDE_CHARACTERS]}
    for passage in passages:
        if (
            passage.chunk == citation["chunk"]
            and passage.start <= start
            and end <= passage.start + len(passage.text)
        ):
            first = max(0, start - passage.start - CONTEXT_SIDE_CHARACTERS)
            last = end - passage.start + CONTEXT_SIDE_CHARACTERS
            return {"start": passage.start + first, "text": passage.text[first:last]}
    return {"start": start, "text": citation["quote"]}


def _find_today(part: Mapping[str, Any], index: Index | None) -> ListedDocument | None:
    facts = part.get("document")
    if index is None or facts is None:
        return None
    return index.documents.find_in_source(facts["source"], part["uri"])


def _may_read_part(part: Mapping[str, Any], may_read: MayRead, index: Index | None) -> bool:
    """Tell whether a citation or source may be read; of unknown groups by administrators alone."""
    if is_lookup_part(part):
        return may_read(LOOKUP_READERS)
    if (today := _find_today(part, index)) is not None:
        return may_read(today.groups)
    facts = part.get("document")
    return may_read(frozenset(facts["groups"]) if facts else NOBODY)


def _show_part(part: Mapping[str, Any], index: Index | None, *, is_kept: bool) -> JsonObject:
    facts = part.get("document") or {}
    today = _find_today(part, index)
    if is_lookup_part(part):
        status = "looked_up"
    elif today is None:
        status = "gone"
    else:
        status = "current" if today.digest == facts.get("digest") else "changed"
    shown = {name: value for name, value in part.items() if name != "document"}
    readable = is_kept and today is not None  # what was deleted is not read whole any more
    return {**shown, "digest": facts.get("digest"), "status": status, "is_kept": readable}


def _hidden_uris(kept: Mapping[str, Any], may_read: MayRead, index: Index | None) -> set[str]:
    """List the documents that choices and next steps name, and that may not be seen today."""
    links = (kept.get("next_step") or {}).get("links", ())
    named = {link["uri"] for link in links if link.get("uri")}
    named |= {uri for choice in kept.get("choices", ()) for uri in choice["uris"]}
    open_parts = [
        part
        for part in (*kept.get("sources", ()), *kept.get("citations", ()))
        if _may_read_part(part, may_read, index)
    ]
    hidden = named - {part["uri"] for part in open_parts}
    if index is not None:
        visible = (any(may_read(d.groups) for d in index.documents.list_by_uri(u)) for u in hidden)
        hidden = {uri for uri, is_open in zip(hidden, visible, strict=True) if not is_open}
    return hidden


def _drop_uris(shown: JsonObject, hidden: set[str]) -> None:
    if step := shown.get("next_step"):
        links = [link for link in step["links"] if link.get("uri") not in hidden]
        shown["next_step"] = {**step, "links": links}
    if choices := shown.get("choices"):
        shown["choices"] = [c for c in choices if not hidden.intersection(c["uris"])]
        if len(shown["choices"]) < len(choices):  # its text lists them
            shown["text"] = "\n".join(choice["label"] for choice in shown["choices"])
