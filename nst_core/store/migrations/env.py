"""Alembic's entry: run the migrations on the connection that the caller holds."""

from __future__ import annotations

from alembic import context

from nst_core.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
