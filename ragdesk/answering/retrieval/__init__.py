"""From a question to passages. Read retriever.py first; result.py is what it gives."""
