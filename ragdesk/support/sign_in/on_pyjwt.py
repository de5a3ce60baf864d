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

TOKEN_SECONDS: Final = 3_600  # that a token may still be good for
TOKEN_LEEWAY: Final = 30
LONGEST_SUBJECT: Final = 200
MOST_TOKEN_ATTRIBUTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorToken:
    """What a token says, once it was checked. attributes: of the claim of that name."""

    subject: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class VisitorTokens:
    """Reads tokens by the algorithm, key and audience of the settings. Raises SettingsError."""

    def __init__(self, options: SignInOptions) -> None:
        self._options = options
        try:
            algorithm = jwt.get_algorithm_by_name(options.token_algorithm)
            self._key = algorithm.prepare_key(options.token_key)
        except (jwt.PyJWTError, NotImplementedError, ValueError, TypeError) as error:
            raise SettingsError(
                f"sign_in.token_key is no key for {options.token_algorithm}: {error}"
            ) from error

    def read(self, token: str) -> VisitorToken | None:
        """Check a token, and read who it names; None for one that is not as it should be.

        It names ``aud``, ``sub`` and ``exp``, and ends within an hour.
        """
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[self._options.token_algorithm],
                audience=self._options.token_audience,
                leeway=TOKEN_LEEWAY,
                options={"require": ["aud", "sub", "exp"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            return None
        subject, attributes = claims["sub"], claims.get("attributes", {})
        ends_late = claims["exp"] > time.time() + TOKEN_SECONDS + TOKEN_LEEWAY
        if ends_late or not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            return None
        if not isinstance(attributes, dict) or len(attributes) > MOST_TOKEN_ATTRIBUTES:
            return None
        if not all(isinstance(value, str) for value in attributes.values()):
            return None
        return VisitorToken(subject=subject, attributes=attributes)
