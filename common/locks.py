"""Advisory locks of PostgreSQL are two numbers: which kind, and the row. All kinds are named here, each once."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class LockClass(IntEnum):
    """The first number; the comment says what the second one is."""

    EVALUATION = 7_301  # space
    PROFILES = 7_302  # space
    EMISSION = 71_001  # connection: whoever emits calls of it holds this one
    DELIVERY_RUN = 71_002  # slot
    INGEST_RUN = 71_003  # slot
    JOURNEYS_DUE = 71_004  # space
    TOKEN_REFRESH = 71_005  # destination
    LIST_RUN = 71_006  # connection
    LIST_TASK = 71_007  # slot
    ENGAGE_SOURCES = 71_008  # space
    SQL_RUNS = 71_009  # 0: whoever takes a run of a SQL trait
    PREDICTION_RUNS = 71_010  # 0: whoever takes a run of a prediction
    WAREHOUSE_OUTPUT = 71_011  # output: whoever writes or deletes its rows in the warehouse
