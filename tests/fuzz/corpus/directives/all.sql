-- tidegate: phase=after
-- tidegate: transaction=none lock_timeout=2s statement_timeout=10m
-- tidegate: compatible nobody reads it
-- tidegate: forward-only the data are gone
SELECT 1;
