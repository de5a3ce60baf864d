"""The parsers, one file a format: they turn bytes into a Document."""
