"""What chat systems send to a channel and are answered, as ``/openapi.json`` shows it.

The forms are those of the systems' own documentation, named in ``on_slack.py`` and its neighbours;
of each no more is written down than is read here, as they add fields as they like.
"""

from typing import Any, Final

from ragdesk.answering.answer import JsonObject
from ragdesk.web.problem_responses import JSON_MEDIA_TYPE, name_problems

TEXT_MEDIA_TYPE: Final = "text/plain"
XML_MEDIA_TYPE: Final = "text/xml"


def _make_text(words: str = "") -> JsonObject:
    return {"type": "string", "description": words} if words else {"type": "string"}


def _make_object(title: str, words: str, required: tuple[str, ...], **fields: Any) -> JsonObject:
    return {
        "title": title,
        "description": words,
        "type": "object",
        "required": list(required),
        "properties": fields,
    }


SLACK_EVENT: Final = _make_object(
    "SlackEvent",
    "Of the Events API: `url_verification` with a `challenge`, or `event_callback` with an `event` "
    "of the type `app_mention` or `message`. Other events are acknowledged and not answered.",
    ("type",),
    type=_make_text(),
    challenge=_make_text(),
    event_id=_make_text("The same when it comes again: then it is not answered twice."),
    team_id=_make_text(),
    event={"type": "object"},
)
FEISHU_EVENT: Final = _make_object(
    "FeishuEvent",
    "Of Feishu and Lark: an event encrypted with the encrypt key of the settings. In it, a "
    "`url_verification` or an `im.message.receive_v1` with the verification token.",
    ("encrypt",),
    encrypt=_make_text("Base64."),
)
TEAMS_ACTIVITY: Final = _make_object(
    "TeamsActivity",
    "Of an outgoing webhook. One of another type than `message`, or of a bot, is not answered.",
    ("type", "id", "timestamp", "from", "conversation"),
    type=_make_text(),
    id=_make_text("The same when it comes again: then it is a 401."),
    timestamp=_make_text("Of now, within five minutes."),
    text=_make_text(),
    conversation={"type": "object"},
    **{"from": {"type": "object"}},
)
WECOM_MESSAGE: Final = {
    "title": "WecomMessage",
    "description": "XML whose `Encrypt` is a message encrypted with the EncodingAESKey of the "
    "settings.",
    "type": "string",
}
CHALLENGE: Final = _make_object(
    "Challenge",
    "To `url_verification`: the challenge that it brought.",
    ("challenge",),
    challenge=_make_text(),
)
TEAMS_MESSAGE: Final = _make_object(
    "TeamsMessage",
    "To Teams: the answer itself, with its citations as links.",
    ("type", "textFormat", "text"),
    type={"const": "message"},
    textFormat={"const": "xml"},
    text=_make_text(),
)
ACKNOWLEDGED: Final[JsonObject] = {
    "title": "Acknowledged",
    "description": "To all else: it was taken, and the answer is sent to the system's own API.",
    "type": "object",
    "maxProperties": 0,
}


def _make_header(name: str, words: str) -> JsonObject:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "description": words, "schema": schema}


def _make_query(name: str, words: str, *, is_needed: bool = False) -> JsonObject:
    return {**_make_header(name, words), "in": "query", "required": is_needed}


def _make_wecom_query(*, is_needed: bool) -> list[JsonObject]:
    words = "SHA-1 of token, `timestamp`, `nonce` and what is encrypted, sorted and joined."
    return [
        _make_query("msg_signature", f"WeCom: {words}", is_needed=is_needed),
        _make_query("timestamp", "WeCom: of now within 5 minutes.", is_needed=is_needed),
        _make_query("nonce", "WeCom.", is_needed=is_needed),
    ]


CHECK_REQUEST: Final[JsonObject] = {
    "parameters": [
        *_make_wecom_query(is_needed=True),
        _make_query("echostr", "What is to be decrypted and sent back.", is_needed=True),
    ]
}
CHECK_RESPONSES: Final[dict[int | str, JsonObject]] = {
    200: {
        "description": "The decrypted text of `echostr`.",
        "content": {TEXT_MEDIA_TYPE: {"schema": {"type": "string"}}},
    },
    **name_problems(401, 422),
}
MESSAGE_REQUEST: Final[JsonObject] = {
    "parameters": [
        _make_header("X-Slack-Signature", "Slack: `v0=` and the HMAC-SHA256 of the request."),
        _make_header("X-Slack-Request-Timestamp", "Slack: of now within 5 minutes."),
        _make_header("X-Lark-Signature", "Feishu: SHA-256 of time, nonce, encrypt key and body."),
        _make_header("X-Lark-Request-Timestamp", "Feishu: of now within 5 minutes."),
        _make_header("X-Lark-Request-Nonce", "Feishu."),
        *_make_wecom_query(is_needed=False),
    ],
    "requestBody": {
        "required": True,
        "content": {
            JSON_MEDIA_TYPE: {"schema": {"anyOf": [SLACK_EVENT, FEISHU_EVENT, TEAMS_ACTIVITY]}},
            XML_MEDIA_TYPE: {"schema": WECOM_MESSAGE},
        },
    },
}
MESSAGE_RESPONSES: Final[dict[int | str, JsonObject]] = {
    200: {
        "description": "It was taken. A system that hears no 200 in time sends it again, and is "
        "answered once.",
        "content": {
            JSON_MEDIA_TYPE: {"schema": {"anyOf": [CHALLENGE, TEAMS_MESSAGE, ACKNOWLEDGED]}},
            TEXT_MEDIA_TYPE: {"schema": {"type": "string", "maxLength": 0}},
        },
    },
    **name_problems(401),
}
