"""What the servers of one PostgreSQL tell each other: who lives, their jobs, answers by their key.

``replica_registry.py`` says which servers live; ``job_records.py`` keeps how far jobs are;
``response_store.py`` keeps responses by ``Idempotency-Key``. Their rows are of a passing kind: no
backup holds them.
"""
