"""Turns that ask the documents nothing: a greeting, a call for a person, an accident, an order.

``turn_kind.py`` names the kinds, ``turn_features.py`` says by what they are told apart,
``turn_classifier.py`` weighs that, and ``turn_recognition.py`` decides. The weights of
``turn_weights.json`` are fitted by ``python -m tests.lab.quality.turns --fit``.
"""
