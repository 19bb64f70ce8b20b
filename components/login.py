"""Signing in and out, and changing the password: plain HTML forms, so that strangers never get a live page.

Works without scripts and with password managers. Every POST's Origin was checked by the edge.
"""

from collections.abc import Awaitable, Callable
from html import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.core.errors import StoreError
from components.account import add_account
from components.doors import Doors
from components.plain import CLEARED, address, fields, page, said
from components.second_factor import add_second_factor

DAY_SECONDS = 86_400
WRONG = "That user name, password or code is not right."
NO_BOOKS = (
    "Nobody can sign in while the books cannot be written: look at disk and database. Stops on the exchange stay."
)
CODE_NEEDED = "Now the six digits from your authenticator app."


def add_login(web: Starlette, doors: Doors, ended: Callable[[], Awaitable[None]]) -> None:
    """`ended` is called after a session has ended, to close its pages at once."""
    login = Login(doors, ended)
    web.router.routes[:0] = [
        Route("/login", login.show, methods=["GET"]),
        Route("/login", login.enter, methods=["POST"]),
        Route("/logout", login.leave, methods=["POST"]),
        Route("/password", login.show_password, methods=["GET"]),
        Route("/password", login.change_password, methods=["POST"]),
    ]
    add_account(web, doors, ended)
    add_second_factor(web, doors, ended)


class Login:
    def __init__(self, doors: Doors, ended: Callable[[], Awaitable[None]]) -> None:
        self._doors, self._ended = doors, ended

    async def show(self, request: Request) -> Response:
        if request.scope.get("signed_in") is not None:
            return RedirectResponse("/", 303)
        return page("Sign in", _login_form())

    async def enter(self, request: Request) -> Response:
        username, password, otp, spare = await fields(request, "username", "password", "otp", "recovery")
        agent = request.headers.get("user-agent", "")
        try:
            answer = await self._doors.auth.sign_in(username, password, spare or otp or None, address(request), agent)
        except StoreError:
            return page("Sign in", _login_form(username, NO_BOOKS), 503, {"retry-after": "30"})
        if answer.outcome == "ok":
            if before := request.scope.get("session_secret"):  # a new sign-in of a browser replaces its old one
                await self._doors.auth.sign_out(before, address(request))
                await self._ended()
            return self._signed_in(answer.secret, "/password" if answer.must_change else "/")
        if answer.outcome == "too_many":
            minutes = answer.retry_after_seconds // 60 + 1
            text = f"Too many tries. Please wait {minutes} minute{'s' if minutes > 1 else ''}, then try again."
            return page("Sign in", _login_form(username, text), 429, {"retry-after": str(answer.retry_after_seconds)})
        if answer.outcome == "code_needed":
            return page("Sign in", _login_form(username, CODE_NEEDED, code=True), 401)
        return page("Sign in", _login_form(username, WRONG, code=bool(otp or spare)), 401)

    async def leave(self, request: Request) -> Response:
        if secret := request.scope.get("session_secret"):
            await self._doors.auth.sign_out(secret, address(request))
            await self._ended()
        response = RedirectResponse("/login", 303, CLEARED)
        response.delete_cookie(self._doors.cookie, path="/", secure=self._doors.secure, httponly=True, samesite="lax")
        return response

    async def show_password(self, request: Request) -> Response:
        return page("Password", _password_form(request.scope["signed_in"].must_change))

    async def change_password(self, request: Request) -> Response:
        who = request.scope["signed_in"]
        given, new, repeat = await fields(request, "current", "new", "repeat")
        if new != repeat:
            return page("Password", _password_form(who.must_change, "The two new passwords are not the same."), 422)
        current = None if who.must_change else given
        why = await self._doors.auth.change_password(who.username, current, new, address(request))
        if why is not None:
            return page("Password", _password_form(who.must_change, f"{why}."), 422)
        await self._ended()
        agent = request.headers.get("user-agent", "")
        answer = await self._doors.auth.sign_in(who.username, new, None, address(request), agent)
        if answer.outcome == "ok":
            return self._signed_in(answer.secret, "/")
        return page(
            "Sign in", _login_form(who.username, "The password is changed. Sign in with the new one.", good=True)
        )

    def _signed_in(self, secret: str, where: str) -> Response:
        response = RedirectResponse(where, 303)
        response.set_cookie(
            self._doors.cookie,
            secret,
            max_age=DAY_SECONDS,
            path="/",
            secure=self._doors.secure,
            httponly=True,
            samesite="lax",  # a push message must open the app signed in; POSTs are held by the Origin check
        )
        return response


def _login_form(username: str = "", text: str = "", *, code: bool = False, good: bool = False) -> str:
    first, then = ("", "autofocus") if username else ("autofocus", "")
    digits = (
        '<label>Code <small>six digits, if you use a second factor</small><input name="otp" inputmode="numeric" '
        'autocomplete="one-time-code" pattern="[0-9 ]*" maxlength="7"></label>'
    )
    lost = (
        "<details><summary>Phone lost?</summary><label>Recovery code <small>each is good once</small>"
        '<input name="recovery" autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="40"></label>'
        "</details>"
    )
    return f"""{said(text, good=good)}<form method="post" action="/login">
<label>User name<input name="username" autocomplete="username" autocapitalize="none" spellcheck="false"
 required maxlength="64" value="{escape(username[:64])}" {first}></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required
 maxlength="200" {then}></label>
{digits}{lost if code else ""}<button>Sign in</button></form>"""


def _password_form(first: bool, text: str = "") -> str:
    why = (
        "<p>The first password was made by the program. Choose your own before anything else.</p>"
        if first
        else "<p>Changing it signs you out everywhere, programs too.</p>"
    )
    current = (
        ""
        if first
        else (
            '<label>Current password<input name="current" type="password" autocomplete="current-password" '
            "required></label>"
        )
    )
    away = (
        '<form method="post" action="/logout"><button class="quiet">Sign out</button></form>'
        if first
        else '<p class="away"><a href="/account">Back to your account</a></p>'
    )
    rules = 'type="password" autocomplete="new-password" required minlength="12" maxlength="128"'
    return f"""<h2>Choose a password</h2>{why}{said(text)}<form method="post" action="/password">{current}
<label>New password <small>12 characters or more; four random words do well</small><input name="new" {rules}></label>
<label>The same again<input name="repeat" {rules}></label><button>Change password</button></form>{away}"""
