"""What the exchange answers instead of doing something: code, text and HTTP status, word for word as it says them."""

from typing import Any, ClassVar

UNKNOWN_ORDER = "Unknown order sent."
DUPLICATE = "Duplicate order sent."
INSUFFICIENT = "Account has insufficient balance for requested action."
WOULD_TRIGGER = "Order would trigger immediately."
WOULD_TAKE = "Order would immediately match and take."
CLOSED = "Market is closed."
ARCHIVED = "Order was canceled or expired with no executed qty over 90 days ago and has been archived."

# The text and the HTTP status that go with a code when a script names only the code.
USUAL: dict[int, tuple[int, str]] = {
    -1000: (500, "An unknown error occurred while processing the request."),
    -1001: (500, "Internal error; unable to process your request. Please try again."),
    -1003: (
        429,
        "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
    ),
    -1006: (
        500,
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
    -1007: (
        504,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    ),
    -1008: (503, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    -1013: (400, "Filter failure: LOT_SIZE"),
    -1015: (429, "Too many new orders; current limit is 100 orders per 10 SECOND."),
    -1016: (503, "This service is no longer available."),
    -1020: (400, "This operation is not supported."),
    -1021: (400, "Timestamp for this request is outside of the recvWindow."),
    -1022: (400, "Signature for this request is not valid."),
    -1121: (400, "Invalid symbol."),
    -1125: (400, "This listenKey does not exist."),
    -2010: (400, INSUFFICIENT),
    -2011: (400, UNKNOWN_ORDER),
    -2013: (400, "Order does not exist."),
    -2014: (401, "API-key format invalid."),
    -2015: (401, "Invalid API-key, IP, or permissions for action."),
    -2026: (400, ARCHIVED),
}


class Refused(Exception):
    """An error answer of the exchange."""

    def __init__(
        self, code: int, msg: str = "", *, status: int = 0, data: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        usual_status, usual_msg = USUAL.get(code, (400, ""))
        self.code, self.msg = code, msg or usual_msg
        self.status, self.data, self.headers = status or usual_status, data, headers or {}
        super().__init__(f"{self.status} {self.code} {self.msg}")

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"code": self.code, "msg": self.msg}
        if self.data is not None:
            body["data"] = self.data
        return body


def filter_failure(name: str) -> Refused:
    return Refused(-1013, f"Filter failure: {name}")


def missing(name: str) -> Refused:
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> Refused:
    return Refused(-1106, f"Parameter '{name}' sent when not required.")


class Gateway(Exception):
    """The page of a machine in front of the exchange, which knows nothing of codes."""

    TITLES: ClassVar[dict[int, str]] = {
        403: "403 Forbidden",
        404: "404 Not Found",
        410: "410 Gone",
        502: "502 Bad Gateway",
        503: "503 Service Temporarily Unavailable",
        504: "504 Gateway Time-out",
    }

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status

    def page(self) -> str:
        title = self.TITLES.get(self.status, str(self.status))
        head = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        return head + "<hr><center>openresty</center>\r\n</body>\r\n</html>\r\n"
