"""The credentials that a request shows, and whether it comes from a page of ours.

A browser sends a cookie along with every request, whoever caused it. So a change that comes with
one has to bring the session's token, too, and to come from a page of the same origin; a key in a
header is sent by nobody but its holder, and needs neither.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from ragdesk.errors import Forbidden
from ragdesk.support.sign_in.identity import Identity
from ragdesk.support.sign_in.session_store import SessionStore

SESSION_COOKIE: Final = "rd_session"
VISITOR_HEADER: Final = "x-visitor"
CSRF_HEADER: Final = "x-csrf-token"
BEARER_SCHEME: Final = "bearer"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request shows. is_ours: whether its page is one of this server; None if it says not.

    authorization: the header as it is. cookie: of a staff session. visitor: secret or token of a
    visitor of a website. origin: of the page.
    """

    authorization: str | None = None
    cookie: str | None = None
    visitor: str | None = None
    origin: str | None = None
    csrf_token: str = ""
    is_safe: bool = True
    is_ours: bool | None = None

    @property
    def are_missing(self) -> bool:
        """Tell whether nothing is shown that could let somebody in."""
        return self.authorization is None and self.cookie is None

    @property
    def bearer_token(self) -> str | None:
        """Return the key in the header; None where there is none of its form."""
        scheme, _, token = (self.authorization or "").partition(" ")
        return token.strip() if scheme.lower() == BEARER_SCHEME else None


def session_cookie(root_path: str) -> str:
    """Name the cookie of a session: of each sub-path its own, as a host may carry several desks.

    >>> session_cookie(""), session_cookie("/help")
    ('rd_session', 'rd_session_help')
    """
    return SESSION_COOKIE + root_path.replace("/", "_")


def read_credentials(headers: Headers, method: str, root_path: str = "") -> Credentials:
    """Read what a request shows. Raises ValueError for an origin that is none."""
    return Credentials(
        authorization=headers.get("authorization"),
        cookie=read_cookie(headers, session_cookie(root_path)),
        visitor=headers.get(VISITOR_HEADER),
        origin=headers.get("origin"),
        csrf_token=headers.get(CSRF_HEADER, ""),
        is_safe=method in SAFE_METHODS,
        is_ours=is_same_origin(headers),
    )


def read_cookie(headers: Headers, name: str) -> str | None:
    """Read a cookie; None where there is none, or more than one of its name.

    Another server below the same domain can set a second one.
    """
    pairs = [pair.partition("=") for line in headers.getlist("cookie") for pair in line.split(";")]
    values = [value.strip() for pair_name, _, value in pairs if pair_name.strip() == name]
    return values[0] if len(values) == 1 else None


def is_same_origin(headers: Headers) -> bool | None:
    """Tell whether a page of this server caused a request; None where the browser says nothing.

    >>> is_same_origin(Headers({"host": "desk.example", "origin": "https://desk.example"}))
    True
    >>> is_same_origin(Headers({"host": "desk.example", "sec-fetch-site": "same-site"}))
    False
    """
    if (site := headers.get("sec-fetch-site")) is not None:  # no page can write this one itself
        return site == "same-origin"
    if (origin := headers.get("origin")) is not None:
        return urlsplit(origin).netloc == headers.get("host")
    return None


def check_forgery(credentials: Credentials, identity: Identity, sessions: SessionStore) -> None:
    """Refuse a change that comes with a cookie and not from a page of ours. Raises Forbidden."""
    if identity.session is None or credentials.is_safe:
        return
    if not credentials.is_ours:
        raise Forbidden("Pages of other sites may not use a session.")
    if not sessions.is_csrf_token(identity.session, credentials.csrf_token):
        raise Forbidden(
            "With a session, a change needs its token: X-CSRF-Token, out of GET /v1/session."
        )


def check_site(credentials: Credentials, identity: Identity) -> None:
    """Refuse pages of origins that their publishable key does not name. Raises Forbidden.

    What is no page names no origin, and may name any: this proves nothing, it keeps a key from
    being used on another website.
    """
    if identity.site is None or credentials.origin is None or credentials.is_ours:
        return
    if credentials.origin not in identity.site.origins:
        raise Forbidden("This publishable key is for the pages of other origins.")
