"""What tests need beyond Python: skipped where it is missing, failed where it must be there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def require_or_skip(what: str, reason: str) -> NoReturn:
    """Skip for ``reason``, or fail where ``NST_TEST_REQUIRE`` (comma separated) has ``what``."""
    required = os.environ.get("NST_TEST_REQUIRE", "").split(",")
    if what in (word.strip() for word in required):
        pytest.fail(f"{reason}, and NST_TEST_REQUIRE asks for {what}", pytrace=False)
    pytest.skip(reason)
