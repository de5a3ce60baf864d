"""Turn off the usage reports of the libraries this project is built on, before they are loaded.

ONNX Runtime looks up its maker's host within seconds of being imported and queues events in the
user's cache folder; others would, were they asked to. ``ragdesk``, ``ingest``, ``indexes`` and
``tests.lab`` import this module first, so that it has run in every process of theirs.
"""

import os
import sys

# A value from outside is overwritten: a shell that traces another project must not send ours.
TELEMETRY_SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",  # read once, while the library is loaded
    "HF_HUB_DISABLE_TELEMETRY": "1",  # transformers and sentence-transformers go by it too
    "DO_NOT_TRACK": "1",  # huggingface_hub, vLLM
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "LANGSMITH_TRACING": "false",  # langchain would send the very texts it is handed
    "LANGSMITH_TRACING_V2": "false",
    "LANGCHAIN_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
}


def disable_telemetry() -> None:
    """Set the environment variables that keep libraries from sending or noting usage data.

    Child processes inherit them. Where a program loaded ONNX Runtime before it imported any of
    our packages, its later events are turned off; the first one may have been noted by then.
    """
    os.environ.update(TELEMETRY_SWITCHES)
    loaded = sys.modules.get("onnxruntime")
    if disable := getattr(loaded, "disable_telemetry_events", None):
        disable()


disable_telemetry()
