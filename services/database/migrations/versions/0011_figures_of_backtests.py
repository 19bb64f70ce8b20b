"""What lists show of a backtest stands in a column of its own, so that no page reads whole results."""

import json

import sqlalchemy as sa
from alembic import op

from app.backtest_figures import figures_of

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BACKTESTS = sa.table("backtests", *(sa.column(name, sa.String()) for name in ("id", "result", "figures")))


def upgrade() -> None:
    op.add_column("backtests", sa.Column("figures", sa.Text(), nullable=False, server_default="{}"))
    books = op.get_bind()
    for (id,) in books.execute(sa.select(BACKTESTS.c.id)).all():  # one at a time: a result may have megabytes
        row = BACKTESTS.c.id == id
        result = json.loads(books.execute(sa.select(BACKTESTS.c.result).where(row)).scalar_one() or "{}")
        books.execute(sa.update(BACKTESTS).where(row).values(figures=json.dumps(figures_of(result))))


def downgrade() -> None:
    op.drop_column("backtests", "figures")
