"""Answers in the documents' own words.

Read sentence_extractor.py first, then answer_units.py: what a person would point at in a passage.
"""
