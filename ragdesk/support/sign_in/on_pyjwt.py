"""Tokens that an operator signs for visitors, checked by PyJWT.

The algorithm is the one that the settings name, whatever a token says of itself.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ragdesk.errors import SettingsError
from ragdesk.support.sign_in.sign_in_options import SignInOptions

try:
    import jwt
except ModuleNotFoundError as error:
    raise SettingsError(
        "sign_in.token_algorithm is set, and what checks tokens is not installed: "
        "pip install 'ragdesk[tokens]'"
    ) from error

LONGEST_SECONDS_LEFT: Final = 3_600  # that a token may still be good for
LEEWAY_SECONDS: Final = 30
LONGEST_SUBJECT = 200
MOST_ATTRIBUTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorToken:
    """What a token says, once it was checked. attributes: of the claim of that name."""

    subject: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def read_visitor_token(token: str, options: SignInOptions) -> VisitorToken | None:
    """Check a token, and read who it names; None for one that is not as it should be.

    It names ``aud``, ``sub`` and ``exp``, and ends within an hour.
    """
    try:
        claims = jwt.decode(
            token,
            options.token_key,
            algorithms=[options.token_algorithm],
            audience=options.token_audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["aud", "sub", "exp"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    subject, attributes = claims["sub"], claims.get("attributes", {})
    ends_late = claims["exp"] > time.time() + LONGEST_SECONDS_LEFT + LEEWAY_SECONDS
    if ends_late or not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        return None
    if not isinstance(attributes, dict) or len(attributes) > MOST_ATTRIBUTES:
        return None
    if not all(isinstance(value, str) for value in attributes.values()):
        return None
    return VisitorToken(subject=subject, attributes=attributes)
