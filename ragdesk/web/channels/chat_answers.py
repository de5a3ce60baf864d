"""Answer a message of a channel: who asks, in which conversation, and what the chat is shown."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from ragdesk.answering.answer import Answer, Citation, Done, StepLink
from ragdesk.answering.lookup_result import is_lookup
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid, NotFound, RateLimited
from ragdesk.support.access import CHANNEL_PREFIX, make_channel_principal
from ragdesk.support.chat_channels.chat_message import ChatMessage, ChatReply, ReplySource
from ragdesk.support.chat_channels.chat_options import ChatOptions
from ragdesk.support.chat_channels.chat_store import ChatStore
from ragdesk.support.conversations.conversation import Conversation
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.sign_in.identity import Identity
from ragdesk.web.question_answering import ask_through_door
from ragdesk.web.schemas import Ask
from ragdesk.web.server_state import ServerState

DIRECT_SECONDS: Final = 6 * 3_600  # after which a message without a thread begins anew
MOST_REPLY_SOURCES: Final = 8
MOST_OF_UNIT: Final = 2  # hours and minutes are said from two of them on
LIMIT_UNITS: Final[Mapping[int, Mapping[str, str]]] = {
    3_600: {"en": "hours", "zh": "小时"},
    60: {"en": "minutes", "zh": "分钟"},
    1: {"en": "seconds", "zh": "秒"},
}
LIMIT_TEXTS: Final[Mapping[str, str]] = {
    "en": "More was asked here than is allowed at a time. Please ask again in {count} {unit}.",
    "zh": "这里的提问次数已达上限。请在 {count} {unit}后再问一次。",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelThreads:
    """The conversations of one channel, by its threads."""

    channel: str
    options: ChatOptions
    store: ChatStore
    conversations: ConversationStore

    def open(self, message: ChatMessage) -> Conversation:
        """Return the conversation of a message's thread, begun if there is none. It blocks."""
        conversation = self._find(message)
        if conversation is None:
            who = make_channel_principal(
                self.channel, message.user, self.options.collection, frozenset()
            )
            origin = f"{CHANNEL_PREFIX}{self.channel}"
            conversation = self.conversations.create(
                who.person, self.options.collection, origin=origin
            )
        self.store.store_thread(self.channel, message.thread, conversation.id, message.address)
        return conversation

    def _find(self, message: ChatMessage) -> Conversation | None:
        name = self.store.find_conversation(self.channel, message.thread)
        if name is None:
            return None
        try:
            conversation = self.conversations.get(name)
        except NotFound:  # it was deleted meanwhile
            return None
        is_old = message.is_direct and conversation.updated < time.time() - DIRECT_SECONDS
        is_over = is_old and conversation.state == "answering"  # else a person is to answer in it
        return (
            None if is_over or conversation.collection != self.options.collection else conversation
        )


async def answer_message(
    state: ServerState, threads: ChannelThreads, message: ChatMessage
) -> ChatReply:
    """Answer a message as its channel may ask, and keep the turn.

    Past a limit of its author or channel it says when to ask again. Raises Overloaded and what a
    collection or model says where it cannot answer now.
    """
    options = threads.options
    author = make_channel_principal(
        threads.channel, message.user, options.collection, frozenset(options.groups)
    )
    identity = Identity(who=author, label=author.name)
    try:
        admission = await state.limits.admit(identity, "")
        try:
            return await _ask(state, threads, message, identity)
        finally:
            admission.end()
    except RateLimited as error:
        return make_limit_reply(message.text, error.retry_after)


async def _ask(
    state: ServerState, threads: ChannelThreads, message: ChatMessage, identity: Identity
) -> ChatReply:
    conversation = await run_in_thread(threads.open, message)
    # The conversation is of who began its thread; limits count who writes.
    who = replace(identity.who, person=conversation.person)
    answer: Answer | None = None
    try:
        ask = Ask(question=message.text, conversation=conversation.id)
        async for event in ask_through_door(state, who, ask, identity):
            if isinstance(event, Done):
                answer = event.answer
    except Invalid as error:  # too long, say: whoever asked can mend it
        return ChatReply(text=str(error))
    if answer is None:
        raise AssertionError("every answer ends with Done")
    return make_chat_reply(answer, threads.options)


def make_limit_reply(question: str, seconds: int) -> ChatReply:
    """Make what an author is told whose question is over a limit for so many seconds.

    >>> make_limit_reply("How long?", 42).text
    'More was asked here than is allowed at a time. Please ask again in 42 seconds.'
    >>> make_limit_reply("多久到账？", 30_000).text
    '这里的提问次数已达上限。请在 9 小时后再问一次。'
    """
    language = guess_chat_language(question)
    size = next(size for size in LIMIT_UNITS if seconds >= MOST_OF_UNIT * size or size == 1)
    unit = LIMIT_UNITS[size][language]
    text = LIMIT_TEXTS[language].format(count=math.ceil(max(seconds, 1) / size), unit=unit)
    return ChatReply(text=text, language=language)


def guess_chat_language(text: str) -> str:
    """Guess the language of our own words beside a message."""
    return "en" if text.isascii() else "zh"


def make_chat_reply(answer: Answer, options: ChatOptions) -> ChatReply:
    """Make what a chat shows of an answer: its words, what to do next, and its sources as links."""
    parts = [answer.text]
    if answer.next_step is not None:
        parts.append(answer.next_step.text)
        links = answer.next_step.links
        parts.append("\n".join(_format_link(link, answer, options) for link in links))
    parts.append("\n".join(f"- {choice.question}" for choice in answer.choices))
    sources = [
        ReplySource(
            number=citation.number,
            title=f"{citation.title}, {citation.page}" if citation.page else citation.title,
            href=make_source_link(options.public_address, answer, citation),
        )
        for citation in answer.citations[:MOST_REPLY_SOURCES]
    ]
    text = "\n\n".join(part for part in parts if part)
    return ChatReply(text=text, sources=tuple(sources), language=answer.language)


def make_source_link(address: str, answer: Answer, citation: Citation) -> str:
    """Write where the page of the desk opens a citation; empty where no address is set.

    Whoever follows it is asked who they are, and sees what they may see.
    """
    if is_lookup(citation.uri):
        return ""
    return make_document_link(address, answer, citation.uri, citation.start, citation.end)


def make_document_link(address: str, answer: Answer, uri: str, start: int = 0, end: int = 0) -> str:
    """Write where the page of the desk opens a document at a place; empty without an address."""
    if not address:
        return ""
    document = f"{answer.collection}/{quote(uri, safe='')}"
    return f"{address.rstrip('/')}/#d={document};{answer.generation};{start}-{end}"


def _format_link(link: StepLink, answer: Answer, options: ChatOptions) -> str:
    href = link.href or ""
    if link.uri is not None and not is_lookup(link.uri):
        href = make_document_link(options.public_address, answer, link.uri)
    return f"- {link.title} {href}".rstrip()
