"""E-mail addresses of persons; those of a role (support@…) are how a company is reached."""

import re
from collections.abc import Iterator

from indexes.text.sentences import Span

_LONGEST_LOCAL_PART = 64  # RFC 5321
_LOCAL_CHARACTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-'"
)
_DOMAIN = re.compile(r"(?!\d{1,9}\.\d)(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![A-Za-z])")
_ROLE = re.compile(
    r"(?:abuse|accounts|admin|billing|bounce|care|careers|compliance|contact|customercare"
    r"|customerservice|dpo|enquiries|feedback|finance|git|hello|help|helpdesk|hostmaster|hr|hg"
    r"|info|inquiries|jobs|kefu|legal|mail|mailer-daemon|marketing|newsletter|no-?reply|office"
    r"|orders|postmaster|press|privacy|recruiting|returns|root|sales|security|services?|shop|ssh"
    r"|support|svn|team|webmaster)\Z",
    re.IGNORECASE,
)


def find_email_addresses(text: str) -> Iterator[Span]:
    """Find e-mail addresses of persons in a folded text, in order.

    >>> list(find_email_addresses("邮箱zhang@qq.com谢谢, support@shop.example, npm@1.2.3"))
    [(2, 14)]
    """
    done = 0
    position = text.find("@")
    while position >= 0:
        start = _find_local_start(text, position, done)
        domain = _DOMAIN.match(text, position + 1)
        local = text[start:position]
        if local and domain and not _ROLE.match(local):
            yield start, domain.end()
        done = domain.end() if domain and local else position + 1
        position = text.find("@", done)


def _find_local_start(text: str, end: int, first: int) -> int:
    start = end
    lowest = max(first, end - _LONGEST_LOCAL_PART)
    while start > lowest and text[start - 1] in _LOCAL_CHARACTERS:
        start -= 1
    while start < end and text[start] in ".'-%":
        start += 1
    return start
