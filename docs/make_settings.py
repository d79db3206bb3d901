"""Write docs/settings.md from the settings' fields: ``python docs/make_settings.py``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nst_core.cli_settings import setting_default, setting_range  # noqa: E402
from nst_core.config import StyleTransferConfig  # noqa: E402

INTRODUCTION = """# Settings

Every setting of a run. On the command line `beta` is `--beta`, `lr_schedule` is `--lr-schedule`;
layers are written `conv1_1=0.2,conv2_1=0.2`. In JSON layers are an object. This table is written by
`python docs/make_settings.py` from the fields of `StyleTransferConfig`.
"""


def settings_table() -> str:
    """Return the table of all settings in Markdown."""
    rows = ["| setting | default | range | what it does |", "|---|---|---|---|"]
    for name, field in StyleTransferConfig.model_fields.items():
        default = setting_default(field).replace(",", ", ")
        rows.append(f"| `{name}` | {default} | {setting_range(field)} | {field.description} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "settings.md").write_text(f"{INTRODUCTION}\n{settings_table()}")
