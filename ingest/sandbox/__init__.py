"""The limited child process in which documents are parsed, and its protocol."""
