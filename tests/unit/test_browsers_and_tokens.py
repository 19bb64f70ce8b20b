"""What a person sees of their own sign-ins and tokens, and how each is ended."""

import pytest

from tests.fakes_ui import PASSWORD, Desk

HERE, THERE = "192.0.2.7", "198.51.100.1"


async def a_desk() -> Desk:
    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    return desk


def later(desk: Desk, **how_long: float) -> None:
    desk.clock.forward(**how_long)  # type: ignore[attr-defined]


async def sign_in(desk: Desk, agent: str, address: str = HERE) -> str:
    later(desk, seconds=5)
    return (await desk.auth.sign_in("admin", PASSWORD, None, address, agent)).secret


# ---------------------------------------------------------------- browsers


async def test_a_person_sees_their_browsers_this_one_first_and_nothing_that_opens_one() -> None:
    desk = await a_desk()
    phone, desktop = await sign_in(desk, "Phone"), await sign_in(desk, "Desktop", THERE)
    shown = await desk.auth.browsers.signed_in(phone)
    assert [(each.agent, each.address, each.current) for each in shown] == [
        ("Phone", HERE, True),
        ("Desktop", THERE, False),
    ]
    assert shown[1].since == desk.clock.now()
    assert await desk.auth.session(shown[1].id) is None
    assert desktop not in str(shown)


async def test_another_browser_is_signed_out_and_at_once() -> None:
    desk = await a_desk()
    phone, stolen = await sign_in(desk, "Phone"), await sign_in(desk, "Somebody", THERE)
    assert await desk.auth.session(stolen) is not None  # believed for the next two seconds
    somebody = (await desk.auth.browsers.signed_in(phone))[1]
    assert await desk.auth.browsers.end_other(phone, somebody.id, HERE)
    assert await desk.auth.session(stolen) is None
    assert await desk.auth.session(phone) is not None
    assert not await desk.auth.browsers.end_other(phone, somebody.id, HERE)
    line = desk.audit.lines[-2]
    assert (line["action"], line["result"], line["detail"]) == ("sign out one browser", "ok", THERE)


async def test_all_others_are_signed_out_and_this_one_stays() -> None:
    desk = await a_desk()
    others = [await sign_in(desk, f"Browser {at}") for at in range(3)]
    mine = await sign_in(desk, "Mine")
    assert await desk.auth.browsers.end_others(mine, HERE) == 3
    assert [await desk.auth.session(each) for each in others] == [None, None, None]
    assert await desk.auth.session(mine) is not None


async def test_nobody_ends_the_sign_ins_of_somebody_else() -> None:
    desk = await a_desk()
    theirs = await sign_in(desk, "Theirs")
    (shown,) = await desk.auth.browsers.signed_in(theirs)
    assert not await desk.auth.browsers.end_other("a made-up cookie", shown.id, HERE)
    assert await desk.auth.browsers.end_others("a made-up cookie", HERE) == 0
    assert await desk.auth.browsers.signed_in("a made-up cookie") == []
    assert await desk.auth.session(theirs) is not None


# ---------------------------------------------------------------- tokens that read


async def test_a_read_token_is_shown_once_and_kept_as_a_hash() -> None:
    desk = await a_desk()
    why, text = await desk.auth.read_tokens.make("admin", " Home   monitor ", 30, HERE)
    assert why == ""
    (kept,) = await desk.auth.read_tokens.of("admin")
    assert kept.name == "Home monitor"
    assert kept.used_at is None
    assert text not in str(desk.users.tokens)
    assert text not in str(desk.audit.lines)
    who = await desk.auth.bearer(text)
    assert who is not None
    assert (who.username, who.read_only) == ("admin", True)
    assert (await desk.auth.read_tokens.of("admin"))[0].used_at == desk.clock.now()


async def test_a_read_token_ends_on_its_day_or_when_it_is_revoked() -> None:
    desk = await a_desk()
    _, short = await desk.auth.read_tokens.make("admin", "for a month", 30, HERE)
    _, long = await desk.auth.read_tokens.make("admin", "for good", None, HERE)
    later(desk, days=29, hours=23)
    assert await desk.auth.bearer(short) is not None
    later(desk, hours=1)
    assert await desk.auth.bearer(short) is None
    assert await desk.auth.bearer(long) is not None
    kept = next(each for each in await desk.auth.read_tokens.of("admin") if each.name == "for good")
    assert not await desk.auth.read_tokens.revoke("somebody else", kept.id, HERE)
    assert await desk.auth.bearer(long) is not None
    assert await desk.auth.read_tokens.revoke("admin", kept.id, HERE)
    assert await desk.auth.bearer(long) is None


@pytest.mark.parametrize("how", ["password", "everywhere"])
async def test_read_tokens_do_not_outlive_the_password_nor_a_sign_out_everywhere(how: str) -> None:
    desk = await a_desk()
    _, text = await desk.auth.read_tokens.make("admin", "monitor", None, HERE)
    if how == "password":
        assert await desk.auth.change_password("admin", PASSWORD, "my own four words", HERE) is None
    else:
        await desk.auth.end_all("admin", HERE)
    assert await desk.auth.bearer(text) is None
    assert await desk.auth.read_tokens.of("admin") == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\u202eb", "monitor"])
async def test_a_name_that_says_nothing_or_stands_already_is_refused(name: str) -> None:
    desk = await a_desk()
    await desk.auth.read_tokens.make("admin", "Monitor", None, HERE)
    why, text = await desk.auth.read_tokens.make("admin", name, None, HERE)
    assert (bool(why), text) == (True, "")


async def test_there_are_never_more_than_twenty() -> None:
    desk = await a_desk()
    for at in range(20):
        await desk.auth.read_tokens.make("admin", f"number {at}", None, HERE)
    assert "20" in (await desk.auth.read_tokens.make("admin", "one more", None, HERE))[0]


async def test_reading_goes_on_where_the_disk_is_full() -> None:
    desk = await a_desk()
    _, text = await desk.auth.read_tokens.make("admin", "monitor", None, HERE)
    desk.users.full = True
    assert await desk.auth.bearer(text) is not None


@pytest.mark.parametrize("odd", ["read_", "read_" + "x" * 43, "read_" + "x" * 500, "READ_x"])
async def test_made_up_read_tokens_open_nothing(odd: str) -> None:
    assert await (await a_desk()).auth.bearer(odd) is None
