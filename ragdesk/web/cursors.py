"""Cursors of long lists: where to go on, signed, so that none can be made up."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeVar

from ragdesk.errors import BadRequest

MAC_BYTES = 16
T = TypeVar("T")


def sign_cursor(place: str, *, scope: str, secret: bytes) -> str:
    """Write a cursor for ``place``, good for one ``scope`` (a list and who reads it).

    >>> read_cursor(sign_cursor("a/b.md", scope="x", secret=b"s"), scope="x", secret=b"s")
    'a/b.md'
    """
    body = place.encode()
    return base64.urlsafe_b64encode(_cursor_mac(body, scope, secret) + body).decode().rstrip("=")


def read_cursor(cursor: str, *, scope: str, secret: bytes) -> str:
    """Read a cursor. Raises BadRequest for one that this home did not write for this scope."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = raw[MAC_BYTES:].decode()
    except (binascii.Error, ValueError) as error:
        raise BadRequest("This cursor is not one of ours.") from error
    if not hmac.compare_digest(raw[:MAC_BYTES], _cursor_mac(raw[MAC_BYTES:], scope, secret)):
        raise BadRequest("This cursor is not one of ours.")
    return place


def cut_page(
    rows: Sequence[T], cursor: str | None, limit: int, *, scope: str, secret: bytes
) -> tuple[Sequence[T], str | None]:
    """Cut a page out of a list that stays as it is, with the cursor of the next one.

    Raises BadRequest.

    >>> cut_page("abc", None, 3, scope="x", secret=b"s")
    ('abc', None)
    >>> page, following = cut_page("abc", None, 2, scope="x", secret=b"s")
    >>> page, cut_page("abc", following, 2, scope="x", secret=b"s")
    ('ab', ('c', None))
    """
    start = 0
    if cursor is not None:
        try:
            start = int(read_cursor(cursor, scope=scope, secret=secret))
        except ValueError as error:
            raise BadRequest("This cursor is not one of ours.") from error
    end = start + limit
    more = end < len(rows)
    following = sign_cursor(str(end), scope=scope, secret=secret) if more else None
    return rows[start:end], following


def sign_row(place: tuple[int, str], *, scope: str, secret: bytes) -> str:
    """Write a cursor that goes on behind a row: its number in the order, and its id.

    >>> read_row(sign_row((7, "a b"), scope="x", secret=b"s"), scope="x", secret=b"s")
    (7, 'a b')
    """
    return sign_cursor(f"{place[0]} {place[1]}", scope=scope, secret=secret)


def read_row(cursor: str | None, *, scope: str, secret: bytes) -> tuple[int, str] | None:
    """Read the row behind which a list goes on; None without a cursor. Raises BadRequest."""
    if cursor is None:
        return None
    number, _, name = read_cursor(cursor, scope=scope, secret=secret).partition(" ")
    try:
        return int(number), name
    except ValueError as error:
        raise BadRequest("This cursor is not one of ours.") from error


def _cursor_mac(body: bytes, scope: str, secret: bytes) -> bytes:
    return hmac.digest(secret, scope.encode() + b"\0" + body, hashlib.sha256)[:MAC_BYTES]
