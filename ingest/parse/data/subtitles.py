"""Parse WebVTT subtitles: the spoken words, without the times."""

import re
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import text_encoding
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.text_cleaning import join_wrapped_lines

SUBTITLES_TYPE = "text/vtt"

_TIMES = re.compile(r"[\d:.]+\s+-->\s+[\d:.]+.*")
# What is opened and never closed is read to the end once, not anew from every beginning.
_VOICE = re.compile(r"<v(?:\.[\w.]*+)?\s([^>]++)(>|\Z)")
_CUE_MARK = re.compile(r"</?[\w.:]*+(?:\s[^>]*+)?(?:>|\Z)")
_LONG_SPEECH = 600  # characters after which a speech goes on in a new paragraph


def _keep_unclosed(mark: re.Match[str]) -> str:
    return "" if mark[0].endswith(">") else mark[0]


def parse(body: bytes, uri: str) -> Document:
    """Read subtitles. Raises Unreadable when nothing is said."""
    builder = DocumentBuilder()
    speaker, speech = "", ""
    for cue in re.split(r"\n\s*\n", text_encoding.decode_text(body).replace("\r\n", "\n"))[1:]:
        lines = cue.split("\n")
        at = next((n for n, line in enumerate(lines) if _TIMES.match(line)), None)
        if at is None:
            continue  # a note or a style
        text = "\n".join(lines[at + 1 :])
        voice = _VOICE.search(text)
        name = voice[1].strip() if voice and voice[2] else ""
        if speech and (name != speaker or len(speech) > _LONG_SPEECH):
            builder.add_paragraph(speech)
            speech = ""
        speaker = name
        words = join_wrapped_lines(_CUE_MARK.sub(_keep_unclosed, text))
        speech = (
            join_wrapped_lines(f"{speech}\n{words}")
            if speech
            else f"{name}: {words}"
            if name
            else words
        )
    builder.add_paragraph(speech)
    return builder.build_document(title=PurePosixPath(uri).stem, media_type=SUBTITLES_TYPE)
