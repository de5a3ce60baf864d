"""``ragdesk insight gaps``: what customers asked and the documents did not answer."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import click

from indexes.text.redaction.redaction import find_personal_data, redact_text
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import load_settings
from ragdesk.support.encryption import TextCipher, read_encryption_keys
from ragdesk.support.key_store import open_home_database
from ragdesk.support.learning.gap import Gap
from ragdesk.support.learning.gap_report import GapOptions
from ragdesk.support.learning.learning_desk import LearningDesk

GAPS_EXAMPLES = """
\b
Examples:
  ragdesk insight gaps
  ragdesk insight gaps --collection faq --days 7 --json
"""
SHOWN_GAPS = 20  # on a terminal; --json has all
RISING, FALLING = 1.5, 0.67  # of the trend: half as many again, or less than two thirds


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCall:
    """What a verb about gaps works with."""

    learning: LearningDesk
    opened: OpenCollection


@contextmanager
def open_learning(call: shared_options.CliCall, collection: str) -> Iterator[LearningCall]:
    """Open the desk's database and a collection, by the settings of a call."""
    loaded = load_settings(home=call.home, config=call.config)
    settings = loaded.settings
    with (
        closing(open_home_database(loaded.home, settings.support.database)) as database,
        Workspace(loaded.home, settings).open_collection(collection) as opened,
    ):
        learning = LearningDesk(
            database,
            TextCipher(read_encryption_keys(settings.support.encryption_key)),
            settings.learning,
            find_personal=lambda text: [
                span.kind for span in find_personal_data(text, settings.redaction)
            ],
            redact=lambda text: redact_text(text, settings.redaction).text,
        )
        yield LearningCall(learning=learning, opened=opened)


@click.command("gaps", epilog=GAPS_EXAMPLES)
@shared_options.collection_option
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 366))
@shared_options.json_option
@click.pass_obj
def command(call: shared_options.CliCall, /, *, collection: str, days: int, as_json: bool) -> None:
    """List what was asked and not answered, or disliked, the most pressing first.

    Questions that ask the same stand together. An editor drafts and approves an entry for each on
    the page /admin, or over HTTP.
    """
    with open_learning(call, collection) as desk:
        retrieve = desk.opened.retrieve
        embed = desk.learning.make_embed(retrieve.embedder, retrieve.background)
        gaps = desk.learning.report_gaps(collection, embed, GapOptions(days=days))
    if as_json:
        body = {"collection": collection, "days": days, "gaps": [*map(_describe_gap, gaps)]}
        shared_options.print_json(body)
        return
    if not gaps:
        click.echo(f"Nothing went wrong in the last {days} days, or no conversation is kept.")
    for gap in gaps[:SHOWN_GAPS]:
        reasons = ", ".join(f"{name} {count}" for name, count in gap.reasons.items())
        click.echo(f"{len(gap.questions):5} {_name_trend(gap)}  {' '.join(gap.question.split())}")
        click.echo(f"          {gap.persons} people; {reasons}")
    if len(gaps) > SHOWN_GAPS:
        click.echo(f"… and {len(gaps) - SHOWN_GAPS} more: --json lists them all.")


def _name_trend(gap: Gap) -> str:
    if gap.trend >= RISING:
        return "rising "
    return "falling" if gap.trend <= FALLING else "steady "


def _describe_gap(gap: Gap) -> dict[str, object]:
    return {
        "id": gap.id,
        "question": gap.question,
        "language": gap.language,
        "persons": gap.persons,
        "count": len(gap.questions),
        "recent": gap.recent,
        "earlier": gap.earlier,
        "trend": round(gap.trend, 3),
        "dislikes": gap.dislikes,
        "reasons": dict(gap.reasons),
        "documents": list(gap.documents),
        "questions": [
            {"turn": q.turn, "text": q.text, "time": q.time, "reason": q.reason}
            for q in gap.questions
        ],
    }
