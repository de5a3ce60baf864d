"""Conversations that are kept: their turns, feedback, search, retention and encryption."""
