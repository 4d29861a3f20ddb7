"""Tables of what the docks' logs say, and of what was pulled and counted.

The index is made from the mirrored logs; nothing in it is evidence.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from central.database.tables import METADATA

# What was read of each mirrored log, and when the centre heard of it (by its own clock).
FLEET: Final = Table(
    "fleet",
    METADATA,
    Column("origin", String, primary_key=True),
    # The next entry to be read: it is changed together with what was read, or not at all.
    Column("entries", BigInteger, nullable=False),
    # central/fleet/reading.py, Said, as JSON.
    Column("said", Text, nullable=False),
    Column("heard_ms", BigInteger, nullable=True),
    Column("witnessed", BigInteger, nullable=True),
    Column("witnessed_ms", BigInteger, nullable=True),
)

# Dockings that ended, by the entry that closed them.
DOCKINGS: Final = Table(
    "dockings",
    METADATA,
    Column("origin", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("docking", BigInteger, nullable=False),
    Column("opened_ms", BigInteger, nullable=True),
    Column("closed_ms", BigInteger, nullable=False),
    Column("result", String, nullable=False),
    Column("clips", BigInteger, nullable=False),
    Column("findings", BigInteger, nullable=False),
    Column("unread", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
)

# How pulling goes, for docks with an address.
PULLS: Final = Table(
    "pulls",
    METADATA,
    Column("origin", String, primary_key=True),
    # The closing entry of the last manifest that was fetched.
    Column("manifests", BigInteger, nullable=False),
    Column("good_ms", BigInteger, nullable=True),
    # Since when it fails; null: the last round was good.
    Column("failing_ms", BigInteger, nullable=True),
    Column("problem", String, nullable=False),
    Column("detail", String, nullable=False),
)

# Manifests that were fetched and checked; their bytes lie in the state directory.
MANIFESTS: Final = Table(
    "manifests",
    METADATA,
    Column("origin", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("docking", BigInteger, nullable=False),
    Column("sha256", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    # What its judge said: empty if it holds, else the code of the first problem.
    Column("problem", String, nullable=False),
    Column("fetched_ms", BigInteger, nullable=False),
)

# What was found when a store, or a copy of one, was held against its log.
INVENTORIES: Final = Table(
    "inventories",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("origin", String, nullable=False),
    Column("taken_ms", BigInteger, nullable=False),
    # store: the dock's own word; replica: what lies in a directory.
    Column("source", String, nullable=False),
    Column("holds", Boolean, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("report", Text, nullable=False),
    Index("inventories_of", "origin", "taken_ms"),
)
