"""Settings of a collection's generations and segments."""

from dataclasses import dataclass, field
from typing import Literal

from indexes.vectors.store_registry import VECTOR_STORES


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexesOptions:
    """Where vectors are searched, and which generations are kept.

    backend: ``faiss`` in this process, from the segments; ``milvus`` in Milvus (Lite, Standalone
    or Distributed), for collections that outgrow one machine's memory.
    device: of FAISS. ``cuda`` searches vectors on the first GPU and refuses without one; ``auto``
    takes one where there is one. What does not fit its memory stays on the CPU.
    uri: of Milvus, such as ``http://milvus:19530``; a file name ending in ``.db`` is Milvus Lite.
    token: ``user:password`` or an API key. prefix: what names in Milvus begin with.
    keep_generations: after each publish the newest so many stay, to go back to, and so do those
    that would answer if the newest were damaged; the others are cleared. 0 clears none.
    keep_hours: a generation younger than this stays too. What a process reads always stays.
    keep_most: generations at most, however young: each publish looks at all that are left.
    """

    backend: str = "faiss"
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    uri: str = ""
    token: str = field(default="", metadata={"secret": True})
    prefix: str = "ragdesk"
    keep_generations: int = 10
    keep_hours: float = 24.0
    keep_most: int = 200

    def __post_init__(self) -> None:
        if self.backend not in VECTOR_STORES:
            raise ValueError(f"backend must be one of {', '.join(VECTOR_STORES)}")
        for name in ("keep_generations", "keep_hours", "keep_most"):
            if not getattr(self, name) >= 0:  # nan is no number of hours either
                raise ValueError(f"{name} must not be negative")
