"""Requests as Open WebUI's backend sends them to a connection of the kind OpenAI.

After `generate_chat_completion` in its `backend/open_webui/routers/openai.py`: the browser's body
without `metadata`, the model's parameters merged in, `stream_options` added to streams, and headers
that name its user where ENABLE_FORWARD_USER_INFO_HEADERS is set. The task is of the kind that its
title generation sends to the model of the chat: one message, the whole chat inside.
"""

from typing import Any

OPEN_WEBUI_HEADERS = {
    "Authorization": "Bearer sk-none",
    "Content-Type": "application/json",
    "X-OpenWebUI-User-Name": "Mia%20M",
    "X-OpenWebUI-User-Id": "4c7e63b5-4d5f-4f39-9a1e-0d3f2f6f0f6e",
    "X-OpenWebUI-User-Email": "mia@example.com",
    "X-OpenWebUI-User-Role": "user",
    "X-OpenWebUI-Chat-Id": "0b7a5f1c-3c0c-4b3e-8a53-6c1d1c1b2a11",
}
OPEN_WEBUI_CHAT: dict[str, Any] = {
    "stream": True,
    "model": "ragdesk",
    "messages": [
        {"role": "system", "content": "User Context:\n\nMia likes short answers."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello! Ask me about the documents."},
        {
            "role": "user",
            "content": [
                {
                    "type": "text",
                    "text": "When does a refund reach a bank account?",
                    "cache_control": {"type": "ephemeral"},
                }
            ],
        },
    ],
    "temperature": 0.8,
    "top_p": 0.9,
    "min_p": 0.05,
    "max_tokens": 1024,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "seed": 42,
    "reasoning": {"effort": "medium"},
    "logit_bias": {"50256": -100},
    "stream_options": {"include_usage": True},
}
OPEN_WEBUI_TITLE: dict[str, Any] = {
    "model": "ragdesk",
    "messages": [
        {
            "role": "user",
            "content": "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the "
            'chat history.\n### Output:\nJSON format: { "title": "your concise title here" }\n'
            "### Chat History:\n<chat_history>\n" + "USER: When? ASSISTANT: Soon.\n" * 100,
        }
    ],
    "stream": False,
    "max_completion_tokens": 1000,
}  # fmt: skip
