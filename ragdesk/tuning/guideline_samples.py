"""Guidelines for agents in the format of ABCD, as a document: flows, and the steps of each.

https://github.com/asappresearch/abcd (MIT)
"""

import json
from pathlib import Path
from typing import Any

from ingest.parse.registry import parse_document
from ragdesk.tuning.document_samples import HeadingReader
from ragdesk.tuning.reader_samples import SampleSource


def read_guidelines(name: str, file: Path) -> SampleSource:
    """Return the steps of a file of guidelines, and the names of its flows as questions."""
    flows = json.loads(file.read_text(encoding="utf-8"))
    reader = HeadingReader(name)
    for title, flow in flows.items():
        lines = [f"# {title}", ""]
        for subflow, content in flow["subflows"].items():
            lines += [f"## {subflow}", "", *_list_steps(content), ""]
        reader.add_document(parse_document("\n".join(lines).encode(), f"{title}.md"), title)
    return reader.close_source()


def _list_steps(content: dict[str, Any]) -> list[str]:
    lines = []
    for number, action in enumerate(content.get("actions", ()), 1):
        button = action.get("button")
        lines.append(f"{number}. {f'{button}: ' if button else ''}{action['text']}")
        lines += [f"   - {line}" for line in action.get("subtext", ())]
    return lines
