"""Setting up, renewing and removing the second factor: plain HTML, the QR code drawn into the page.

The seed is shown to the browser that asked for it, for ten minutes; recovery codes once.
"""

from collections.abc import Awaitable, Callable, Sequence
from html import escape
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from components.doors import Doors, Enrolment
from components.plain import address, fields, page, said
from components.qr import picture

AWAY = '<p class="away"><a href="/account">Back to your account</a></p>'
PROOF = (
    '<label>Your password<input name="password" type="password" autocomplete="current-password" required '
    'maxlength="200"></label>'
)
PROOF_CODE = (
    '<label>Code <small>from your phone, or a recovery code</small><input name="code" autocomplete="one-time-code" '
    'autocapitalize="none" spellcheck="false" required maxlength="40"></label>'
)


def add_second_factor(web: Starlette, doors: Doors, ended: Callable[[], Awaitable[None]]) -> None:
    factor = SecondFactor(doors, ended)
    web.router.routes[:0] = [
        Route("/second-factor", factor.show, methods=["GET"]),
        Route("/second-factor/begin", factor.begin, methods=["POST"]),
        Route("/second-factor/confirm", factor.confirm, methods=["POST"]),
        Route("/second-factor/give-up", factor.give_up, methods=["POST"]),
        Route("/second-factor/codes", factor.renew_codes, methods=["POST"]),
        Route("/second-factor/remove", factor.remove, methods=["POST"]),
    ]


class SecondFactor:
    def __init__(self, doors: Doors, ended: Callable[[], Awaitable[None]]) -> None:
        self._doors, self._factor, self._ended = doors, doors.auth.factor, ended

    async def show(self, request: Request) -> Response:
        return await self._page(request)

    async def begin(self, request: Request) -> Response:
        password, code = await fields(request, "password", "code")
        who, secret = _who(request)
        if why := await self._factor.begin(who, secret, password, code, address(request)):
            return await self._page(request, f"{why}.", 422)
        return RedirectResponse("/second-factor", 303)

    async def confirm(self, request: Request) -> Response:
        (code,) = await fields(request, "code")
        who, secret = _who(request)
        made = await self._factor.enrol(who, secret, code, address(request))
        if made.why:
            return await self._page(request, f"{made.why}.", 422)
        await self._ended()
        good = "The second factor is on. Every other browser and program was signed out."
        return _codes_page(made.codes, good)

    async def give_up(self, request: Request) -> Response:
        self._factor.give_up(request.scope["session_secret"])
        return RedirectResponse("/account", 303)

    async def renew_codes(self, request: Request) -> Response:
        password, code = await fields(request, "password", "code")
        made = await self._factor.renew_codes(_who(request)[0], password, code, address(request))
        if made.why:
            return await self._page(request, f"{made.why}.", 422)
        return _codes_page(made.codes, "The old recovery codes are good no more.")

    async def remove(self, request: Request) -> Response:
        password, code = await fields(request, "password", "code")
        who, secret = _who(request)
        if why := await self._factor.remove(who, secret, password, code, address(request)):
            return await self._page(request, f"{why}.", 422)
        await self._ended()
        return RedirectResponse("/account?done=factor-off", 303)

    async def _page(self, request: Request, wrong: str = "", status: int = 200) -> HTMLResponse:
        who, secret = _who(request)
        if pending := self._factor.pending(secret):
            return page("Second factor", _enrolling(pending, wrong), status)
        if not self._factor.enrolled(who):
            return page("Second factor", _off(wrong), status)
        left = await self._doors.tasks.in_thread(lambda: self._factor.codes_left(who))
        return page("Second factor", _on(wrong, left, stays=self._factor.stays), status)


def _who(request: Request) -> tuple[str, str]:
    return request.scope["signed_in"].username, request.scope["session_secret"]


def _off(wrong: str) -> str:
    return f"""<h2>Set up a second factor</h2><p>You need an authenticator app on your phone, such as Aegis, 2FAS,
Google Authenticator or the one in your password manager.</p>{said(wrong)}
<form method="post" action="/second-factor/begin">{PROOF}<button>Begin</button></form>{AWAY}"""


def _enrolling(pending: Enrolment, wrong: str) -> str:
    groups = " ".join(pending.secret[at : at + 4] for at in range(0, len(pending.secret), 4))
    return f"""<h2>Scan this with your app</h2>{picture(pending.address, "QR code for your authenticator app")}
<p>On this same phone? <a href="{escape(pending.address)}">Open your app</a>, or type the secret:</p>
<pre class="secret" id="seed">{groups}</pre>
<div class="buttons"><button type="button" class="quiet" data-copy="seed" hidden>Copy</button></div>
{said(wrong)}<form method="post" action="/second-factor/confirm"><label>Code from the app
<input name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 ]*" maxlength="7" required autofocus>
</label><button>Turn it on</button></form>
<form method="post" action="/second-factor/give-up"><button class="quiet">Not now</button></form>"""


def _on(wrong: str, left: int, *, stays: bool) -> str:
    off = (
        "<p>In live mode the second factor cannot be removed.</p>"
        if stays
        else _unfolding("Remove it", "Then the password alone lets anybody in.", "remove", "Remove", "danger")
    )
    return f"""<h2>Second factor <span class="chip">on</span></h2><p>{left} of 10 recovery codes left.</p>{said(wrong)}
{_unfolding("New recovery codes", "The old ones end.", "codes", "Make ten new ones")}
{_unfolding("A new phone", "The old one stays good until the new one has given its first code.", "begin", "Begin")}
{off}{AWAY}"""


def _unfolding(title: str, text: str, where: str, button: str, kind: str = "") -> str:
    """A form that wants password and code."""
    return (
        f'<details><summary>{title}</summary><p>{text}</p><form method="post" action="/second-factor/{where}">'
        f'{PROOF}{PROOF_CODE}<button class="{kind}">{button}</button></form></details>'
    )


def _codes_page(codes: Sequence[str], good: str) -> HTMLResponse:
    text = "bitcoin-autotrader: recovery codes, each good once\n\n" + "\n".join(codes) + "\n"
    items = "".join(f"<li><code>{escape(each)}</code></li>" for each in codes)
    return page(
        "Recovery codes",
        f"""<h2>Recovery codes</h2>{said(good, good=True)}<p>For the day on which your phone is lost: each signs you in
once in place of a code. Keep them apart from the phone. They are not shown again.</p>
<ol class="codes" id="codes">{items}</ol><div class="buttons">
<a class="button" download="recovery-codes.txt" href="data:text/plain;charset=utf-8,{quote(text)}">Download</a>
<button type="button" class="quiet" data-print hidden>Print</button></div>
<p class="away"><a href="/account">I have kept them</a></p>""",
    )
