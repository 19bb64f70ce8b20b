"""A page as axe-core sees it: what stops somebody who cannot see it, cannot tell colours apart, or has no mouse."""

from importlib.resources import files
from typing import Any

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
GRAVE = ("serious", "critical")
LOOKS = 3
COLOURS = {"runOnly": ["color-contrast"]}
AT_REST = """() => Promise.allSettled(document.getAnimations()
    .filter((each) => each.effect.getComputedTiming().endTime < 5000).map((each) => each.finished))"""


def barriers(page: Any) -> str:
    """Serious and critical violations on a page as it stands: every rule once, colours in dark and in light."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    for _ in range(LOOKS):  # what is there only while something comes or goes is no barrier
        found = _looked(page, "dark", {}) + _looked(page, "light", COLOURS)
        page.emulate_media(color_scheme="dark")
        if not found:
            return ""
    return "\n".join(found)


def _looked(page: Any, scheme: str, rules: dict[str, Any]) -> list[str]:
    page.emulate_media(color_scheme=scheme)
    page.evaluate(AT_REST)
    answer = page.evaluate("(options) => axe.run(options)", {"resultTypes": ["violations"], **rules})
    return [
        f"{scheme}: {each['id']} at {' '.join(map(str, node['target']))}: {node['failureSummary']} {node['html'][:200]}"
        for each in answer["violations"]
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]
