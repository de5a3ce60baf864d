"""Answers that a language model writes: prompt, model, citations, check.

Read model_writer.py first.
"""
