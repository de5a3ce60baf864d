"""The settings of one channel: ``[channels.NAME]``."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ragdesk.support.handoff.handoff_options import check_address

ChatKind = Literal["slack", "feishu", "wecom", "teams"]
NEEDED_SETTINGS: Final[Mapping[ChatKind, tuple[str, ...]]] = {
    "slack": ("secret", "token"),
    "feishu": ("secret", "token", "app", "verification"),
    "wecom": ("secret", "token", "app", "verification", "agent"),
    "teams": ("secret",),
}
VENDOR_ADDRESSES: Final[Mapping[ChatKind, str]] = {
    "slack": "https://slack.com",
    "feishu": "https://open.feishu.cn",
    "wecom": "https://qyapi.weixin.qq.com",
    "teams": "",  # what it is answered goes into the response
}
AES_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """A chat system that asks the desk, by webhook at ``/v1/channels/NAME``.

    kind: which: slack, feishu, wecom or teams.
    collection: that is asked.
    groups: of documents that everybody in the channel may see, beside those that are open to all.
    secret: what its messages are proven with: Slack's signing secret, Feishu's encrypt key, WeCom's
        EncodingAESKey, the security token of Teams.
    token: what answers are sent with: Slack's bot token, Feishu's app secret, WeCom's corp secret.
    app: Feishu's app id, WeCom's corp id.
    verification: Feishu's verification token, WeCom's token.
    agent: number of the app in WeCom.
    address: that answers are sent to, such as ``https://open.larksuite.com``. Empty: the vendor's.
    public_address: of this desk, which citations link to, such as ``https://desk.example``. Empty:
        they name their documents, without links.
    """

    kind: ChatKind
    collection: str = "default"
    groups: tuple[str, ...] = ()
    secret: str = field(default="", repr=False, metadata={"secret": True})
    token: str = field(default="", repr=False, metadata={"secret": True})
    app: str = ""
    verification: str = field(default="", repr=False, metadata={"secret": True})
    agent: int = 0
    address: str = ""
    public_address: str = ""

    def __post_init__(self) -> None:
        missing = [name for name in NEEDED_SETTINGS[self.kind] if not getattr(self, name)]
        if missing:
            raise ValueError(f"{self.kind} needs {', '.join(missing)}")
        check_address("address", self.address)
        check_address("public_address", self.public_address)
        if self.kind == "wecom":
            decode_aes_key(self.secret)
        if self.kind == "teams":
            decode_base64_key(self.secret)

    @property
    def reply_address(self) -> str:
        """Return where answers are sent: the operator's address, or the vendor's."""
        return (self.address or VENDOR_ADDRESSES[self.kind]).rstrip("/")


def decode_aes_key(name: str) -> bytes:
    """Return the bytes of WeCom's EncodingAESKey. Raises ValueError."""
    key = decode_base64_key(f"{name}=")
    if len(key) != AES_KEY_BYTES:
        raise ValueError("secret must be the EncodingAESKey: 43 letters and digits")
    return key


def decode_base64_key(name: str) -> bytes:
    """Return the bytes of a key that is written in base64. Raises ValueError."""
    try:
        return base64.b64decode(name, validate=True)
    except binascii.Error as error:
        raise ValueError("secret is not base64") from error
