"""Alembic's entry: run the revisions on the connection that the caller opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
