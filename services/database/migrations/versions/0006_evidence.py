"""What opinions rest on, word for word, and how strategies have done."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import Name, Utc, Words

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evidence",
        sa.Column("sha256", sa.String(), primary_key=True),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("template", Name(), nullable=False),
        sa.Column("model", Name(), nullable=False),
        sa.Column("prompt", Words(), nullable=False),
        sa.Column("answer", Words(), nullable=False),
        sa.Column("news", Words(), nullable=False),
        sa.Column("withheld", Words(), nullable=False),
    )
    op.create_index("ix_evidence_at", "evidence", ["at"])
    op.add_column("strategy_performance", sa.Column("judged", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("strategy_performance", sa.Column("correct", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("strategy_performance", sa.Column("calibration", Words(), nullable=False, server_default="{}"))


def downgrade() -> None:
    for column in ("calibration", "correct", "judged"):
        op.drop_column("strategy_performance", column)
    op.drop_index("ix_evidence_at", "evidence")
    op.drop_table("evidence")
