"""Personal data in texts: found, and replaced by a label of its kind."""
