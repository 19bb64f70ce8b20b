"""Equity thinned out says how many minutes a row stands for; old journal rows are packed."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import Utc

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("equity", sa.Column("minutes", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "journal_packs",
        sa.Column("ledger", sa.String(), primary_key=True),
        sa.Column("first_seq", BIG, primary_key=True),
        sa.Column("last_seq", BIG, nullable=False),
        sa.Column("first_at", Utc(), nullable=False),
        sa.Column("last_at", Utc(), nullable=False),
        sa.Column("last_hash", sa.String(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("journal_packs")
    op.drop_column("equity", "minutes")
