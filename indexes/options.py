"""Settings of a collection's generations and segments."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexesOptions:
    """Where vectors are searched, and how many old generations of a collection are kept.

    backend: ``faiss`` searches in this process, from the files in HOME; ``milvus`` in a Milvus
        server, for collections that outgrow one machine's memory.
    device: where FAISS searches: ``cpu``; ``cuda``, the first GPU, refused where there is none; or
        ``auto``, a GPU if there is one. What does not fit its memory is searched on the CPU.
    uri: address of Milvus, such as ``http://milvus:19530``; a file name ending in ``.db`` is Milvus
        Lite.
    token: ``user:password`` or an API key of Milvus.
    prefix: what names of collections in Milvus begin with. Change it where two desks share one
        Milvus.
    keep_generations: newest generations to keep after each ingest, for ``ragdesk indexes
        rollback``. Those that would answer if the newest were damaged stay too. 0 keeps all.
    keep_hours: hours for which a generation stays even if there are many newer ones. One in use
        always stays.
    keep_most: generations kept at most, however young: the more there are, the slower each ingest
        is.
    """

    backend: Literal["faiss", "milvus"] = "faiss"
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    uri: str = ""
    token: str = field(default="", metadata={"secret": True})
    prefix: str = "ragdesk"
    keep_generations: int = 10
    keep_hours: float = 24.0
    keep_most: int = 200

    def __post_init__(self) -> None:
        for name in ("keep_generations", "keep_hours", "keep_most"):
            if not getattr(self, name) >= 0:  # nan is no number of hours either
                raise ValueError(f"{name} must not be negative")
