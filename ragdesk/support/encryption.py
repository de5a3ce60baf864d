r"""Encryption of kept texts with the operator's key: AES-256-GCM, and keyed hashes of their words.

Several keys are a rotation: the newest seals, all of them open. Without a key texts stay as they
are. A sealed text is ``\x02``, the id of its key, a colon, and nonce and ciphertext in base64.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ragdesk.errors import EncryptionKeyMissing, SettingsError

ENCRYPTION_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
WORD_BYTES: Final = 8
SEAL_MARK: Final = "\x02"
PLAIN_MARK: Final = f"{SEAL_MARK}plain:"  # before a plain text that begins as a sealed one does
FILE_PREFIX: Final = "file:"
KEY_ADVICE: Final = "Make one: openssl rand -base64 32"


@dataclass(frozen=True, slots=True)
class _CipherKey:
    id: str
    aead: AESGCM
    word_secret: bytes
    request_secret: bytes


class TextCipher:
    """Seals texts with the newest of some keys, and opens those of any. Safe between threads.

    keys: of 32 bytes each, newest first; none leaves texts as they are.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = {key.id: key for key in map(_derive_keys, keys)}
        self._newest = next(iter(self._keys.values()), None)

    @property
    def key_id(self) -> str:
        """Name the key that seals, without telling anything of it; empty where there is none."""
        return self._newest.id if self._newest else ""

    @property
    def newest_mark(self) -> str:
        """Return how every text begins that the newest key sealed; empty where there is no key."""
        return f"{SEAL_MARK}{self._newest.id}:" if self._newest else ""

    def seal(self, text: str) -> str:
        """Encrypt a text.

        >>> cipher = TextCipher([bytes(32)])
        >>> cipher.open(cipher.seal("退款")), TextCipher().seal("退款")
        ('退款', '退款')
        """
        if self._newest is None:
            return f"{PLAIN_MARK}{text}" if text.startswith(SEAL_MARK) else text
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._newest.aead.encrypt(nonce, text.encode(), None)
        return self.newest_mark + base64.b64encode(nonce + sealed).decode()

    def open(self, text: str) -> str:
        """Decrypt a text. Raises EncryptionKeyMissing for one that none of the keys opens."""
        if not text.startswith(SEAL_MARK):
            return text
        if text.startswith(PLAIN_MARK):
            return text.removeprefix(PLAIN_MARK)
        name, _, body = text.removeprefix(SEAL_MARK).partition(":")
        if (key := self._keys.get(name)) is None:
            raise EncryptionKeyMissing(
                f"What is kept was encrypted with the key {name[:8]!r}, which is not among those "
                "of support.encryption_key. Add it behind the newest one."
            )
        try:
            raw = base64.b64decode(body, validate=True)
            return key.aead.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise EncryptionKeyMissing(
                f"A text that was encrypted with the key {name[:8]!r} was changed since."
            ) from error

    def hash_word(self, word: str) -> int:
        """Return the hash under which a word is written: keyed where there is a key."""
        return _word_hash(self._newest.word_secret if self._newest else b"", word)

    def list_word_hashes(self, word: str) -> list[int]:
        """List every hash under which a word may have been written: of each key, and of none."""
        word_secrets = [key.word_secret for key in self._keys.values()]
        return [_word_hash(secret, word) for secret in (*word_secrets, b"")]

    def list_request_secrets(self) -> dict[str, bytes]:
        """Return the secrets that requests are told apart by, by the ids of their keys."""
        return {key.id: key.request_secret for key in self._keys.values()}


def read_encryption_keys(setting: str) -> list[bytes]:
    """Read the keys that a setting holds, or the file it names: newest first.

    Raises SettingsError, which repeats nothing of them.
    """
    if setting.startswith(FILE_PREFIX):
        file = Path(setting.removeprefix(FILE_PREFIX))
        try:
            names = file.read_text(encoding="ascii").split()
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"support.encryption_key names {file}, which cannot be read."
            ) from error
        if not names:
            raise SettingsError(f"{file} holds no key. {KEY_ADVICE}")
    else:
        names = [name.strip() for name in setting.split(",")] if setting.strip() else []
    return [_decode_key(name) for name in names]


def _decode_key(name: str) -> bytes:
    try:
        key = base64.b64decode(name, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != ENCRYPTION_KEY_BYTES:
        raise SettingsError(
            f"support.encryption_key takes {ENCRYPTION_KEY_BYTES} random bytes in base64. "
            f"{KEY_ADVICE}"
        )
    return key


def _derive_keys(key: bytes) -> _CipherKey:
    """Derive one key for texts, and others for words and requests: none tells another."""
    size = ENCRYPTION_KEY_BYTES
    derived = HKDF(SHA256(), 2 * size + 4, salt=None, info=b"ragdesk support 1").derive(key)
    texts, words, name = derived[:size], derived[size:-4], derived[-4:]
    requests = HKDF(SHA256(), size, salt=None, info=b"ragdesk requests 1").derive(key)
    return _CipherKey(id=name.hex(), aead=AESGCM(texts), word_secret=words, request_secret=requests)


def _word_hash(secret: bytes, word: str) -> int:
    digest = (
        hmac.digest(secret, word.encode(), "sha256") if secret else hashlib.sha256(word.encode())
    )
    raw = digest if isinstance(digest, bytes) else digest.digest()
    return int.from_bytes(raw[:WORD_BYTES], signed=True)
