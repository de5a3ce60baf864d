"""The Model Context Protocol: search, answers and passages as tools of other people's models."""
