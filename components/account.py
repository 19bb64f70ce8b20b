"""A person's own account: password, second factor, signed-in browsers, tokens that may only read. Plain HTML.

Each form re-checks on the server who sends it; nothing here is changed by looking.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from html import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from components.devices import device
from components.doors import Browser, Doors, ReadToken
from components.plain import CLEARED, address, fields, page, said

RUNS_OUT = {"30": 30, "90": 90, "365": 365, "never": None}  # days
AWAY = '<p class="away"><a href="/">Back to the dashboard</a></p>'
DONE = {  # what a redirect back may say: never the visitor's own words
    "browser": "That browser is signed out.",
    "browsers": "All other browsers are signed out.",
    "token": "The token is revoked: it opens nothing any more.",
    "factor-off": "The second factor is removed.",
    "gone": "It was gone already.",
}


def add_account(web: Starlette, doors: Doors, ended: Callable[[], Awaitable[None]]) -> None:
    account = Account(doors, ended)
    web.router.routes[:0] = [
        Route("/account", account.show, methods=["GET"]),
        Route("/account/browsers/end", account.end_browser, methods=["POST"]),
        Route("/account/browsers/end-others", account.end_browsers, methods=["POST"]),
        Route("/account/end-all", account.end_all, methods=["POST"]),
        Route("/account/tokens", account.make_token, methods=["POST"]),
        Route("/account/tokens/revoke", account.revoke_token, methods=["POST"]),
    ]


class Account:
    def __init__(self, doors: Doors, ended: Callable[[], Awaitable[None]]) -> None:
        self._doors, self._ended = doors, ended

    async def show(self, request: Request) -> Response:
        return await self._page(request, good=DONE.get(request.query_params.get("done", ""), ""))

    async def end_browser(self, request: Request) -> Response:
        (id,) = await fields(request, "id")
        there = await self._doors.auth.browsers.end_other(request.scope["session_secret"], id, address(request))
        await self._ended()
        return _back("browser" if there else "gone")

    async def end_browsers(self, request: Request) -> Response:
        await self._doors.auth.browsers.end_others(request.scope["session_secret"], address(request))
        await self._ended()
        return _back("browsers")

    async def end_all(self, request: Request) -> Response:
        await self._doors.auth.end_all(request.scope["signed_in"].username, address(request))
        await self._ended()
        return RedirectResponse("/login", 303, CLEARED)

    async def make_token(self, request: Request) -> Response:
        """The token's text stands on this one answer and nowhere else."""
        name, runs_out = await fields(request, "name", "runs_out")
        if runs_out not in RUNS_OUT:
            return await self._page(request, wrong="Choose when the token runs out.", status=422)
        username = request.scope["signed_in"].username
        why, text = await self._doors.auth.read_tokens.make(username, name, RUNS_OUT[runs_out], address(request))
        if why:
            return await self._page(request, wrong=f"{why}.", status=422)
        return page("Read-only token", _made_token(" ".join(name.split()), text))

    async def revoke_token(self, request: Request) -> Response:
        (id,) = await fields(request, "id")
        there = await self._doors.auth.read_tokens.revoke(request.scope["signed_in"].username, id, address(request))
        return _back("token" if there else "gone")

    async def _page(self, request: Request, *, good: str = "", wrong: str = "", status: int = 200) -> HTMLResponse:
        who, auth = request.scope["signed_in"], self._doors.auth
        enrolled = auth.factor.enrolled(who.username)
        left = await self._doors.tasks.in_thread(lambda: auth.factor.codes_left(who.username)) if enrolled else 0
        browsers = await auth.browsers.signed_in(request.scope["session_secret"])
        tokens = await auth.read_tokens.of(who.username)
        content = (
            f"<h2>Your account</h2><p>Signed in as <b>{escape(who.username)}</b></p>"
            f"{said(good, good=True)}{said(wrong)}{_password()}{_factor(enrolled, left)}{_browsers(browsers)}"
            f"{_tokens(tokens, self._doors.clock.now())}{AWAY}"
        )
        return page("Your account", content, status, wide=True)


def _back(done: str) -> RedirectResponse:
    return RedirectResponse(f"/account?done={done}", 303)


def _password() -> str:
    return (
        '<section><div class="row"><h3>Password</h3><a class="button" href="/password">Change</a></div>'
        "<p>Changing it signs you out everywhere and ends every token.</p></section>"
    )


def _factor(enrolled: bool, left: int) -> str:
    if not enrolled:
        return (
            '<section><div class="row"><h3>Second factor <span class="chip bad">off</span></h3>'
            '<a class="button strong" href="/second-factor">Set up</a></div>'
            "<p>Six digits from your phone beside the password: whoever learns the password cannot come in. Wanted "
            "before real money is traded.</p></section>"
        )
    few = ' <b class="bad">Make new ones before they run out.</b>' if left < 4 else ""
    return (
        '<section><div class="row"><h3>Second factor <span class="chip">on</span></h3>'
        '<a class="button" href="/second-factor">Manage</a></div>'
        f"<p>{left} of 10 recovery codes left.{few}</p></section>"
    )


def _browsers(browsers: Sequence[Browser]) -> str:
    others = sum(not each.current for each in browsers)
    end_others = (
        '<form method="post" action="/account/browsers/end-others"><button class="quiet">Sign out all others'
        "</button></form>"
        if others
        else ""
    )
    return (
        "<section><h3>Signed in</h3><p>Each sign-in ends by itself after 24 hours. One that you do not know? Sign it "
        f'out, then change the password.</p><ul class="list">{"".join(map(_browser, browsers))}</ul>'
        f'<div class="buttons">{end_others}<form method="post" action="/account/end-all"><button class="quiet danger">'
        "Sign out everywhere, programs too</button></form></div></section>"
    )


def _browser(browser: Browser) -> str:
    end = (
        '<span class="chip">this one</span>'
        if browser.current
        else f'<form method="post" action="/account/browsers/end"><input type="hidden" name="id" '
        f'value="{escape(browser.id)}"><button class="quiet">Sign out</button></form>'
    )
    return (
        f"<li><div><b>{escape(device(browser.agent))}</b><small>{escape(browser.address or 'unknown address')} · since "
        f"{_moment(browser.since)}</small></div>{end}</li>"
    )


def _tokens(tokens: Sequence[ReadToken], now: datetime) -> str:
    rows = "".join(_token(each, now) for each in tokens)
    listed = f'<ul class="list">{rows}</ul>' if rows else ""
    return f"""<section><h3>Read-only tokens</h3><p>For a monitor or a widget: such a token reads the
<a href="/api/docs">API</a> and can change nothing. Programs that act sign in for themselves.</p>{listed}
<form method="post" action="/account/tokens" class="inline">
<label>Name<input name="name" required maxlength="40" placeholder="Home monitor" autocomplete="off"></label>
<label>Runs out<select name="runs_out"><option value="30">in 30 days</option>
<option value="90" selected>in 90 days</option><option value="365">in a year</option>
<option value="never">never</option></select></label><button>Make a token</button></form></section>"""


def _token(token: ReadToken, now: datetime) -> str:
    if token.expires_at is None:
        ends = "does not run out"
    else:
        ends = f"{'ran' if token.expires_at <= now else 'runs'} out {_day(token.expires_at)}"
    used = f"last used {_moment(token.used_at)}" if token.used_at else "never used"
    return (
        f"<li><div><b>{escape(token.name)}</b><small>made {_day(token.created_at)} · {ends} · {used}</small></div>"
        '<form method="post" action="/account/tokens/revoke"><input type="hidden" name="id" '
        f'value="{escape(token.id)}"><button class="quiet">Revoke</button></form></li>'
    )


def _made_token(name: str, text: str) -> str:
    return (
        f"<h2>{escape(name)}</h2><p>Copy the token now: it is not shown again. Whoever has it can read everything here."
        f'</p><pre class="secret" id="token">{escape(text)}</pre>'
        '<div class="buttons"><button type="button" class="quiet" data-copy="token" hidden>Copy</button></div>'
        '<p>Send it as <code>Authorization: Bearer …</code></p><p class="away"><a href="/account">I have copied it</a>'
        "</p>"
    )


def _day(at: datetime) -> str:
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{at:%d %b %Y}</time>'


def _moment(at: datetime) -> str:
    """In UTC: these pages do without a script that would know the zone."""
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{at:%d %b %Y, %H:%M} UTC</time>'
