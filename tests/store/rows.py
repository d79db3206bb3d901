"""What a database of the first version held, as that version wrote it."""

from __future__ import annotations

import struct
from typing import Any

from sqlalchemy import Connection, text

_VALUES: dict[str, Any] = {
    "picture": "a" * 64,
    "small": "b" * 64,
    "config": '{"steps": 20}',
    "terms": '["total", "tv"]',
    "values": struct.pack("<2d", 1.5, -2.0),
}
_ROWS = (
    "INSERT INTO files VALUES (:picture, 5000000000, 1.5), (:small, 10, 1.5)",
    "INSERT INTO pictures VALUES (:picture, 'cat.png', 60, 40, :small, 1.5)",
    *["INSERT INTO runs (state, config, created_at, steps) VALUES ('done', :config, 2.5, 20)"] * 7,
    "UPDATE runs SET parent_id = 1, message = 'Ünïcode' WHERE id = 7",
    "INSERT INTO inputs VALUES (7, 'content', 0, :picture, 'cat.png')",
    "INSERT INTO snapshots (run_id, step, output, sha256, preview, width, height, total, "
    "improvement, seconds) VALUES (7, 20, 1, :picture, :small, 60, 40, 1.5, 80.0, 3.5)",
    "INSERT INTO losses VALUES (7, 20, 20, :terms, :values)",
    "INSERT INTO log (run_id, at, step, text) VALUES (7, 2.5, 0, 'began')",
)


def insert_old_rows(connection: Connection) -> None:
    """Write seven runs, of which the last has everything a run can have."""
    for row in _ROWS:
        wanted = {name: value for name, value in _VALUES.items() if f":{name}" in row}
        connection.execute(text(row), wanted)
