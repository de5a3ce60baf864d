"""Public sets of intents as turns: which of their intents are a kind of ours, and which a question.

Only intents that are clearly one or the other: how to track an order stands beside where it is in
some, and these are left out. All in English. For measuring; nothing is learnt from them.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from ragdesk.answering.turns.turn_kind import TurnKind
from tests.lab.quality.turn_examples import TurnExample

CLINC = {
    TurnKind.GREETING: "greeting",
    TurnKind.THANKS: "thank_you",
    TurnKind.GOODBYE: "goodbye",
    TurnKind.NEEDS_ACCOUNT: "order_status balance pto_balance pto_used pto_request_status rewards_balance",
    TurnKind.OUT_OF_SCOPE: (
        "tell_joke fun_fact flip_coin roll_dice are_you_a_bot how_old_are_you what_is_your_name"
        " who_made_you meaning_of_life what_are_your_hobbies do_you_have_pets where_are_you_from"
        " play_music weather time date calculator translate timer alarm"
    ),
    TurnKind.QUESTION: (
        "carry_on international_visa vaccines oil_change_how tire_change jump_start redeem_rewards"
        " improve_credit_score international_fees rollover_401k plug_type replacement_card_duration"
        " insurance cook_time food_last ingredients_list"
    ),
}
BANKING = {
    TurnKind.QUESTION: (
        "age_limit country_support card_acceptance exchange_rate atm_support visa_or_mastercard"
        " supported_cards_and_currencies fiat_currency_support top_up_limits disposable_card_limits"
        " get_disposable_virtual_card getting_virtual_card getting_spare_card change_pin"
        " edit_personal_details activate_my_card order_physical_card automatic_top_up"
        " apple_pay_or_google_pay verify_my_identity why_verify_identity passcode_forgotten"
        " lost_or_stolen_card card_about_to_expire transfer_timing exchange_via_app"
    )
}
BITEXT = {
    TurnKind.WANTS_PERSON: "contact_human_agent",
    TurnKind.COMPLAINT: "complaint",
    TurnKind.QUESTION: (
        "check_refund_policy check_payment_methods delivery_options check_cancellation_fee"
        " delete_account recover_password newsletter_subscription create_account place_order"
        " set_up_shipping_address"
    ),
}


def read_set(folder: Path) -> Iterator[TurnExample]:
    """Read the turns of a set by the name of its folder: clinc150, banking77 or bitext."""
    match folder.name:
        case "clinc150":
            data = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
            yield from _choose_turns(CLINC, [*data["train"], *data["val"]])
        case "banking77":
            yield from _choose_turns(BANKING, _read_table(folder, "text", "category"))
        case "bitext":
            yield from _choose_turns(BITEXT, _read_table(folder, "instruction", "intent"))
        case name:
            raise ValueError(f"{name} is none of clinc150, banking77, bitext")


def _read_table(folder: Path, text: str, intent: str) -> Iterator[tuple[str, str]]:
    file = next(iter(sorted(folder.rglob("*.csv"))))
    with file.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield row[text], row[intent]


def _choose_turns(
    intents: dict[TurnKind, str], rows: Iterator[tuple[str, str]] | list[tuple[str, str]]
) -> Iterator[TurnExample]:
    kinds = {intent: kind for kind, names in intents.items() for intent in names.split()}
    for text, intent in rows:
        if intent in kinds:
            yield TurnExample(text, "en", kinds[intent], intent)
