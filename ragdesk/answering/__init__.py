"""Answers to questions: retrieve, ground, answer, cite, verify, decide."""
