"""Public data sets, read as cases."""
