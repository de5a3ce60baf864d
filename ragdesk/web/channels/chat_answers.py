"""Answer a message of a channel: who asks, in which conversation, and what the chat is shown."""

import time
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from ragdesk.answering.answer import Answer, Citation, Done
from ragdesk.answering.lookup_result import is_lookup
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid, NotFound
from ragdesk.support.access import CHANNEL_PREFIX, Principal, make_channel_principal
from ragdesk.support.chat_channels.chat_message import ChatMessage, ChatReply, ReplySource
from ragdesk.support.chat_channels.chat_options import ChatOptions
from ragdesk.support.chat_channels.chat_store import ChatStore
from ragdesk.support.conversations.conversation import Conversation
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.web.question_answering import ask_through_door
from ragdesk.web.schemas import Ask
from ragdesk.web.server_state import ServerState

DIRECT_SECONDS: Final = 6 * 3_600  # after which a message without a thread begins anew
MOST_REPLY_SOURCES: Final = 8


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

    Raises RateLimited, Overloaded and what a collection or model says where it cannot answer now.
    """
    conversation = await run_in_thread(threads.open, message)
    options = threads.options
    who = make_channel_principal(
        threads.channel, message.user, options.collection, frozenset(options.groups)
    )
    return await _ask(
        state, replace(who, person=conversation.person), conversation, message, options
    )


async def _ask(
    state: ServerState,
    who: Principal,
    conversation: Conversation,
    message: ChatMessage,
    options: ChatOptions,
) -> ChatReply:
    answer: Answer | None = None
    try:
        ask = Ask(question=message.text, conversation=conversation.id)
        async for event in ask_through_door(state, who, ask):
            if isinstance(event, Done):
                answer = event.answer
    except Invalid as error:  # too long, say: whoever asked can mend it
        return ChatReply(text=str(error))
    if answer is None:
        raise AssertionError("every answer ends with Done")
    return make_chat_reply(answer, options)


def make_chat_reply(answer: Answer, options: ChatOptions) -> ChatReply:
    """Make what a chat shows of an answer: its words, what to do next, and its sources as links."""
    parts = [answer.text]
    if answer.next_step is not None:
        parts.append(answer.next_step.text)
        links = [f"- {link.title} {link.href or ''}".rstrip() for link in answer.next_step.links]
        parts.append("\n".join(links))
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
    if not address or is_lookup(citation.uri):
        return ""
    document = f"{answer.collection}/{quote(citation.uri, safe='')}"
    place = f"{citation.start}-{citation.end}"
    return f"{address.rstrip('/')}/#d={document};{answer.generation};{place}"
