"""Take out of a model's words what is more than words: links, images, markup, marks of its own.

A document may order the model to leak what it reads through an address. The desk's links are its
citations and nothing else, so none is let through; whoever shows the text need not be careful.
"""

import re

from indexes.text import strip_invisible

GONE = "…"
_RUN = re.compile(r"[!-~]+")
_TAIL = re.compile(r"[!-~]*$")
_LINK = re.compile(
    r"[a-z][a-z0-9+.-]*:/|\bwww\.|(?:data|javascript|mailto|vbscript|file|tel):|//|[^\s@]@\w"
    r"|[a-z0-9-]+\.[a-z]{2,}(?:[/:?#]|[^a-z0-9]*$)",
    re.IGNORECASE,
)
_BRACKETS = str.maketrans("[]<>`", "()‹›'")


def plain(text: str, known: str = "") -> str:
    """Give the words of a text. known: the passages; a bare address that stands there may stay.

    What is done to a stretch without spaces depends on that stretch alone, so a text may be
    cleaned while it grows: see ``settled``.

    >>> plain("See ![x](https://evil.example/?q=1) <b>now</b> [9], me@a.example", "me@a.example")
    'See … ‹b›now‹/b› (9), me@a.example'
    """
    words = " ".join(strip_invisible(text).split())
    return _RUN.sub(lambda run: _run(run[0], known), words)


def settled(text: str) -> str:
    """Give the beginning of a growing text that ``plain`` will not see otherwise any more.

    >>> settled("Refunds take htt"), settled("退款需要3")
    ('Refunds take ', '退款需要')
    """
    return _TAIL.sub("", text)


def _run(run: str, known: str) -> str:
    if not _LINK.search(run):
        return run.translate(_BRACKETS)
    bare = run.strip(".,;:!?()\"'*")
    simple = "/" not in bare and ":" not in bare and "?" not in bare and "[" not in bare
    return run.translate(_BRACKETS) if simple and bare in known else GONE
