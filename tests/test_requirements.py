"""A check that is asked for is never skipped."""

from __future__ import annotations

import pytest

from tests.requirements import require_or_skip


@pytest.mark.parametrize("value", [None, "", "browser", "postgresql2"])
def test_what_is_missing_is_skipped(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NST_TEST_REQUIRE", raising=False)
    if value is not None:
        monkeypatch.setenv("NST_TEST_REQUIRE", value)
    with pytest.raises(pytest.skip.Exception, match=r"^no server$"):
        require_or_skip("postgresql", "no server")


@pytest.mark.parametrize("value", ["postgresql", "browser, postgresql"])
def test_what_is_missing_and_asked_for_fails(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_TEST_REQUIRE", value)
    with pytest.raises(pytest.fail.Exception, match=r"^no server, and NST_TEST_REQUIRE asks"):
        require_or_skip("postgresql", "no server")
