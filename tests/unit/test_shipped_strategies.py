"""The manifest of what comes with the program says what lies there."""

from tests.tools.shipped import MANIFEST, text


def test_the_manifest_is_in_step_with_the_files() -> None:
    assert MANIFEST.read_text(encoding="utf-8") == text(), "run: python -m tests.tools.shipped"
