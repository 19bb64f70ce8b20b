"""The account as a browser meets it: the real pages behind the outer wall, forms sent as a browser sends them."""

import re
from dataclasses import dataclass
from html import unescape

import httpx
import pyotp
import pytest
from fastapi import FastAPI

from components.api import add_api
from components.edge import Edge
from components.login import add_login
from tests.fakes_ui import PASSWORD, Desk

HOST = "http://127.0.0.1:8080"
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36"
)


@dataclass
class House:
    """One trader; browsers that come to it have their own cookies."""

    desk: Desk
    web: FastAPI
    ended: list[str]

    def browser(self, agent: str = PHONE) -> httpx.AsyncClient:
        headers = {"user-agent": agent, "origin": HOST}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.web), base_url=HOST, headers=headers)

    def later(self, **how_long: float) -> None:
        self.desk.clock.forward(**how_long)  # type: ignore[attr-defined]

    def code(self, seed: str) -> str:
        self.later(seconds=60)
        return pyotp.TOTP(seed).at(self.desk.clock.now())


@pytest.fixture
async def house() -> House:
    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    ended: list[str] = []

    async def note() -> None:
        ended.append("swept")

    web, doors = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), desk.doors()
    web.add_middleware(Edge, doors=doors)
    add_login(web, doors, note)
    add_api(web, doors)
    return House(desk, web, ended)


async def sign_in(browser: httpx.AsyncClient, **more: str) -> httpx.Response:
    return await browser.post("/login", data={"username": "admin", "password": PASSWORD, **more})


async def set_up(house: House, browser: httpx.AsyncClient) -> tuple[str, list[str]]:
    """(seed, recovery codes) as a person copies them from the screen."""
    assert (await browser.post("/second-factor/begin", data={"password": PASSWORD})).status_code == 303
    shown = (await browser.get("/second-factor")).text
    seed = "".join(re.search(r'id="seed">([A-Z2-7 ]+)<', shown)[1].split())  # type: ignore[index]
    done = await browser.post("/second-factor/confirm", data={"code": house.code(seed)})
    assert done.status_code == 200, done.text
    return seed, re.findall(r"<code>([a-z2-7-]{19})</code>", done.text)


# ---------------------------------------------------------------- second factor


async def test_a_second_factor_is_set_up_with_a_picture_that_the_phone_reads(house: House) -> None:
    async with house.browser() as browser:
        await sign_in(browser)
        assert "Set up" in (await browser.get("/account")).text
        await browser.post("/second-factor/begin", data={"password": PASSWORD})
        shown = (await browser.get("/second-factor")).text
        assert "<svg" in shown
        assert "http:" not in re.sub(r'xmlns="[^"]+"', "", shown), "the picture asks for something outside"
        address = unescape(re.search(r'href="(otpauth:[^"]+)"', shown)[1])  # type: ignore[index]
        phone = pyotp.parse_uri(address)
        wrong = await browser.post("/second-factor/confirm", data={"code": "000000"})
        assert (wrong.status_code, "not right" in wrong.text) == (422, True)
        house.later(seconds=60)
        done = await browser.post("/second-factor/confirm", data={"code": phone.at(house.desk.clock.now())})  # type: ignore[union-attr]
        spare = re.findall(r"<code>([a-z2-7-]{19})</code>", done.text)
        assert len(spare) == 10
        assert all(each in unescape(done.text).split("data:text/plain")[1] for each in spare), "not in the download"
        assert "10 of 10 recovery codes left" in (await browser.get("/account")).text
        again = await browser.post("/second-factor/confirm", data={"code": "000000"})
        assert not [each for each in spare if each in again.text], "they are shown a second time"


async def test_a_lost_phone_is_replaced_by_a_recovery_code(house: House) -> None:
    async with house.browser() as browser, house.browser() as other:
        await sign_in(browser)
        _, spare = await set_up(house, browser)
        needed = await sign_in(other)
        assert (needed.status_code, "Phone lost?" in needed.text) == (401, True)
        assert (await sign_in(other, recovery=spare[0])).status_code == 303
        assert "9 of 10" in (await other.get("/account")).text
        begun = await other.post("/second-factor/begin", data={"password": PASSWORD, "code": spare[1]})
        assert begun.status_code == 303
        seed = "".join(re.search(r'id="seed">([A-Z2-7 ]+)<', (await other.get("/second-factor")).text)[1].split())  # type: ignore[index]
        assert (await other.post("/second-factor/confirm", data={"code": house.code(seed)})).status_code == 200
        assert (await browser.get("/account")).headers["location"] == "/login", "the other browser came in without"


async def test_the_second_factor_is_removed_with_password_and_code_and_codes_are_renewed(house: House) -> None:
    async with house.browser() as browser:
        await sign_in(browser)
        seed, spare = await set_up(house, browser)
        short = await browser.post("/second-factor/remove", data={"password": PASSWORD, "code": "000000"})
        assert short.status_code == 422
        fresh = await browser.post("/second-factor/codes", data={"password": PASSWORD, "code": house.code(seed)})
        assert len(re.findall(r"<code>([a-z2-7-]{19})</code>", fresh.text)) == 10
        assert spare[0] not in fresh.text
        gone = await browser.post("/second-factor/remove", data={"password": PASSWORD, "code": house.code(seed)})
        assert gone.headers["location"] == "/account?done=factor-off"
        assert "The second factor is removed" in (await browser.get(gone.headers["location"])).text
        assert not house.desk.auth.two_factor


async def test_in_live_mode_there_is_no_form_to_remove_it_and_no_way_round() -> None:
    desk = Desk(factor_stays=True)
    await desk.auth.start("admin", PASSWORD)
    web, doors = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), desk.doors()
    web.add_middleware(Edge, doors=doors)

    async def nothing() -> None:
        pass

    add_login(web, doors, nothing)
    house = House(desk, web, [])
    async with house.browser() as browser:
        await sign_in(browser)
        seed, _ = await set_up(house, browser)
        assert "/second-factor/remove" not in (await browser.get("/second-factor")).text
        form = {"password": PASSWORD, "code": house.code(seed)}
        assert (await browser.post("/second-factor/remove", data=form)).status_code == 422
        assert desk.auth.enrolled("admin")


# ---------------------------------------------------------------- browsers


async def test_a_person_signs_out_a_browser_that_they_do_not_know(house: House) -> None:
    async with house.browser() as mine, house.browser("Mozilla/5.0 (Windows NT 10.0) Firefox/130.0") as theirs:
        await sign_in(mine)
        house.later(seconds=5)
        await sign_in(theirs)
        shown = (await mine.get("/account")).text
        assert "Chrome on Android" in shown
        assert "Firefox on Windows" in shown
        id = re.search(r'name="id" value="([0-9a-f]+)"', shown)[1]  # type: ignore[index]
        assert (await mine.post("/account/browsers/end", data={"id": id})).headers[
            "location"
        ] == "/account?done=browser"
        assert house.ended, "its open pages were not told"
        assert (await theirs.get("/account")).headers["location"] == "/login"
        assert (await mine.get("/account")).status_code == 200
        assert (await mine.post("/account/browsers/end", data={"id": id})).headers["location"] == "/account?done=gone"


async def test_all_others_or_everything_is_signed_out(house: House) -> None:
    async with house.browser() as mine, house.browser() as other:
        await sign_in(mine)
        await sign_in(other)
        await mine.post("/account/browsers/end-others")
        assert (await other.get("/account")).headers["location"] == "/login"
        everywhere = await mine.post("/account/end-all")
        assert everywhere.headers["location"] == "/login"
        assert (await mine.get("/account")).headers["location"] == "/login"


async def test_signing_in_again_ends_the_browsers_old_sign_in(house: House) -> None:
    async with house.browser() as browser:
        await sign_in(browser)
        old = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        await sign_in(browser)
        assert (await browser.get("/account")).status_code == 200
        async with house.browser() as thief:
            assert (await thief.get("/account", headers={"cookie": old})).headers["location"] == "/login"


async def test_a_browsers_own_words_about_itself_are_no_markup(house: House) -> None:
    async with house.browser("<script>alert(1)</script>") as browser:
        await sign_in(browser)
        assert "<script>alert" not in (await browser.get("/account")).text


# ---------------------------------------------------------------- read-only tokens


async def test_a_read_token_is_made_reads_and_can_do_nothing(house: House) -> None:
    async with house.browser() as browser, house.browser() as program:
        await sign_in(browser)
        made = await browser.post("/account/tokens", data={"name": "Home <monitor>", "runs_out": "30"})
        text = re.search(r'id="token">(read_[\w-]+)<', made.text)[1]  # type: ignore[index]
        assert text not in (await browser.get("/account")).text
        assert "Home &lt;monitor&gt;" in (await browser.get("/account")).text
        bearer = {"authorization": f"Bearer {text}"}
        assert (await program.get("/api/v1/status", headers=bearer)).status_code == 200
        for path, body in (("pause", {}), ("close-all", {"confirm": True}), ("backtests", {"data": "x"})):
            refused = await program.post(f"/api/v1/{path}", json=body, headers=bearer)
            assert (refused.status_code, "read" in refused.json()["detail"]) == (403, True)
        assert (await program.delete("/api/v1/backtests/x", headers=bearer)).status_code == 403
        assert house.desk.control.orders == []
        id = re.search(
            r'revoke"><input type="hidden" name="id" value="([\w-]+)"', (await browser.get("/account")).text
        )[1]  # type: ignore[index]
        await browser.post("/account/tokens/revoke", data={"id": id})
        assert (await program.get("/api/v1/status", headers=bearer)).status_code == 401


@pytest.mark.parametrize(
    "form", [{"name": "", "runs_out": "30"}, {"name": "x", "runs_out": "99999"}, {"name": "x"}, {}]
)
async def test_a_token_without_a_name_or_an_end_is_refused(house: House, form: dict[str, str]) -> None:
    async with house.browser() as browser:
        await sign_in(browser)
        answer = await browser.post("/account/tokens", data=form)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
        assert house.desk.users.tokens == {}


async def test_the_plain_pages_let_nothing_inline_run(house: House) -> None:
    async with house.browser() as browser:
        for path in ("/login", "/account", "/password", "/second-factor"):
            answer = await browser.get(path)
            policy = answer.headers["content-security-policy"]
            assert "script-src 'self';" in policy, path
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store"
            assert not re.search(r"<style|<script(?! defer src)| on\w+=| style=", answer.text)
            if path == "/login":
                await sign_in(browser)
