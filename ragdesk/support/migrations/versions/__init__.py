"""One revision of the tables a module, oldest first."""
