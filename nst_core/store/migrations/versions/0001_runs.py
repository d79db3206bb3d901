"""Runs, their inputs, losses, snapshots and log; pictures and files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001_runs"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "files",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("added_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_files"),
    )
    op.create_table(
        "pictures",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("thumbnail", sa.String(64), nullable=False),
        sa.Column("chosen_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_pictures"),
        sa.ForeignKeyConstraint(["sha256"], ["files.sha256"], name="fk_pictures_sha256"),
        sa.ForeignKeyConstraint(["thumbnail"], ["files.sha256"], name="fk_pictures_thumbnail"),
    )
    _make_runs()
    _make_parts()


def _make_runs() -> None:
    states = "'queued', 'running', 'done', 'failed', 'cancelled', 'interrupted'"
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("parent_id", sa.Integer),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column("step", sa.Integer, nullable=False, server_default="0"),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False, server_default="0"),
        sa.Column("improvement", sa.Double),
        sa.Column("losses", sa.Text),
        sa.Column("preview", sa.String(64)),
        sa.Column("preview_step", sa.Integer),
        sa.Column("checkpoint", sa.String(64)),
        sa.Column("checkpoint_step", sa.Integer, nullable=False, server_default="0"),
        sa.Column("device", sa.Text),
        sa.Column("weights", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.CheckConstraint(f"state IN ({states})", name=op.f("ck_runs_state")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["runs.id"], name="fk_runs_parent_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["preview"], ["files.sha256"], name="fk_runs_preview"),
        sa.ForeignKeyConstraint(["checkpoint"], ["files.sha256"], name="fk_runs_checkpoint"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_state", "runs", ["state", "id"])


def _run_id(table: str) -> list[sa.Column[int] | sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint(
        ["run_id"], ["runs.id"], name=f"fk_{table}_run_id", ondelete="CASCADE"
    )
    return [sa.Column("run_id", sa.Integer, nullable=False), key]


def _file(table: str, column: str) -> list[sa.Column[str] | sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint([column], ["files.sha256"], name=f"fk_{table}_{column}")
    return [sa.Column(column, sa.String(64), nullable=False), key]


def _make_parts() -> None:
    op.create_table(
        "inputs",
        *_run_id("inputs"),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *_file("inputs", "sha256"),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "role", "position", name="pk_inputs"),
    )
    op.create_index("ix_inputs_sha256", "inputs", ["sha256"])
    op.create_table(
        "snapshots",
        *_run_id("snapshots"),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("output", sa.Integer),
        *_file("snapshots", "sha256"),
        *_file("snapshots", "preview"),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("total", sa.Double, nullable=False),
        sa.Column("improvement", sa.Double, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "step", name="pk_snapshots"),
    )
    op.create_index("ix_snapshots_sha256", "snapshots", ["sha256"])
    op.create_index("ix_snapshots_preview", "snapshots", ["preview"])
    op.create_table(
        "losses",
        *_run_id("losses"),
        sa.Column("first_step", sa.Integer, nullable=False),
        sa.Column("last_step", sa.Integer, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("values", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "first_step", name="pk_losses"),
    )
    op.create_table(
        "log",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        *_run_id("log"),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log"),
    )
    op.create_index("ix_log_run_id", "log", ["run_id"])
