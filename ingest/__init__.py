"""A document's way in: sources, parsers, splitter, job."""
