"""Answers from your own documents, with citations you can check."""

__version__ = "0.1.0"
