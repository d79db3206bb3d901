"""Sweeps: their plans and pictures, and which run is which cell of which sweep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_sweeps"
down_revision = "0003_opinions"


def upgrade() -> None:
    """Add the tables; runs that were there belong to no sweep."""
    op.create_table(
        "sweeps",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("at_once", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("cancelled_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_sweeps"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sweep_inputs",
        sa.Column("sweep_id", sa.Integer, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["sweep_id"], ["sweeps.id"], name="fk_sweep_inputs_sweep_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["files.sha256"], name="fk_sweep_inputs_sha256"),
        sa.PrimaryKeyConstraint("sweep_id", "role", "position", name="pk_sweep_inputs"),
    )
    op.create_index("ix_sweep_inputs_sha256", "sweep_inputs", ["sha256"])
    # No foreign key: SQLite cannot add one without copying the table, and a sweep takes its runs
    # along when it is deleted
    op.add_column("runs", sa.Column("sweep_id", sa.Integer))
    op.add_column("runs", sa.Column("cell", sa.Text))
    op.create_index("ix_runs_sweep_id", "runs", ["sweep_id"])
