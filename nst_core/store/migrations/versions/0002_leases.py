"""Which worker has a run, until when, and whether a cancel was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_leases"
down_revision = "0001_runs"


def upgrade() -> None:
    """Add the columns; runs that were there want any device."""
    op.add_column("runs", sa.Column("wants", sa.String(16), nullable=False, server_default="auto"))
    op.add_column("runs", sa.Column("worker", sa.Text))
    op.add_column("runs", sa.Column("place", sa.Text))
    op.add_column("runs", sa.Column("lease_until", sa.Double))
    op.add_column("runs", sa.Column("deaths", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("cancel_at", sa.Double))
