"""What a PostgreSQL server is asked, and which metrics its columns are.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html
"""

from __future__ import annotations

from typing import Final

from nowline.collect.metrics import Metric
from nowline.model.series import MetricType

_CUMULATIVE = MetricType.CUMULATIVE

STATES: Final = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
)
CONNECTIONS = Metric("postgres.connections", "count", "Connections of clients, by state")
CONNECTIONS_PERCENT = Metric(
    "postgres.connections_percent", "percent", "Connections of clients of those that there may be"
)
CACHE_HIT = Metric(
    "postgres.cache_hit_percent", "percent", "Blocks found in memory since the round before"
)
SIZE = Metric("postgres.size_bytes", "bytes", "Size of a database on disk")
STATEMENT_MEAN = Metric(
    "postgres.statement.mean_ms", "ms", "Time that a call of a query took since the round before"
)

CONNECTIONS_SQL: Final = """
SELECT coalesce(state, 'unknown') AS state, count(*) AS count
FROM pg_stat_activity
-- What kind of backend it is, is hidden from roles that may not see more of it.
WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL)
GROUP BY 1
"""

SERVER: Final = {
    "max_connections": Metric("postgres.max_connections", "count", "Connections that there may be"),
    "locks_waiting": Metric("postgres.locks_waiting", "count", "Locks that somebody waits for"),
    "longest_ms": Metric(
        "postgres.longest_transaction_ms", "ms", "Age of the oldest transaction of a client"
    ),
    "replay_lag_ms": Metric(
        "postgres.replication.delay_ms", "ms", "How old is what this replica replayed last"
    ),
    "uptime_s": Metric("postgres.uptime_seconds", "seconds", "Time since the server began"),
}
SERVER_SQL: Final = """
SELECT
    current_setting('max_connections')::int AS max_connections,
    (SELECT count(*) FROM pg_locks WHERE NOT granted) AS locks_waiting,
    (
        SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) * 1000
        FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    ) AS longest_ms,
    CASE
        WHEN NOT pg_is_in_recovery() THEN NULL
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000
    END AS replay_lag_ms,
    extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) AS uptime_s
"""


def _of_database(name: str, text: str, unit: str = "count") -> Metric:
    return Metric(f"postgres.{name}", unit, text, _CUMULATIVE)


DATABASE: Final = {
    "xact_commit": _of_database("commits", "Transactions committed"),
    "xact_rollback": _of_database("rollbacks", "Transactions rolled back"),
    "blks_hit": _of_database("blocks_hit", "Blocks found in memory"),
    "blks_read": _of_database("blocks_read", "Blocks read from disk or the system's cache"),
    "tup_returned": _of_database("rows_returned", "Rows scanned"),
    "tup_fetched": _of_database("rows_fetched", "Rows fetched by queries"),
    "tup_inserted": _of_database("rows_inserted", "Rows inserted"),
    "tup_updated": _of_database("rows_updated", "Rows updated"),
    "tup_deleted": _of_database("rows_deleted", "Rows deleted"),
    "conflicts": _of_database("conflicts", "Queries cancelled by recovery"),
    "deadlocks": _of_database("deadlocks", "Deadlocks"),
    "temp_files": _of_database("temp_files", "Temporary files written by queries"),
    "temp_bytes": _of_database("temp_bytes", "Written to temporary files", "bytes"),
    "active_time": _of_database("active_ms", "Time spent executing statements", "ms"),
}
DATABASES_SQL: Final = """
SELECT d.datname AS database, s.*
FROM pg_stat_database AS s JOIN pg_database AS d ON d.oid = s.datid
WHERE NOT d.datistemplate
"""

SIZES_SQL: Final = """
SELECT datname AS database, pg_database_size(oid) AS bytes FROM pg_database
WHERE NOT datistemplate AND has_database_privilege(oid, 'CONNECT')
"""

REPLICA: Final = {
    "lag_bytes": Metric("postgres.replica.lag_bytes", "bytes", "Not yet replayed by a replica"),
    "lag_ms": Metric("postgres.replica.lag_ms", "ms", "How far a replica is behind"),
}
REPLICAS_SQL: Final = """
SELECT
    concat_ws(' ', nullif(application_name, ''), client_addr) AS replica,
    pg_wal_lsn_diff(
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
        replay_lsn
    ) AS lag_bytes,
    -- NULL once all is replayed and nothing happens.
    coalesce(extract(epoch FROM replay_lag), 0) * 1000 AS lag_ms
FROM pg_stat_replication WHERE state = 'streaming'
"""

STATEMENT: Final = {
    "calls": Metric("postgres.statement.calls", "count", "Calls of a query", _CUMULATIVE),
    "time_ms": Metric(
        "postgres.statement.time_ms", "ms", "Time spent executing a query", _CUMULATIVE
    ),
    "rows": Metric(
        "postgres.statement.rows", "count", "Rows that a query returned or changed", _CUMULATIVE
    ),
}
# Up to version 1.7, of PostgreSQL 12, its columns had other names.
STATEMENTS_VIEW_SQL: Final = """
SELECT format('%I.pg_stat_statements', n.nspname)
FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
    AND string_to_array(e.extversion, '.')::int[] >= ARRAY[1, 8]
"""
STATEMENTS_SQL: Final = """
SELECT s.queryid, d.datname AS database, left(min(s.query), 2000) AS query,
    sum(s.calls)::bigint AS calls, sum(s.total_exec_time) AS time_ms, sum(s.rows)::bigint AS rows
FROM {view} AS s JOIN pg_database AS d ON d.oid = s.dbid
WHERE s.queryid IS NOT NULL
GROUP BY 1, 2 ORDER BY 5 DESC LIMIT $1
"""
