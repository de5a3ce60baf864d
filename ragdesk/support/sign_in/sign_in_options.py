"""The settings of who is who: ``[sign_in]``."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from ragdesk.support.access import ROLE_SCOPES, StaffRole

CALLBACK_PATH: Final = "/v1/oidc/callback"
SHORTEST_TOKEN_KEY: Final = 32  # bytes of a shared secret that signs tokens (RFC 7518, 3.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInOptions:
    """How staff sign in beside keys, and how visitors of a website are told apart.

    oidc_issuer: address of an OpenID Connect provider, such as ``https://login.example/realms/a``:
        staff sign in there. Left empty, they sign in with keys alone.
    oidc_client: the client id that the provider knows this desk by.
    oidc_secret: its client secret; left empty for a public client.
    oidc_redirect: the redirect address that is registered there, to the letter:
        ``https://desk.example/v1/oidc/callback``.
    oidc_roles: provider's groups and the role of each here (asker, agent, editor, admin), as in
        ``{support = "agent"}``. Who is in none has no access; of several the highest counts.
    oidc_groups: provider's groups and the document group that each opens here.
    oidc_claim: the claim of the ID token that lists the groups.
    token_algorithm: the one algorithm by which the operator signs tokens of visitors: EdDSA or
        HS256. Left empty, no such token is taken.
    token_key: EdDSA: the public key (PEM). HS256: the shared secret, 32 bytes or more.
    token_audience: what such a token must name as ``aud``.
    token_groups: attributes of such a token and the document group that each opens, as in
        ``{"plan=pro" = "manuals-pro"}``.
    audit_days: days for which the audit log is kept.
    """

    oidc_issuer: str = ""
    oidc_client: str = ""
    oidc_secret: str = field(default="", metadata={"secret": True})
    oidc_redirect: str = ""
    oidc_roles: Mapping[str, StaffRole] = field(default_factory=dict)
    oidc_groups: Mapping[str, str] = field(default_factory=dict)
    oidc_claim: str = "groups"
    token_algorithm: Literal["", "EdDSA", "HS256"] = ""
    token_key: str = field(default="", metadata={"secret": True})
    token_audience: str = ""
    token_groups: Mapping[str, str] = field(default_factory=dict)
    audit_days: int = 365

    def __post_init__(self) -> None:
        if self.audit_days < 1:
            raise ValueError("audit_days must be at least 1")
        if self.oidc_issuer:
            self._check_provider()
        if self.token_algorithm:
            self._check_tokens()

    def _check_provider(self) -> None:
        for name in ("oidc_client", "oidc_redirect", "oidc_roles"):
            if not getattr(self, name):
                raise ValueError(f"oidc_issuer is set, and {name} is not")
        for name in ("oidc_issuer", "oidc_redirect"):
            if not is_safe_address(getattr(self, name)):
                raise ValueError(
                    f"{name} must begin with https:// (http:// for this machine alone)"
                )
        if urlsplit(self.oidc_redirect).path != CALLBACK_PATH:
            raise ValueError(f"oidc_redirect must end in {CALLBACK_PATH}")

    def _check_tokens(self) -> None:
        if not self.token_audience:
            raise ValueError("token_algorithm is set, and token_audience is not")
        algorithm, size = self.token_algorithm, len(self.token_key.encode())
        if algorithm == "HS256" and size < SHORTEST_TOKEN_KEY:
            raise ValueError(f"token_key must have {SHORTEST_TOKEN_KEY} bytes or more for HS256")
        if algorithm == "EdDSA" and "PUBLIC KEY" not in self.token_key:
            raise ValueError("token_key must be a public key (PEM) for EdDSA")
        for name in self.token_groups:
            if "=" not in name:
                raise ValueError("token_groups names attributes as NAME=VALUE")


def find_account_role(options: SignInOptions, groups: frozenset[str]) -> StaffRole | None:
    """Return the highest role that groups of the provider give; None where they give none.

    >>> roles = SignInOptions(oidc_roles={"support": "agent", "it": "admin"})
    >>> find_account_role(roles, frozenset({"it", "support"}))
    'admin'
    >>> find_account_role(roles, frozenset({"sales"}))
    """
    roles = {options.oidc_roles[name] for name in groups if name in options.oidc_roles}
    return max(roles, key=[*ROLE_SCOPES].index, default=None)


def is_safe_address(address: str) -> bool:
    """Tell whether an address is reached by an encrypted connection, or on this machine.

    >>> [is_safe_address(a) for a in ("https://a.example", "http://127.0.0.1:9", "http://a.example")]
    [True, True, False]
    """
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    if parts.scheme != "http" or not parts.hostname:
        return False
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return parts.hostname == "localhost"
