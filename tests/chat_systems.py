"""Chat systems as their documentation says they behave: what they send, and small real servers.

The shapes are quoted from docs.slack.dev (Events API, verifying requests, chat.postMessage),
open.feishu.cn (receive events, im.message.receive_v1, reply to a message), developer.work.weixin.qq.com
(callbacks, gettoken, message/send) and learn.microsoft.com (outgoing webhooks), shortened.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from outside_systems import OutsideSystem, Reply

from ragdesk.support.chat_channels.chat_message import ChatRequest
from ragdesk.support.chat_channels.chat_options import ChatOptions, decode_aes_key
from ragdesk.support.chat_channels.message_cipher import seal_wecom

SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # noqa: S105, of its documentation
BOT_TOKEN = "xoxb-of-the-tests"  # noqa: S105
ENCRYPT_KEY, VERIFICATION = "kudryavka", "v-token"
APP, APP_SECRET = "cli_a1", "app-secret"
WECOM_TOKEN, CORP = "QDG6eK", "wx5823bf96d3bd56c7"  # of its documentation
WECOM_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
TEAMS_KEY = base64.b64encode(b"k" * 32).decode()


class Slack(OutsideSystem):
    """``chat.postMessage``: 200 and ``{"ok": false, "error": …}`` for what it refuses."""

    options: ChatOptions

    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        self.options = ChatOptions(
            kind="slack", secret=SLACK_SECRET, token=BOT_TOKEN, address=self.url, **more
        )

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        super().take(method, path, headers, body)
        if headers.get("authorization") != f"Bearer {BOT_TOKEN}":
            return 200, {"ok": False, "error": "invalid_auth"}
        message = json.loads(body)
        if (method, path) != ("POST", "/api/chat.postMessage") or "channel" not in message:
            return 200, {"ok": False, "error": "channel_not_found"}
        self.messages.append(message)
        return 200, {"ok": True, "channel": message["channel"], "ts": "1503435956.000247"}


def slack_event(event: str = "Ev08MFMKH6", **fields: Any) -> dict[str, Any]:
    mention = {
        "type": "app_mention",
        "user": "U061F7AUR",
        "text": "<@U0LAN0Z89> How long does a refund take to a bank account?",
        "ts": "1515449522.000016",
        "channel": "C123ABC456",
        "event_ts": "1515449522000016",
    }
    return {
        "token": "ZZZZZZWSxiZZZ2yIvs3peJ",
        "team_id": "T123ABC456",
        "api_app_id": "A123ABC456",
        "event": {**mention, **fields},
        "type": "event_callback",
        "event_id": event,
        "event_time": 1515449522,
        "authed_users": ["U0LAN0Z89"],
    }


def sign_slack(body: bytes, now: float | None = None, secret: str = SLACK_SECRET) -> ChatRequest:
    timestamp = str(int(time.time() if now is None else now))
    signed = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256)
    headers = {
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": f"v0={signed.hexdigest()}",
        "content-type": "application/json",
    }
    return ChatRequest(method="POST", headers=headers, query={}, body=body)


class Feishu(OutsideSystem):
    """``tenant_access_token/internal`` and ``im/v1/messages/{id}/reply``, which knows a ``uuid``."""

    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.replies: dict[str, tuple[str, dict[str, Any]]] = {}
        self.tokens = 0
        self.options = ChatOptions(
            kind="feishu", secret=ENCRYPT_KEY, verification=VERIFICATION, app=APP,
            token=APP_SECRET, address=self.url, **more,
        )  # fmt: skip

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        super().take(method, path, headers, body)
        data = json.loads(body)
        if path == "/open-apis/auth/v3/tenant_access_token/internal":
            if data != {"app_id": APP, "app_secret": APP_SECRET}:
                return 200, {"code": 10014, "msg": "app secret invalid"}
            self.tokens += 1
            token = f"t-{self.tokens}"
            return 200, {"code": 0, "msg": "ok", "tenant_access_token": token, "expire": 7200}
        if headers.get("authorization") != f"Bearer t-{self.tokens}":
            return 400, {"code": 99991663, "msg": "Invalid access token for authorization."}
        message = path.removeprefix("/open-apis/im/v1/messages/").removesuffix("/reply")
        self.replies.setdefault(data["uuid"], (message, json.loads(data["content"])))
        return 200, {"code": 0, "msg": "success", "data": {"message_id": "om_reply"}}


def feishu_event(event: str = "5e3702a84e847582be8db7fb73283c02", **fields: Any) -> dict[str, Any]:
    message = {
        "message_id": "om_5ce6d572455d361153b7cb51da133945",
        "create_time": "1609073151345",
        "chat_id": "oc_5ce6d572455d361153b7xx51da133945",
        "chat_type": "group",
        "message_type": "text",
        "content": json.dumps({"text": "@_user_1 How long does a refund take to a bank account?"}),
        "mentions": [{"key": "@_user_1", "id": {"open_id": "ou_bot"}, "name": "Desk"}],
    }
    sender = {"sender_id": {"open_id": "ou_84aad35d084aa403a838cf73ee18467"}, "sender_type": "user"}
    sender |= {name: fields.pop(name) for name in ("sender_type",) if name in fields}
    header = {
        "event_id": event,
        "event_type": "im.message.receive_v1",
        "create_time": "1608725989000",
        "token": VERIFICATION,
        "app_id": APP,
        "tenant_key": "2ca1d211f64f6438",
    }
    return {
        "schema": "2.0",
        "header": header,
        "event": {"sender": sender, "message": {**message, **fields}},
    }


def seal_feishu(event: dict[str, Any], key: str = ENCRYPT_KEY) -> bytes:
    iv, plain = os.urandom(16), json.dumps(event).encode()
    fill = 16 - len(plain) % 16
    digest = hashlib.sha256(key.encode()).digest()
    encryptor = Cipher(algorithms.AES(digest), modes.CBC(iv)).encryptor()
    sealed = iv + encryptor.update(plain + bytes([fill]) * fill) + encryptor.finalize()
    return json.dumps({"encrypt": base64.b64encode(sealed).decode()}).encode()


def sign_feishu(body: bytes, now: float | None = None, key: str = ENCRYPT_KEY) -> ChatRequest:
    timestamp, nonce = str(int(time.time() if now is None else now)), "nonce"
    signed = hashlib.sha256(f"{timestamp}{nonce}{key}".encode() + body).hexdigest()
    headers = {
        "x-lark-request-timestamp": timestamp,
        "x-lark-request-nonce": nonce,
        "x-lark-signature": signed,
        "content-type": "application/json",
    }
    return ChatRequest(method="POST", headers=headers, query={}, body=body)


class Wecom(OutsideSystem):
    """``gettoken`` and ``message/send``."""

    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        self.options = ChatOptions(
            kind="wecom", secret=WECOM_KEY, verification=WECOM_TOKEN, app=CORP, agent=218,
            token="corp-secret", address=self.url, **more,  # noqa: S106
        )  # fmt: skip

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        super().take(method, path, headers, body)
        place, query = urlsplit(path).path, parse_qs(urlsplit(path).query)
        if (method, place) == ("GET", "/cgi-bin/gettoken"):
            if query != {"corpid": [CORP], "corpsecret": ["corp-secret"]}:
                return 200, {"errcode": 40001, "errmsg": "invalid credential"}
            return 200, {
                "errcode": 0,
                "errmsg": "ok",
                "access_token": "access-of-wecom",
                "expires_in": 7200,
            }
        if query.get("access_token") != ["access-of-wecom"]:
            return 200, {"errcode": 40014, "errmsg": "invalid access_token"}
        message = json.loads(body)
        if len(message["text"]["content"].encode()) > 2_048:
            return 200, {"errcode": 45002, "errmsg": "content size out of limit"}
        self.messages.append(message)
        return 200, {"errcode": 0, "errmsg": "ok", "msgid": "xxxx"}


def wecom_message(text: str, number: str = "1234567890123456", kind: str = "text") -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName>"
        "<FromUserName><![CDATA[mycreate]]></FromUserName><CreateTime>1409659813</CreateTime>"
        f"<MsgType><![CDATA[{kind}]]></MsgType><Content><![CDATA[{text}]]></Content>"
        f"<MsgId>{number}</MsgId><AgentID>218</AgentID></xml>"
    ).encode()


def sign_wecom(
    sealed: str, now: float | None = None, method: str = "POST", token: str = WECOM_TOKEN
) -> ChatRequest:
    timestamp, nonce = str(int(time.time() if now is None else now)), "263014780"
    signed = hashlib.sha1("".join(sorted([token, timestamp, nonce, sealed])).encode())  # noqa: S324
    query = {"msg_signature": signed.hexdigest(), "timestamp": timestamp, "nonce": nonce}
    body = b""
    if method == "GET":
        query["echostr"] = sealed
    else:
        body = (
            f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><Encrypt><![CDATA[{sealed}]]>"
            "</Encrypt><AgentID><![CDATA[218]]></AgentID></xml>"
        ).encode()
    return ChatRequest(method=method, headers={"content-type": "text/xml"}, query=query, body=body)


def seal_wecom_text(text: str, number: str = "1234567890123456", kind: str = "text") -> str:
    return seal_wecom(wecom_message(text, number, kind), decode_aes_key(WECOM_KEY), CORP)


def teams_activity(name: str = "1485983408511", now: float | None = None, **fields: Any) -> bytes:
    moment = time.gmtime(time.time() if now is None else now)
    activity = {
        "type": "message",
        "id": name,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.437Z", moment),
        "serviceUrl": "https://smba.trafficmanager.net/amer-client-ss.msg/",
        "channelId": "msteams",
        "from": {"id": "29:1XJKJMvc5GBtc2JwZq0oj8tHZmzrQgFmB39ATiQWA85gQtHieVkKilBZ9XHoq9j7Zaqt7CZ-NJWi7me2kHTL3Bw", "name": "Mia"},
        "conversation": {"id": "19:253b1f341670408fb6fe51050b6e5ceb@thread.skype;messageid=1485983194839"},
        "text": "<at>Desk</at> How long does a refund take to a bank account?",
    }  # fmt: skip
    return json.dumps({**activity, **fields}).encode()


def sign_teams(body: bytes, key: str = TEAMS_KEY) -> ChatRequest:
    digest = hmac.new(base64.b64decode(key), body, hashlib.sha256).digest()
    headers = {
        "authorization": f"HMAC {base64.b64encode(digest).decode()}",
        "content-type": "application/json",
    }
    return ChatRequest(method="POST", headers=headers, query={}, body=body)
