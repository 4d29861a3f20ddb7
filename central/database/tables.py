"""The centre's tables. A change of them is a new VERSION, never an edit of what one means.

docs/adr/0016-central-database.md says why they are as they are. Times are milliseconds since
1970, UTC, but for those of cosignatures, which C2SP counts in seconds.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

VERSION: Final = 1

METADATA: Final = MetaData()

META: Final = Table(
    "meta",
    METADATA,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

DOCKS: Final = Table(
    "docks",
    METADATA,
    Column("origin", String, primary_key=True),
    # SHA-256 of the origin: the dock's name in every path that is served.
    Column("hash", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("url", String, nullable=False),
    Column("enrolled_ms", BigInteger, nullable=False),
)

DOCK_KEYS: Final = Table(
    "dock_keys",
    METADATA,
    Column("origin", String, ForeignKey("docks.origin", ondelete="CASCADE"), primary_key=True),
    Column("vkey", String, primary_key=True),
    # operator, first-use, or succession: who vouched for it.
    Column("by", String, nullable=False),
    Column("added_ms", BigInteger, nullable=False),
    # Once retired it verifies nothing new, and its name stays taken.
    Column("retired_ms", BigInteger, nullable=True),
)

COSIGNERS: Final = Table(
    "cosigners",
    METADATA,
    Column("role", String, primary_key=True),
    # The random id that was made with the key: it ties this row to that key file.
    Column("generation", String, primary_key=True),
    # How often the key has signed; the mark beside the key is never ahead of it.
    Column("signed", BigInteger, nullable=False),
)

# What was cosigned last, per role and dock; and as the role "pending" the newest head whose
# entries the mirror takes. `note` is the checkpoint, the log's verified lines, and ours.
HEADS: Final = Table(
    "heads",
    METADATA,
    Column("role", String, primary_key=True),
    Column("origin", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("time_s", BigInteger, nullable=False),
)

# The last several pending heads: entries may be sent up to any of them.
PENDING: Final = Table(
    "pending",
    METADATA,
    Column("origin", String, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
)

MIRRORS: Final = Table(
    "mirrors",
    METADATA,
    Column("origin", String, primary_key=True),
    # Every entry before this one is durable in the mirror's files.
    Column("next_entry", BigInteger, nullable=False),
)

# The entries of mirrored logs that change keys, verbatim: with them a later one is judged.
KEY_ENTRIES: Final = Table(
    "key_entries",
    METADATA,
    Column("origin", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
)

FORKS: Final = Table(
    "forks",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("origin", String, nullable=False),
    # central/cosigning/judging.py, Suspect, says what each means.
    Column("kind", String, nullable=False),
    Column("role", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("theirs", LargeBinary, nullable=False),
    Column("ours", LargeBinary, nullable=False),
    # The hashes that were sent as a proof, 32 bytes each.
    Column("proof", LargeBinary, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("by", String, nullable=False),
    # When the same head was proved after all; null: it stands.
    Column("explained_ms", BigInteger, nullable=True),
    Index("forks_of", "origin", "size"),
)
