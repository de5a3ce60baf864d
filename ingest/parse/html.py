"""Web pages: their content with its headings, lists, tables and questions, without the frame."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from ingest.document import Document, hidden_note
from ingest.parse import clutter, decode, markup
from ingest.parse.compose import Composer, clean, flow
from ingest.parse.dom import Tree, closed, cut_between, grow, line

MEDIA_TYPE = "text/html"

_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*+=\s*+["']?+\s*+([\w.:-]{2,40})""", re.IGNORECASE
)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{2,40})""")
# Templates: Ruby, PHP and the like between <% and %>, which browsers never see.
_TEMPLATES = (("<%", "%>"), ("<?php", "?>"), ("<?=", "?>"))
HEAD = 2048  # bytes in which a page may declare its encoding


def parse(body: bytes, uri: str) -> Document:
    """Read a web page. Raises Unreadable without text, or nested absurdly deep."""
    found = _CHARSET.search(body, 0, HEAD) or _DECLARED.search(body, 0, HEAD)
    source = decode.text(body, declared=found[1].decode("ascii") if found else "")
    source = cut_between(source, _TEMPLATES)
    tree = grow(closed(source) if source.lstrip().startswith("<?xml") else source)
    unseen = clutter.hidden(tree)
    root = clutter.main(tree, unseen)
    composer = Composer()
    if root is not None:
        unseen |= clutter.furniture(root)
        markup.write(root, composer, unseen=unseen, asked=set(_questions(tree)))
    name = title(tree) or PurePosixPath(uri).stem
    document = composer.document(title=name, media_type=MEDIA_TYPE)
    return replace(document, notes=hidden_note(clutter.veiled_words(tree)))


def title(tree: Tree) -> str:
    """Give a page's title: its one first heading, else what its head says."""
    heads = tree.css("h1")
    names = [line(node) for node in heads[:1] if len(heads) == 1]
    names += [flow(clean(node.text())) for node in tree.css("head title")[:1]]
    return next(filter(None, names), "")


def _questions(tree: Tree) -> Iterator[str]:
    """Give the questions that the page's own data (schema.org) names.

    Only the names: what is answered is taken from where a reader sees it.
    """
    for node in tree.css('[itemtype$="schema.org/Question"] [itemprop="name"]'):
        yield line(node)
    for script in tree.css('script[type="application/ld+json"]'):
        try:
            data = json.loads(script.text())
        except (ValueError, RecursionError):
            continue  # many pages carry broken data, and nothing depends on it
        yield from _asked(data)


def _asked(data: object) -> Iterator[str]:
    pages = data if isinstance(data, list) else [data]
    for page in pages:
        entities = page.get("mainEntity") if isinstance(page, dict) else None
        for entity in entities if isinstance(entities, list) else [entities]:
            name = entity.get("name") if isinstance(entity, dict) else None
            if isinstance(name, str):
                yield flow(clean(name))
