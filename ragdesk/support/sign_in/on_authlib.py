"""An OpenID Connect provider, by Authlib: its addresses, its keys, and what its tokens say.

Nothing of a token is believed before its signature is checked by a key of the provider that the
settings name, with an algorithm that needs no shared secret.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from ragdesk.errors import ProviderUnavailable, SettingsError, SignInFailed
from ragdesk.support.sign_in.sign_in_options import SignInOptions, is_safe_address

try:
    from authlib.common.errors import AuthlibBaseError
    from authlib.integrations.httpx_client import OAuth2Client
    from authlib.oidc.core import CodeIDToken
    from httpx2 import HTTPError, create_ssl_context
    from joserfc import jwt
    from joserfc.errors import InvalidKeyIdError, JoseError
    from joserfc.jwk import KeySet
except ModuleNotFoundError as error:
    raise SettingsError(
        "sign_in.oidc_issuer is set, and what signs in there is not installed: "
        "pip install 'ragdesk[oidc]'"
    ) from error

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
PROVIDER_TIMEOUT: Final = 10.0
METADATA_SECONDS: Final = 3_600.0
KEYS_SECONDS: Final = 60.0  # between two looks at the provider's keys for one that is not known
CLOCK_LEEWAY: Final = 60  # that the provider's clock may differ from ours


class OidcProvider:
    """The provider that the settings name. Safe to share between threads; its calls block."""

    def __init__(self, options: SignInOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._tls = create_ssl_context()  # once: it reads every root certificate
        self._metadata: dict[str, Any] = {}
        self._metadata_due = 0.0
        self._keys: KeySet | None = None
        self._keys_at = 0.0

    def authorization_address(self, state: str, nonce: str, verifier: str) -> str:
        """Write the address that a browser is sent to. Raises ProviderUnavailable."""
        endpoint = self._read_metadata()["authorization_endpoint"]
        with self._open_client() as client:
            address, _ = client.create_authorization_url(
                endpoint, state=state, nonce=nonce, code_verifier=verifier
            )
        return str(address)

    def read_claims(self, code: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """Turn a code into the claims of its ID token, all checked.

        Raises SignInFailed for a code or token that is not as it should be; ProviderUnavailable.
        """
        endpoint = self._read_metadata()["token_endpoint"]
        try:
            with self._open_client() as client:
                tokens = client.fetch_token(
                    endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except AuthlibBaseError as error:
            raise SignInFailed("code") from error
        except (HTTPError, ValueError) as error:
            raise ProviderUnavailable from error
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise SignInFailed("id_token")
        return self._check_token(token, nonce, str(tokens.get("access_token", "")))

    def _check_token(self, token: str, nonce: str, access_token: str) -> Mapping[str, Any]:
        try:
            try:
                decoded = jwt.decode(token, self._read_keys(), algorithms=ALGORITHMS)
            except InvalidKeyIdError:  # signed by a new key, or by nobody's
                decoded = jwt.decode(token, self._read_keys(renew=True), algorithms=ALGORITHMS)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self._options.oidc_issuer},
                    "aud": {"essential": True, "value": self._options.oidc_client},
                },
                params={
                    "nonce": nonce,
                    "client_id": self._options.oidc_client,
                    "access_token": access_token,
                },
            )
            claims.validate(leeway=CLOCK_LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise SignInFailed("id_token") from error
        checked: dict[str, Any] = dict(claims)
        return checked

    def _read_metadata(self) -> Mapping[str, Any]:
        """Read the discovery document, once an hour. Raises ProviderUnavailable."""
        with self._lock:
            if time.monotonic() >= self._metadata_due:
                issuer = self._options.oidc_issuer
                metadata = self._read_json(issuer.rstrip("/") + DISCOVERY_PATH)
                addresses = [metadata.get(name) for name in ENDPOINTS]
                are_safe = all(isinstance(a, str) and is_safe_address(a) for a in addresses)
                if metadata.get("issuer") != issuer or not are_safe:
                    raise ProviderUnavailable
                self._metadata = metadata
                self._metadata_due = time.monotonic() + METADATA_SECONDS
            return self._metadata

    def _read_keys(self, *, renew: bool = False) -> KeySet:
        address = self._read_metadata()["jwks_uri"]
        with self._lock:
            is_old = time.monotonic() >= self._keys_at + KEYS_SECONDS
            if self._keys is None or (renew and is_old):
                self._keys_at = time.monotonic()
                try:
                    self._keys = KeySet.import_key_set(self._read_json(address))
                except (JoseError, ValueError, TypeError, KeyError) as error:
                    raise ProviderUnavailable from error
            return self._keys

    def _read_json(self, address: str) -> dict[str, Any]:
        try:
            with self._open_client() as client:
                reply = client.request("GET", address, withhold_token=True)
                value = reply.raise_for_status().json()
        except (HTTPError, ValueError) as error:
            raise ProviderUnavailable from error
        if not isinstance(value, dict):
            raise ProviderUnavailable
        return value

    def _open_client(self) -> OAuth2Client:
        options = self._options
        return OAuth2Client(
            options.oidc_client,
            options.oidc_secret or None,
            token_endpoint_auth_method="client_secret_basic" if options.oidc_secret else "none",
            scope="openid profile email",
            redirect_uri=options.oidc_redirect,
            code_challenge_method="S256",
            timeout=PROVIDER_TIMEOUT,
            verify=self._tls,
        )
