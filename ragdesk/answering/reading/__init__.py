"""Answers in the documents' own sentences.

Read sentence_extractor.py first; quote_units.py says where a quote begins and ends.
"""
