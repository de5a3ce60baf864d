"""The request of a chat completion, as OpenAI's clients send it, and the question in it.

Names are a closed set: what only steers a language model is taken and has no effect, what would
promise something that an answer here does not keep is refused, and so is any other name.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from ragdesk.errors import ModelNotFound
from ragdesk.web.schemas import COLLECTION_PATTERN, Ask, StrictModel, TurnIn

MODEL_OWNER = "ragdesk"
UNNAMED_COLLECTION = "default"
CONVERSATION_MEMBER = "ragdesk_conversation"  # of `metadata`
# Of Ask. Clients send the whole chat with each question; the latest of it makes a follow-up clear.
MAX_TURNS, MAX_TURN_CHARACTERS = 50, 8_000
COLLECTION_NAME_IN_MODEL = re.compile(COLLECTION_PATTERN)
Ignored = Annotated[Any, Field(default=None, description="Taken, and without effect.")]
ChatRole = Literal["system", "developer", "user", "assistant", "tool", "function"]


class LenientModel(BaseModel):
    """A part of a message: clients send back all that an answer of any server had."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ContentPartIn(LenientModel):
    type: Annotated[str, Field(max_length=100)]
    text: str | None = None
    refusal: str | None = None

    @property
    def words(self) -> str | None:
        """Return the words of a part; None where it is a picture, sound or file."""
        return {"text": self.text, "refusal": self.refusal}.get(self.type)


class ChatMessageIn(LenientModel):
    role: ChatRole
    content: str | list[ContentPartIn] | None = None

    @field_validator("content")
    @classmethod
    def check_parts(
        cls, content: str | list[ContentPartIn] | None
    ) -> str | list[ContentPartIn] | None:
        """Refuse pictures, sound and files: an answer would seem to have seen them."""
        if isinstance(content, list) and any(part.words is None for part in content):
            raise PydanticCustomError("content_part", "Only parts of type 'text' are read.")
        return content

    @property
    def text(self) -> str:
        """Return the words of a message, those of its parts a line each."""
        if isinstance(self.content, list):
            return "\n".join(part.words or "" for part in self.content)
        return self.content or ""


class StreamOptionsIn(LenientModel):
    include_usage: bool | None = None


class TextFormatIn(LenientModel):
    type: Literal["text"]


class ChatCompletionIn(StrictModel):
    """A request of a chat completion. The last message is asked, those before are its history."""

    model: Annotated[str, Field(max_length=200, examples=["ragdesk", "ragdesk/manuals"])]
    messages: Annotated[list[ChatMessageIn], Field(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptionsIn | None = None
    metadata: Annotated[
        dict[str, Any] | None,
        Field(description=f"`{CONVERSATION_MEMBER}`: id of a conversation to go on with."),
    ] = None

    # What an answer here cannot keep is refused but for the value that asks for nothing.
    n: Literal[1] | None = None
    response_format: TextFormatIn | None = None
    modalities: list[Literal["text"]] | None = None
    audio: None = None
    tool_choice: Literal["none", "auto"] | None = None
    function_call: Literal["none", "auto"] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    stop: Annotated[list[str], Field(max_length=0)] | Literal[""] | None = None
    web_search_options: None = None

    frequency_penalty: Ignored
    functions: Ignored
    logit_bias: Ignored
    max_completion_tokens: Ignored
    max_tokens: Ignored
    min_p: Ignored
    parallel_tool_calls: Ignored
    prediction: Ignored
    presence_penalty: Ignored
    prompt_cache_key: Ignored
    prompt_cache_retention: Ignored
    reasoning: Ignored
    reasoning_effort: Ignored
    repetition_penalty: Ignored
    safety_identifier: Ignored
    seed: Ignored
    service_tier: Ignored
    store: Ignored
    temperature: Ignored
    tools: Ignored
    top_k: Ignored
    top_p: Ignored
    user: Ignored
    verbosity: Ignored

    @field_validator("messages")
    @classmethod
    def check_last_message(cls, messages: list[ChatMessageIn]) -> list[ChatMessageIn]:
        """Refuse a chat whose last message is no question of the user's."""
        spoken = _leave_out_instructions(messages)
        if not spoken or spoken[-1].role != "user" or not spoken[-1].text.strip():
            raise PydanticCustomError(
                "last_message", "The last message has to be of the role 'user', with some text."
            )
        return messages

    @property
    def conversation(self) -> str | None:
        """Return the id of the conversation that this goes on with, if any."""
        name = (self.metadata or {}).get(CONVERSATION_MEMBER)
        return name if isinstance(name, str) and 0 < len(name) <= MAX_TURN_CHARACTERS else None

    def to_ask(self) -> Ask:
        """Make the question of a request. Raises ModelNotFound.

        Sentences are held until they are checked: no client of this shape can show a verdict. What
        was said in a conversation is known, so the messages before the question are not read then.
        """
        *earlier, last = _leave_out_instructions(self.messages)
        conversation = self.conversation
        return Ask(
            question=last.text,
            collection=find_model_collection(self.model),
            history=[] if conversation else _read_turns(earlier),
            conversation=conversation[:1_000] if conversation else None,
            stream=bool(self.stream),
            verify="hold",
        )


def _leave_out_instructions(messages: list[ChatMessageIn]) -> list[ChatMessageIn]:
    """Leave out what tells a model how to behave: here that is the operator's."""
    return [message for message in messages if message.role not in {"system", "developer"}]


def _read_turns(messages: list[ChatMessageIn]) -> list[TurnIn]:
    """Read what was said before; calls of tools and their results are none of it."""
    turns = [
        TurnIn(role=message.role, text=message.text[:MAX_TURN_CHARACTERS])
        for message in messages
        if message.role in {"user", "assistant"} and message.text.strip()
    ]
    return turns[-MAX_TURNS:]


def find_model_collection(model: str) -> str:
    """Return the collection that a model's name means. Raises ModelNotFound.

    >>> find_model_collection("ragdesk"), find_model_collection("ragdesk/manuals")
    ('default', 'manuals')
    """
    head, slash, collection = model.partition("/")
    if head == MODEL_OWNER and not slash:
        return UNNAMED_COLLECTION
    if head != MODEL_OWNER or not COLLECTION_NAME_IN_MODEL.fullmatch(collection):
        raise ModelNotFound
    return collection


def name_model(collection: str) -> str:
    """Return the name of the model that answers from a collection.

    >>> name_model("default"), name_model("manuals")
    ('ragdesk', 'ragdesk/manuals')
    """
    return MODEL_OWNER if collection == UNNAMED_COLLECTION else f"{MODEL_OWNER}/{collection}"
