"""The page takes the whole screen of a phone, and keeps clear of its notch and of the bar for going home."""

import pytest

from components.theme import STYLE
from tests.e2e.test_dashboard_user import signed_in
from tests.fakes_ui import Desk

pytestmark = [
    pytest.mark.xdist_group("nicegui"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:nicegui.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


async def test_the_page_takes_the_whole_screen_and_keeps_clear_of_its_edges() -> None:
    async with signed_in(Desk()) as user:
        page = await user.http_client.get("/")
        assert '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"' in page.text
        style = (await user.http_client.get(STYLE)).text
    for place in (".bar {", ".nav {", ".nicegui-content {", ".offline-banner {"):
        rule = style[style.index(f"\n{place}") :].partition("}")[0]
        assert "env(safe-area-inset-" in rule, place
