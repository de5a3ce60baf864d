"""What a question is about is told by the packaged models, and by a home's own where they fit."""

from collections import Counter
from dataclasses import replace

import pytest
from fakes import CARD, HashEmbedder

from indexes.errors import ModelMissing
from ragdesk.support.insight.insight_model import read_insight_model, write_insight_model
from ragdesk.support.insight.intents import (
    EXAMPLES_FILE,
    INTENTS,
    SENTIMENT_FILE,
    iter_framed_examples,
    read_text_table,
)
from ragdesk.support.insight.question_insight import (
    OWN_INTENTS,
    PACKAGED_INTENTS,
    PACKAGED_SENTIMENT,
    Sentiment,
    classify_question,
    open_insight_models,
)


@pytest.mark.parametrize(
    ("text", "language", "intent"),
    [
        ("Where is my refund? I sent the coat back two weeks ago.", "en", "refund_status"),
        ("I forgot my password", "en", "password_reset"),
        ("我忘记密码了，怎么重置？", "zh", "password_reset"),
        ("請問運費多少錢", "zh", "shipping_cost"),
        ("HOW MUCH IS SHIPING", "en", "shipping_cost"),
    ],
)
def test_words_alone_tell_an_intent_and_the_language(text, language, intent):
    insight = classify_question(text)
    assert (insight.language, insight.intent, insight.in_scope) == (language, intent, True)
    assert 0 < insight.intent_score <= 1


@pytest.mark.parametrize(
    "text", ["Who won the world cup in 1990?", "今天天气怎么样", "", "??", "𝄞"]
)
def test_what_no_intent_fits_has_none(text):
    insight = classify_question(text)
    assert insight.intent is None
    assert not insight.in_scope


def test_sentiment_has_a_sign():
    angry = classify_question("This is terrible, I am so disappointed with your awful service!")
    happy = classify_question("非常满意，服务特别好，谢谢")
    assert angry.sentiment is Sentiment.NEGATIVE
    assert happy.sentiment is Sentiment.POSITIVE
    assert angry.sentiment_score < 0 < happy.sentiment_score


def test_a_vector_of_an_embedder_without_weights_changes_nothing():
    models = open_insight_models(card=CARD)
    text = "I forgot my password"
    vector = HashEmbedder(CARD).embed_query(text)
    assert classify_question(text, vector, models) == classify_question(text)


def test_a_very_long_text_is_read_at_its_beginning():
    text = "I forgot my password. " * 30
    assert classify_question(text + "x" * 100_000) == classify_question(text + "x" * 10)


def test_each_intent_has_twenty_examples_in_both_languages_and_each_language_300_feelings():
    counts = Counter((one.lang, one.label) for one in read_text_table(EXAMPLES_FILE))
    assert {label for _, label in counts} == set(INTENTS)
    assert len(INTENTS) >= 30
    assert min(counts[lang, intent] for lang in ("en", "zh") for intent in INTENTS) >= 20
    feelings = Counter(one.lang for one in read_text_table(SENTIMENT_FILE))
    assert min(feelings["en"], feelings["zh"]) >= 300
    assert {one.label for one in read_text_table(SENTIMENT_FILE)} == set(Sentiment)


def test_no_example_has_two_labels():
    labels: dict[str, set[str]] = {}
    for one in (*read_text_table(EXAMPLES_FILE), *iter_framed_examples()):
        labels.setdefault(one.text, set()).add(one.label)
    assert [text for text, own in labels.items() if len(own) > 1] == []
    assert {one.label for one in iter_framed_examples()} <= set(INTENTS)


def test_the_packaged_models_are_small():
    assert PACKAGED_INTENTS.stat().st_size + PACKAGED_SENTIMENT.stat().st_size <= 600_000


def test_a_model_is_read_back_as_it_was_written(tmp_path):
    model = read_insight_model(PACKAGED_SENTIMENT)
    write_insight_model(tmp_path / "copy.safetensors", model)
    again = read_insight_model(tmp_path / "copy.safetensors")
    assert again.card == model.card
    assert again.score_labels("thank you") == pytest.approx(model.score_labels("thank you"))


def test_a_damaged_own_model_names_the_next_step(tmp_path):
    file = tmp_path / OWN_INTENTS
    file.parent.mkdir()
    file.write_bytes(PACKAGED_INTENTS.read_bytes()[:-1000])
    with pytest.raises(ModelMissing, match="ragdesk insight train"):
        open_insight_models(tmp_path, CARD)


def test_an_own_model_of_another_embedder_is_left_aside_with_a_notice(tmp_path):
    packaged = read_insight_model(PACKAGED_INTENTS)
    own = replace(packaged, card={"embedder": {"name": "hash", "digest": "1"}})
    write_insight_model(tmp_path / OWN_INTENTS, own)
    assert open_insight_models(tmp_path, CARD).notice is None
    other = open_insight_models(tmp_path, replace(CARD, name="other", revision="2"))
    assert other.intents.card == packaged.card
    assert "insight train" in (other.notice or "")
