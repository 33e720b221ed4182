/* x */ -- tidegate: phase=aftr
--tidegate:
-- tidegate: lock_timeout=0 lock_timeout=1
SELECT 1; -- tidegate: phase=after
