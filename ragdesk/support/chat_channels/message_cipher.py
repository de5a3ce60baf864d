"""The encryption that Feishu and WeCom document for messages: AES-256 in CBC mode, then signed.

Nothing is decrypted here before its signature was found right, save the questions by which both
check an address; what such a text says is compared with a token, or sent back to its sender alone.
"""

import base64
import binascii
import hashlib
import os
import struct
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ragdesk.errors import Unauthenticated

FEISHU_BLOCK: Final = 16
WECOM_BLOCK: Final = 32  # what WeCom fills up to, twice the block of AES
WECOM_RANDOM: Final = 16


def open_feishu(text: str, encrypt_key: str) -> bytes:
    """Decrypt what Feishu encrypted: the first block is the IV, the key is hashed first.

    Raises Unauthenticated.

    >>> open_feishu("P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=", "test key")
    b'hello world'
    """
    raw = _decode(text)
    key = hashlib.sha256(encrypt_key.encode()).digest()
    return _unpad(_decrypt(key, raw[:FEISHU_BLOCK], raw[FEISHU_BLOCK:]), FEISHU_BLOCK)


def open_wecom(text: str, key: bytes, receiver: str) -> bytes:
    """Decrypt what WeCom encrypted: random bytes, the length, the message, who it is for.

    Raises Unauthenticated, for what is for another receiver, too.
    """
    plain = _unpad(_decrypt(key, key[:FEISHU_BLOCK], _decode(text)), WECOM_BLOCK)
    start = WECOM_RANDOM + 4
    if len(plain) < start:
        raise Unauthenticated
    (size,) = struct.unpack(">I", plain[WECOM_RANDOM:start])
    message, named = plain[start : start + size], plain[start + size :]
    if named != receiver.encode():
        raise Unauthenticated
    return message


def seal_wecom(message: bytes, key: bytes, receiver: str) -> str:
    """Encrypt as WeCom does: what ``open_wecom`` opens."""
    plain = os.urandom(WECOM_RANDOM) + struct.pack(">I", len(message)) + message
    plain += receiver.encode()
    fill = WECOM_BLOCK - len(plain) % WECOM_BLOCK
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:FEISHU_BLOCK])).encryptor()
    sealed = encryptor.update(plain + bytes([fill]) * fill) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated from error


def _decrypt(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    if len(iv) != FEISHU_BLOCK or not sealed or len(sealed) % FEISHU_BLOCK:
        raise Unauthenticated
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return decryptor.update(sealed) + decryptor.finalize()


def _unpad(plain: bytes, block: int) -> bytes:
    fill = plain[-1]
    if not 1 <= fill <= block or plain[-fill:] != bytes([fill]) * fill:
        raise Unauthenticated
    return plain[:-fill]
