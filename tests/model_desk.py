"""A desk whose answers a model writes, over HTTP."""

from dataclasses import replace

from ragdesk.answering.desk import Desk
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.foreign_evidence import ForeignEvidenceReader
from ragdesk.answering.writing.llm_engine import open_llm_engine
from ragdesk.answering.writing.model_writer import ModelWriter
from ragdesk.answering.writing.writing_options import (
    GenerateOptions,
    GroundOptions,
    VerifyOptions,
    VllmOptions,
)

RETURNED = "How many days do I have to send unused articles back?"


def by_model(
    desk: Desk,
    url: str,
    verify: VerifyOptions | None = None,
    *,
    more: tuple[str, ...] = (),
    foreign: ForeignEvidenceReader | None = None,
    **options: object,
) -> Desk:
    engine = open_llm_engine(
        GenerateOptions(urls=(url, *more), **options), GroundOptions(), VllmOptions()
    )
    checked = ClaimChecker(
        options=verify or VerifyOptions(), idf=desk.retrieve.index.idf, foreign=foreign
    )
    writer = ModelWriter(engine=engine, verify=checked, collection="default")
    refuse = checked.options.failed == "refuse"
    return replace(desk, writer=writer, refuse=refuse, degrade=engine.options.degrade)
