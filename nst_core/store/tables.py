"""The tables, as the newest migration leaves them; times are seconds since 1970 (UTC)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class Words(TypeDecorator[str]):
    """Text from anywhere, as a file's name; what databases refuse in a text becomes "?"."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        """Replace half surrogates (bytes of a name that are no UTF-8) and NUL."""
        if value is None:
            return None
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


class RunNumber(TypeDecorator[int]):
    """A run's number, asked for by people; one that no column holds is no run's."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: object) -> int | None:
        """Ask for 0, which is no run's, where a database would fail."""
        return value if value is None or 0 <= value < 2**31 else 0


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

STATES = ("queued", "running", "done", "failed", "cancelled", "interrupted")

# Every file there is in the artifact folder, by the SHA-256 of its bytes.
files = Table(
    "files",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("added_at", Double, nullable=False),
)

# What people uploaded or picked, with a small picture for lists.
pictures = Table(
    "pictures",
    metadata,
    Column("sha256", ForeignKey("files.sha256"), primary_key=True),
    Column("name", Words, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("thumbnail", ForeignKey("files.sha256"), nullable=False),
    Column("chosen_at", Double, nullable=False),
)

# Many runs from one plan; what came of them stands in theirs.
sweeps = Table(
    "sweeps",
    metadata,
    Column("id", RunNumber, primary_key=True, autoincrement=True),
    Column("plan", Text, nullable=False),  # JSON
    Column("at_once", Integer, nullable=False),  # trials that a sampler has under way
    Column("created_at", Double, nullable=False),
    Column("cancelled_at", Double),  # when a cancel was asked for; going on takes it back
    sqlite_autoincrement=True,
)

# Pictures and masks of a sweep; "content value" and "style value" are what an axis lists.
sweep_inputs = Table(
    "sweep_inputs",
    metadata,
    Column("sweep_id", ForeignKey("sweeps.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("sha256", ForeignKey("files.sha256"), nullable=False, index=True),
    Column("name", Words, nullable=False),  # of a value as the axis has it
)

runs = Table(
    "runs",
    metadata,
    Column("id", RunNumber, primary_key=True, autoincrement=True),
    Column("state", String(12), nullable=False),
    Column("config", Text, nullable=False),  # JSON
    Column("parent_id", ForeignKey("runs.id", ondelete="SET NULL")),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("message", Words, nullable=False, server_default=""),
    # How far it is
    Column("step", Integer, nullable=False, server_default="0"),
    Column("steps", Integer, nullable=False),
    Column("seconds", Double, nullable=False, server_default="0"),
    Column("improvement", Double),
    Column("losses", Text),  # the latest, JSON
    Column("preview", ForeignKey("files.sha256")),
    Column("preview_step", Integer),
    Column("checkpoint", ForeignKey("files.sha256")),
    Column("checkpoint_step", Integer, nullable=False, server_default="0"),
    # What computed it, in words
    Column("device", Words),
    Column("weights", Words),
    # What people think of it
    Column("rating", Integer),  # 1 to 5 stars
    Column("notes", Words, nullable=False, server_default=""),
    # Who has it: a worker, at a place (machine and device), until its lease ends
    Column("wants", String(16), nullable=False, server_default="auto"),  # the device asked for
    Column("worker", Text),
    Column("place", Text),
    Column("lease_until", Double),
    Column("deaths", Integer, nullable=False, server_default="0"),  # of workers that had it
    Column("cancel_at", Double),  # when a cancel was asked for
    # Which cell of which sweep it is; a sweep takes its runs along when it is deleted
    Column("sweep_id", RunNumber, index=True),
    Column("cell", Text),  # JSON
    CheckConstraint(f"state IN ({', '.join(map(repr, STATES))})", name="state"),
    sqlite_autoincrement=True,  # the number of a deleted run is never given again
)
Index("ix_runs_state", runs.c.state, runs.c.id)

inputs = Table(
    "inputs",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("sha256", ForeignKey("files.sha256"), nullable=False, index=True),
    Column("name", Words, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("output", Integer),  # 1, 2, ...; NULL is a picture kept on cancelling
    Column("sha256", ForeignKey("files.sha256"), nullable=False, index=True),
    Column("preview", ForeignKey("files.sha256"), nullable=False, index=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("total", Double, nullable=False),
    Column("improvement", Double, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("metrics", Text),  # JSON; NULL until they are measured
)

# Losses of several steps in one row: float64, little-endian, step by step.
losses = Table(
    "losses",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("first_step", Integer, primary_key=True),
    Column("last_step", Integer, nullable=False),
    Column("terms", Text, nullable=False),  # JSON: total, content, style, tv, content/conv4_2, ...
    Column("values", LargeBinary, nullable=False),
)

log = Table(
    "log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Double, nullable=False),
    Column("step", Integer, nullable=False),
    Column("text", Words, nullable=False),
)
