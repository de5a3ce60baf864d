"""Regular expressions over foreign text take time of its length: new ones are attacked here."""

import re

from tests.resilience.regular_expressions import (
    SIZES,
    Expression,
    describe_verdict,
    expressions,
    judge,
    passed,
)


def test_an_expression_that_backtracks_is_caught():
    pattern = r"\]\([^)\s]+\)"
    expression = Expression("here", pattern, re.compile(pattern).flags, anchored=False)
    assert judge(expression, (8_192, 16_384)).slow


def test_every_new_expression_is_cheap_for_texts_made_against_it():
    known = passed()
    verdicts = [
        judge(expression, SIZES) for expression in expressions() if expression.digest not in known
    ]
    assert not [describe_verdict(verdict) for verdict in verdicts if verdict.slow]
