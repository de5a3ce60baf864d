"""What operators set of the model that writes, what it reads and how its sentences are checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

THINKING_SWITCH = "enable_thinking"  # in the chat templates of Qwen3, GLM, SmolLM3 and others


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateOptions:
    """The model server that writes answers. Without one they are the documents' own sentences.

    urls: addresses of OpenAI-compatible servers of the same model, such as
        "http://127.0.0.1:8000/v1". Empty: no server.
    model: the model's name on the server; empty takes the first that the server lists.
    api_key: the server's API key, sent as a bearer token.
    dialect: "vllm" (JSON schema, and a prompt cache for each group of askers), "openai" (JSON
        schema), or "plain" (marks in plain text, for servers that cannot be held to a JSON schema).
    degrade: true answers in the documents' own sentences while the model fails; with false such a
        question is an error.
    thinking: whether a model that can think does so before it answers. "on" or "off" tells the
        server (``chat_template_kwargs = { enable_thinking = … }``, which vLLM, SGLang and llama.cpp
        know); "auto" turns it off with dialect "vllm" and says nothing to other servers. Thoughts
        are never shown. With dialect "vllm" and "on", start vLLM with its --reasoning-parser.
    thinking_tokens: tokens of thoughts beside those of an answer, at most, where thinking is on.
    chat_template_kwargs: what else the model's chat template takes, sent as it stands, such as
        ``{ thinking = false }`` where its switch has another name. A variable holds JSON.
    max_tokens: tokens of an answer, at most.
    sentences: sentences of an answer, at most.
    temperature: how freely the model chooses its words; 0 always takes the likeliest.
    connect_seconds: seconds to connect to a server, at most.
    first_seconds: seconds until the first word, at most, with waiting for a place and one retry.
        Raise it for a slow model. A follow-up that the model rewrites first may take half of it for
        that. The first word of a thought counts.
    silence_seconds: seconds without a further word, or thought, after which the model counts as
        failed.
    total_seconds: seconds until the last word, at most, thoughts included.
    running: answers that the model writes at the same time, over all servers.
    waiting: questions that may wait for a place; further ones get 503 and Retry-After.
    trips: failures in a row after which a server is left alone.
    rest_seconds: seconds between two looks at the health of a server that is left alone.
    """

    urls: tuple[str, ...] = ()
    model: str = ""
    api_key: str = field(default="", metadata={"secret": True})
    dialect: Literal["vllm", "openai", "plain"] = "vllm"
    degrade: bool = True
    thinking: Literal["auto", "on", "off"] = "auto"
    thinking_tokens: int = 2048
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: int = 512
    sentences: int = 8
    temperature: float = 0.0
    connect_seconds: float = 2.0
    first_seconds: float = 15.0
    silence_seconds: float = 10.0
    total_seconds: float = 60.0
    running: int = 64
    waiting: int = 64
    trips: int = 3
    rest_seconds: float = 2.0

    def template_arguments(self, *, may_think: bool = True) -> dict[str, Any]:
        """Return what is said to the model's chat template. may_think: else its thoughts are off.

        >>> GenerateOptions().template_arguments()
        {'enable_thinking': False}
        >>> GenerateOptions(dialect="plain").template_arguments()
        {}
        """
        thinks = self.thinking == "on" and may_think
        says_nothing = self.thinking == "auto" and self.dialect != "vllm"
        switch = {} if says_nothing else {THINKING_SWITCH: thinks}
        return {**switch, **self.chat_template_kwargs}

    def reply_tokens(self, *, may_think: bool = True) -> int:
        """Return the tokens of a reply, at most: those of an answer, and of thoughts before it.

        >>> options = GenerateOptions(thinking="on", max_tokens=100, thinking_tokens=900)
        >>> options.reply_tokens(), options.reply_tokens(may_think=False)
        (1000, 100)
        """
        thinks = bool(self.template_arguments(may_think=may_think).get(THINKING_SWITCH))
        return self.max_tokens + (self.thinking_tokens if thinks else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmOptions:
    """A model that vLLM runs inside this process, for one machine with a GPU.

    model: local folder or hub name of the model. Empty: none. generate.urls goes before it.
    dtype: number format of the weights, such as "bfloat16"; "auto" takes the model's own.
    tensor_parallel: GPUs that share the model; more than 1 where it does not fit on one.
    max_length: tokens of prompt and answer together, at most; 0 takes the model's own limit. Lower
        it where the GPU's memory does not suffice. ground.context must not be larger.
    memory_share: share (0..1) of each GPU's memory that vLLM takes.
    prefix_caching: true computes the common beginning of prompts once for each group of askers.
    quantization: how the weights are quantized, such as "fp8" or "awq"; empty takes the model's
        own.
    eager: true compiles nothing: starts sooner and writes slower.
    """

    model: str = ""
    dtype: str = "auto"
    tensor_parallel: int = 1
    max_length: int = 0
    memory_share: float = 0.9
    prefix_caching: bool = True
    quantization: str = ""
    eager: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundOptions:
    """How much of the documents a model is given to read.

    context: tokens of prompt and answer together. Set it to the model server's limit, or less.
    passages: passages in a prompt, at most. More dilute: models overlook what stands in the middle.
    per_document: passages of one document at most, so that one document cannot speak alone.
    tokenizer: path of the model's ``tokenizer.json``, to count tokens exactly. Empty: they are
        estimated, on the safe side, and less fits into a prompt.
    """

    context: int = 8192
    passages: int = 8
    per_document: int = 4
    tokenizer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """How a model's sentences are checked, and what becomes of one that the documents do not bear.

    send: "hold" sends a sentence once it is checked; "show" sends the words as they are written and
        the verdict after them.
    failed: what happens to a sentence that the documents do not bear out. "drop" leaves it out,
        "keep" leaves it in with its verdict, "repair" asks the model once to write it anew and
        drops it if that fails too, "refuse" makes the whole answer unsupported. With send = "show"
        its words are out already: there "drop" and "repair" keep it.
    supported: share of a sentence's words that its passages must carry.
    partial: share from which it counts as partly supported.
    """

    send: Literal["hold", "show"] = "hold"
    failed: Literal["drop", "keep", "repair", "refuse"] = "drop"
    supported: float = 0.6
    partial: float = 0.45
