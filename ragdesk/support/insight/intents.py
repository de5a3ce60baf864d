"""The intents of a support desk that come with the package, and the examples they learn from."""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OUT_OF_SCOPE: Final = "out_of_scope"
"""The label of examples that belong to none of the intents; it is never given as one."""
EXAMPLES_FILE: Final = Path(__file__).with_name("intent_examples.tsv")
OUTSIDE_FILE: Final = Path(__file__).with_name("outside_examples.tsv")
FRAMES_FILE: Final = Path(__file__).with_name("intent_frames.tsv")
SENTIMENT_FILE: Final = Path(__file__).with_name("sentiment_examples.tsv")
WISHES_FILE: Final = Path(__file__).with_name("intent_wishes.tsv")
FRAME_SEED: Final = 20261130
THINGS: Final = "things"  # the rows of the frames' file that are put into the others
FRAMES: Final = "frames"  # the rows of the wishes' file that wishes are put into
MOST_OF_A_FRAME: Final = 5  # examples that are made of one
MOST_OF_A_WISH: Final = 4

INTENTS: Final = {
    "refund_request": "wants money back for something bought",
    "refund_status": "asks where a refund is that was asked for or promised, or how long one takes",
    "return_policy": "asks whether, until when or how goods can be sent back",
    "exchange": "wants to swap a received product for another size, colour or model",
    "shipping_time": "asks how long delivery takes, or when an order placed now would arrive",
    "shipping_cost": "asks what delivery costs, or when it is free",
    "track_order": "asks where an order or parcel is, or whether it was sent",
    "change_address": "wants another delivery or billing address, for an order or in the account",
    "cancel_order": "wants an order of goods not to be carried out",
    "change_order": "wants to add, remove or alter something in an order not yet delivered",
    "payment_methods": "asks in which ways or in which currency one can pay",
    "payment_failed": "tried to pay, and it did not work",
    "wrong_charge": "was charged twice, too much, or for something unknown",
    "invoice": "wants an invoice or receipt, or a correction of one",
    "discount_code": "asks about a coupon, promo code, discount or sale",
    "price_match": "found a lower price, or a price fell, and wants the lower one",
    "warranty": "asks how long a guarantee lasts and what it covers",
    "repair": "wants something repaired, or asks about a repair, its price or spare parts",
    "defective_item": "received something broken, damaged or of bad quality",
    "missing_item": "received a parcel in which something was missing",
    "wrong_item": "received something else than ordered",
    "product_information": "asks about a product's size, material, features, use or ingredients",
    "compatibility": "asks whether something works with or fits something else",
    "setup_help": "asks how to install, assemble, connect or begin to use a product",
    "troubleshooting": "has a device, app or site that does not work, and wants it to work",
    "account_login": "cannot sign in, or the account is locked",
    "password_reset": "forgot the password, or wants to change it",
    "account_deletion": "wants the customer account closed or deleted",
    "privacy": "asks what is done with personal data, wants it deleted, or no advertising",
    "subscription_change": "wants another plan, a pause, a renewal or more seats",
    "subscription_cancel": "wants a subscription, membership or contract to end",
    "contact_person": "wants to speak with a person, or asks how to reach the company",
    "opening_hours": "asks when a shop or service is open",
    "store_location": "asks where a shop is, or whether there is one nearby",
    "complaint": "complains about service or staff, angry or disappointed",
    "feedback": "praises, suggests an improvement, or asks where to leave a review",
    "safety": "reports danger or injury, or asks whether something is dangerous or recalled",
    "bulk_order": "wants many pieces, a quote, or to buy as a business or reseller",
    "gift_card": "asks about buying, using or the balance of a gift card",
    "stock_availability": "asks whether something is in stock, or when it comes back",
    "loyalty_points": "asks about points, rewards or the members' club",
    "small_talk": "greets, thanks or says goodbye, and asks nothing",
}
"""Each intent with what somebody with it does: the definition by which examples are labelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledText:
    """A text, its label, and its language where that is known.

    writer: who wrote it, where several of the texts may be of one person; never kept.
    """

    text: str
    label: str
    lang: str = ""
    writer: str = ""


def read_text_table(file: Path) -> list[LabelledText]:
    """Read the rows of a table of ours: language, label and text, parted by tabs."""
    with file.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [LabelledText(text=r["text"], label=r["label"], lang=r["lang"]) for r in rows]


def read_packaged_examples() -> list[LabelledText]:
    """Read the sentences of ours that the intents of ours, and what is none of them, learn from."""
    return [
        *read_text_table(EXAMPLES_FILE),
        *iter_framed_examples(),
        *read_text_table(OUTSIDE_FILE),
    ]


def iter_framed_examples() -> Iterator[LabelledText]:
    """Yield examples made of frames with things, and of wishes in frames, the same each time.

    A thing stands in the frames of many intents: what it is says nothing of what is wanted. No more
    does how one asks for help.
    """
    rows = read_text_table(FRAMES_FILE)
    draw = random.Random(FRAME_SEED)  # noqa: S311 - no secret
    for frame in rows:
        if frame.label == THINGS:
            continue
        things = [row.text for row in rows if row.label == THINGS and row.lang == frame.lang]
        for thing in draw.sample(things, MOST_OF_A_FRAME):
            text = frame.text.format(n=thing, m=draw.choice(things))
            yield LabelledText(text=text, label=frame.label, lang=frame.lang)
    wishes = read_text_table(WISHES_FILE)
    for wish in wishes:
        if wish.label == FRAMES:
            continue
        frames = [row.text for row in wishes if row.label == FRAMES and row.lang == wish.lang]
        for request in draw.sample(frames, MOST_OF_A_WISH):
            yield LabelledText(text=request.format(n=wish.text), label=wish.label, lang=wish.lang)
