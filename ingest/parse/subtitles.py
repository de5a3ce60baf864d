"""WebVTT: what was said, without the times."""

import re
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import decode
from ingest.parse.compose import Composer, flow

MEDIA_TYPE = "text/vtt"

_TIMES = re.compile(r"[\d:.]+\s+-->\s+[\d:.]+.*")
# What is opened and never closed is read to the end once, not anew from every beginning.
_VOICE = re.compile(r"<v(?:\.[\w.]*+)?\s([^>]++)(>|\Z)")
_MARK = re.compile(r"</?[\w.:]*+(?:\s[^>]*+)?(?:>|\Z)")
_LONG = 600  # characters after which a speech goes on in a new paragraph


def _opened(mark: re.Match[str]) -> str:
    return "" if mark[0].endswith(">") else mark[0]


def parse(body: bytes, uri: str) -> Document:
    """Read subtitles. Raises Unreadable when nothing is said."""
    composer = Composer()
    speaker, said = "", ""
    for cue in re.split(r"\n\s*\n", decode.text(body).replace("\r\n", "\n"))[1:]:
        lines = cue.split("\n")
        at = next((n for n, line in enumerate(lines) if _TIMES.match(line)), None)
        if at is None:
            continue  # a note or a style
        text = "\n".join(lines[at + 1 :])
        voice = _VOICE.search(text)
        name = voice[1].strip() if voice and voice[2] else ""
        if said and (name != speaker or len(said) > _LONG):
            composer.paragraph(said)
            said = ""
        speaker = name
        words = flow(_MARK.sub(_opened, text))
        said = flow(f"{said}\n{words}") if said else f"{name}: {words}" if name else words
    composer.paragraph(said)
    return composer.document(title=PurePosixPath(uri).stem, media_type=MEDIA_TYPE)
