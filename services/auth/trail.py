"""Lines of the audit trail, written beside the loop. Must never hold a password, code, session id or token."""

from app.seam import Tasks
from services.auth.model import Record


class Trail:
    def __init__(self, record: Record, tasks: Tasks) -> None:
        self._record, self._tasks = record, tasks

    async def told(
        self, actor: str, action: str, address: str, result: str, detail: str = "", target: str = ""
    ) -> None:
        await self._tasks.in_thread(lambda: self.write(actor, action, address, result, detail, target))

    def write(self, actor: str, action: str, address: str, result: str, detail: str = "", target: str = "") -> None:
        """Blocking."""
        self._record(actor=actor[:64], action=action, target=target[:64], detail=detail, address=address, result=result)
