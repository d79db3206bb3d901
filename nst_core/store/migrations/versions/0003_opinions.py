"""What people think of a run (stars, notes), and what was measured of its pictures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_opinions"
down_revision = "0002_leases"


def upgrade() -> None:
    """Add the columns; runs that were there have no stars, no notes and no metrics."""
    op.add_column("runs", sa.Column("rating", sa.Integer))
    op.add_column("runs", sa.Column("notes", sa.Text, nullable=False, server_default=""))
    op.add_column("snapshots", sa.Column("metrics", sa.Text))
