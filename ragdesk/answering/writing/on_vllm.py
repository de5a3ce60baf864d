"""vLLM inside this process, for one machine: no server, no port. The only door to the library.

Install ``ragdesk[gpu]``. A separate ``vllm serve`` (``openai_client.py``) restarts without the desk
and scales to replicas; this is for a box that runs one desk and one model.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from indexes.errors import ModelMissing
from ragdesk.answering.writing.generator import Finish, WrittenPiece
from ragdesk.answering.writing.openai_stream import StreamEvent, make_timeout_error
from ragdesk.answering.writing.prompts import Prompt
from ragdesk.answering.writing.thoughts import ThoughtFilter
from ragdesk.answering.writing.writing_options import GenerateOptions, VllmOptions
from ragdesk.errors import EngineFailed


def require_vllm() -> None:
    """Raise ModelMissing where vLLM is not installed. Imports nothing."""
    if find_spec("vllm") is None:
        remedy = "vLLM is not installed. pip install 'ragdesk[gpu]', or set generate.urls."
        raise ModelMissing(remedy)


def _keep_offline(model: str) -> None:
    """Keep vLLM, before it is imported, from asking the hub about a folder, or for its own address.

    It finds that address with a socket to 8.8.8.8; the parts of this engine talk over loopback.
    A hub name in the settings is the operator's wish to fetch that model.
    """
    os.environ.setdefault("VLLM_HOST_IP", "127.0.0.1")
    if Path(model).is_dir():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")


class VllmGenerator:
    """Writes with vLLM's AsyncLLM. Belongs to one event loop."""

    def __init__(self, options: VllmOptions, generate: GenerateOptions) -> None:
        """Load the model: seconds to minutes. Raises ModelMissing where that cannot be done."""
        require_vllm()
        _keep_offline(options.model)
        from jinja2 import TemplateError  # noqa: PLC0415 - comes with vLLM
        from vllm.engine.arg_utils import AsyncEngineArgs  # type: ignore[import-not-found]  # noqa: PLC0415 - takes seconds
        from vllm.exceptions import VLLMError  # type: ignore[import-not-found]  # noqa: PLC0415
        from vllm.v1.engine.async_llm import AsyncLLM  # type: ignore[import-not-found]  # noqa: PLC0415

        arguments: dict[str, Any] = {
            "model": options.model,
            "dtype": options.dtype,
            "tensor_parallel_size": options.tensor_parallel,
            "gpu_memory_utilization": options.memory_share,
            "enable_prefix_caching": options.prefix_caching,
            "quantization": options.quantization or None,
            "enforce_eager": options.eager,
            "trust_remote_code": False,
        }
        if options.max_length:
            arguments["max_model_len"] = options.max_length
        self._options, self.model = generate, options.model
        self._opens_thoughts = generate.thinking == "on"
        self._template_error, self._errors = TemplateError, (VLLMError, ValueError, RuntimeError)
        try:
            self._engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
        except (OSError, *self._errors) as error:
            about = f"vLLM cannot load {options.model}: {error} Look at vllm.model in the settings."
            raise ModelMissing(about) from error

    async def close(self) -> None:
        """Stop the engine."""
        self._engine.shutdown()

    async def __call__(
        self, prompt: Prompt, *, within: float | None = None
    ) -> AsyncGenerator[WrittenPiece, None]:
        """Write. within: seconds to the first word. Raises EngineFailed."""
        now = asyncio.get_running_loop().time
        end = now() + self._options.total_seconds
        first = min(end, now() + (self._options.first_seconds if within is None else within))
        deadline, name = first, uuid.uuid4().hex
        request = await self._build_request(prompt)
        outputs = self._engine.generate(request, self._sampling_params(prompt), name)
        thoughts = ThoughtFilter(waits=self._opens_thoughts)
        finished, stop = False, ""
        try:
            while not finished:
                async with asyncio.timeout_at(deadline):
                    output = (await anext(outputs)).outputs[0]
                stop = str(output.finish_reason or "")
                finished = bool(stop)
                for piece in thoughts.read_event(StreamEvent(output.text, stop)):
                    yield piece
                if output.text:
                    deadline = min(now() + self._options.silence_seconds, end)
            self._opens_thoughts |= thoughts.is_unopened
            yield Finish(stop)
        except TimeoutError as error:
            raise make_timeout_error(
                begun=deadline != first, thinking=deadline == end and thoughts.is_thinking
            ) from error
        except StopAsyncIteration as error:
            raise EngineFailed("truncated", "The language model broke off.") from error
        except self._errors as error:
            raise self._to_engine_failed(error) from error
        finally:
            if not finished:
                await self._engine.abort(name)

    def _to_engine_failed(self, error: Exception) -> EngineFailed:
        if self._engine.errored:
            about = "vLLM inside this process died. Restart ragdesk; its log says why."
            return EngineFailed("unreachable", about, can_retry=False)
        return EngineFailed("refused", f"vLLM: {error}", can_retry=False)

    async def _build_request(self, prompt: Prompt) -> dict[str, Any]:
        tokenizer = self._engine.get_tokenizer()
        if asyncio.iscoroutine(tokenizer):
            tokenizer = await tokenizer
        messages = [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.user},
        ]
        single_message = [{"role": "user", "content": f"{prompt.system}\n\n{prompt.user}"}]
        template = partial(
            tokenizer.apply_chat_template,
            tokenize=False,
            add_generation_prompt=True,
            **self._options.template_arguments(may_think=prompt.may_think),
        )
        try:
            try:
                text = template(messages)
            except self._template_error:  # some, such as Gemma's, know no system
                text = template(single_message)
        except (self._template_error, ValueError) as error:  # ValueError: the model has no template
            about = f"{self.model} has no chat template that takes a question: {error}"
            raise EngineFailed("refused", about, can_retry=False) from error
        return {"prompt": text, **({"cache_salt": prompt.salt} if prompt.salt else {})}

    def _sampling_params(self, prompt: Prompt) -> Any:
        from vllm.sampling_params import (  # type: ignore[import-not-found]  # noqa: PLC0415
            RequestOutputKind,
            SamplingParams,
            StructuredOutputsParams,
        )

        structured = StructuredOutputsParams(json=prompt.schema) if prompt.schema else None
        return SamplingParams(
            max_tokens=self._options.reply_tokens(may_think=prompt.may_think),
            temperature=self._options.temperature,
            structured_outputs=structured,
            output_kind=RequestOutputKind.DELTA,
        )
