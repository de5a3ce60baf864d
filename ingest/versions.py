"""Name the code that turns bytes into chunks, so that documents are read again when it changes."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_INGEST_FOLDER = Path(__file__).parent


_CODE_FILES = (  # with the parsers, what decides a document's text and where its chunks end
    *(
        _INGEST_FOLDER / name
        for name in ("split.py", "token_breaks.py", "chunk_context.py", "validity.py")
    ),
    *(
        _INGEST_FOLDER.parent / "indexes" / name
        for name in ("text/tokens.py", "text/sentences.py", "embedding/tokenizer.py")
    ),
)


def compute_pipeline_digest(tokenizer: Path, split: Mapping[str, Any]) -> str:
    """Return a digest of what turns bytes into chunks: parser code, splitter options, tokenizer.

    Another way makes every document a changed one; texts that come out the same are not
    embedded again, so a new release costs parsing only.
    """
    options = json.dumps(dict(split), sort_keys=True)
    text = f"{options}\x1f{_file_digest(tokenizer)}\x1f{_code_digest()}"
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _code_digest() -> str:
    """Name our own code, once: an upgrade under a running process is the next one's to notice."""
    files = (*_CODE_FILES, *sorted((_INGEST_FOLDER / "parse").rglob("*.py")))
    return "".join(map(_file_digest, files))


def _file_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
