"""Write a page of another system as HTML, which a limited child parses like any other file."""

import html


def make_page(title: str, address: str, body: str) -> bytes:
    """Return a page as HTML: its title, as a link to where people open it, and its body.

    body: HTML. Relative addresses in it are relative to the page's own.
    """
    name = html.escape(" ".join(title.split()) or "Untitled")
    base = heading = ""
    if address:
        target = html.escape(address)
        base = f'<base href="{target}">'
        heading = f'<h1><a href="{target}">{name}</a></h1>'
    return (
        f'<!doctype html><html><head><meta charset="utf-8">{base}<title>{name}</title></head>'
        f"<body><main>{heading or f'<h1>{name}</h1>'}\n{body}\n</main></body></html>\n"
    ).encode("utf-8", "replace")
