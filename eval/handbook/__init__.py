"""Nordlys Kitchen, a small company that we invented: its documents, and what people ask of them."""
