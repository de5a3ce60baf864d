"""One format, one file: bytes in, a Document out."""
