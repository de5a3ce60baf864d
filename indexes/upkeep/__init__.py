"""Care of a stored collection: verify, backup and restore, rollback, compaction, garbage."""
