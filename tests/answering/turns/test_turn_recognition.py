"""What is no question is told from what only looks like it, without and with an embedder."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fakes import CARD, HashEmbedder

from ragdesk.answering.turns.text_classifier import VectorNetwork
from ragdesk.answering.turns.turn_classifier import (
    TURN_WEIGHTS_FILE,
    load_classifier,
    parse_classifier,
)
from ragdesk.answering.turns.turn_features import extract_turn_features, strip_courtesies
from ragdesk.answering.turns.turn_kind import TurnKind
from ragdesk.answering.turns.turn_options import TurnOptions
from ragdesk.answering.turns.turn_recognition import recognise_turn

TURNS = {
    TurnKind.GREETING: ["Hello there!", "good morning to you all", "你们好呀", "在吗，亲"],
    TurnKind.THANKS: ["Thanks a lot, that did it", "thx!!", "好的，多谢您", "谢谢啦～"],
    TurnKind.GOODBYE: ["ok bye, see you", "那先这样，拜拜"],
    TurnKind.WANTS_PERSON: ["please connect me with a real human", "帮我转一下人工客服"],
    TurnKind.COMPLAINT: ["Your service is the worst, I'm furious!", "你们服务太差劲了，我要投诉"],
    TurnKind.SAFETY: [
        "My kettle is smoking!",
        "I got a shock from the plug",
        "烤箱冒烟了",
        "孩子把电池吞下去了",
    ],
    TurnKind.NEEDS_ACCOUNT: ["Where is my order 51723?", "我的包裹到哪里了？"],
}
QUESTIONS = [
    "Hi, how long does the battery of the lamp last?",
    "Good evening, what does the small kettle cost? Thanks!",
    "你好，请问水壶保修多久？谢谢",
    "How much is a thank-you card?",
    "Which smoke detector fits the hallway?",
    "Does the bike have shock absorbers?",
    "where can I track an order",
    "How do I file a complaint about a supplier?",
    "Is a person allowed to use two licences?",
    "烟灰缸多少钱",
    "打火机能托运吗",
    "怎么查看订单状态",
    "投诉要在几天内提出",
    "E-17",
    "warranty lamp",
    "and the small one?",
    "怎么保养？（熔岩炸锅）",
    "那大号的呢",
]


@pytest.mark.parametrize(("kind", "text"), [(k, t) for k, texts in TURNS.items() for t in texts])
def test_a_turn_is_recognised_by_its_words_alone(kind, text):
    assert recognise_turn(text) is kind


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_goes_on(text):
    assert recognise_turn(text) is TurnKind.QUESTION


@pytest.mark.parametrize("text", ["annual fee", "VAT number", "Malta", "2", "[1] [2]", "7号"])
def test_a_few_words_that_no_kind_knows_are_searched_for(text):
    assert recognise_turn(text) is TurnKind.QUESTION


def test_a_vector_alone_stops_nothing():
    words = load_classifier()
    goodbye = words.intercepts + 9.0 * (np.array(words.kinds) == TurnKind.GOODBYE)
    kinds = len(words.kinds)
    layer, output = np.zeros((CARD.dim, 1), np.float32), np.zeros((1, kinds), np.float32)
    model = VectorNetwork(layer, np.zeros(1, np.float32), output, goodbye)
    sure = replace(words, vectors={CARD.revision[:16]: model})
    assert recognise_turn("Malta", HashEmbedder(CARD), classifier=sure) is TurnKind.QUESTION


def test_an_accident_goes_before_the_question_in_the_same_turn():
    text = "My charger is on fire. How long is the warranty?"
    assert recognise_turn(text) is TurnKind.SAFETY


@pytest.mark.parametrize(
    "text",
    [
        "My kettle from order 12345 caught fire, what now?",
        "The heater from my order 88231 started smoking, where is my refund?",
        "Order 12345: the lamp gave me an electric shock, cancel it",
        "我的订单12345的水壶着火了，怎么办？",
        "订单 51723 的充电器冒烟了，什么时候退款？",
    ],
)
def test_an_accident_goes_before_the_order_that_it_came_with(text):
    assert recognise_turn(text) is TurnKind.SAFETY


@pytest.mark.parametrize(
    "text",
    [
        "Where is order 12345, the smoke detector?",
        "My order 77123 with the knife block never arrived",
        "order 12345 stuck in transit",
        "订单12345里的烟雾报警器到哪了",
    ],
)
def test_an_order_of_what_only_sounds_dangerous_is_no_accident(text):
    assert recognise_turn(text) is not TurnKind.SAFETY


def test_a_question_among_other_sentences_goes_on():
    text = "I am really disappointed. How many days do I have to return the lamp?"
    assert recognise_turn(text) is TurnKind.QUESTION


def test_a_mail_with_a_question_goes_on_whatever_else_it_tells():
    mail = (
        "Hello,\n\nwe moved here from Cardiff in May, the children love the pool, and my husband "
        "swims there every morning before work, whatever the weather does. Last week was great fun "
        "again. I wanted to ask what a ten visit card costs, because we used up our old one.\n\n"
        "Warm wishes,\nAda"
    )
    assert recognise_turn(mail) is TurnKind.QUESTION
    accident = mail.replace("Last week was great fun again.", "Today the heater caught fire!")
    assert recognise_turn(accident) is TurnKind.SAFETY


def test_recognition_can_be_switched_off():
    assert recognise_turn("Hello!", options=TurnOptions(recognise=False)) is TurnKind.QUESTION


@pytest.mark.parametrize("text", ["", "  ", "?", "\x00", "a" * 5000, "hi " * 2000])
def test_what_says_nothing_or_too_much_goes_on(text):
    assert recognise_turn(text) is TurnKind.QUESTION


def test_courtesies_are_taken_off_both_ends():
    turn = strip_courtesies("Hello, is the lamp dimmable? Many thanks!")
    assert (turn.core, turn.courtesies) == ("is the lamp dimmable?", ("greeting", "thanks"))
    assert strip_courtesies("在不同城市怎么取货").core == "在不同城市怎么取货"


def test_features_do_not_depend_on_case_width_or_script():
    assert extract_turn_features("我的訂單到哪了？") == extract_turn_features("我的订单到哪了?")
    assert extract_turn_features("WHERE IS MY ORDER") == extract_turn_features("where is my order")


def test_the_likelihoods_of_all_kinds_are_one():
    scores = load_classifier().score_turn("Where is my order 51723?")
    assert set(scores) == set(TurnKind)
    assert sum(scores.values()) == pytest.approx(1)


def test_weights_of_another_number_of_kinds_are_refused():
    stored = json.loads(TURN_WEIGHTS_FILE.read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="numbers, not"):
        parse_classifier({**stored, "intercepts": stored["intercepts"][1:]})


def test_the_weights_are_small():
    assert TURN_WEIGHTS_FILE.stat().st_size <= 200_000


def test_an_unknown_embedder_is_not_asked(embedder):
    class Silent(type(embedder)):
        def embed_query(self, text):
            raise AssertionError("there are no weights for it")

    silent = Silent(card=replace(embedder.card, revision="other"))
    assert recognise_turn("Hello!", silent) is TurnKind.GREETING
