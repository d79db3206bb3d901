"""What a person sees on the first page."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

HOME = Path(__file__).resolve().parents[2] / "Home.py"


def test_home_says_what_is_here_and_shows_every_sample() -> None:
    app = AppTest.from_file(str(HOME), default_timeout=30).run()
    assert not app.exception
    assert app.title[0].value == "NST Lab"
    assert "neural style transfer" in app.markdown[0].value
    assert "python -m nst_core stylize sample_images/content/cat.png" in app.code[0].value
    samples = HOME.parent / "sample_images"
    pictures = [p for p in samples.glob("*/*") if p.suffix in {".png", ".jpg"}]
    assert len(app.get("image")) == len(pictures)
