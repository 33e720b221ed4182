-- Of a migration that runs statement by statement: what its row in
-- tidegate.migration will say, from its first statement to its last, so that
-- one which stopped in between can be undone without its commit. Where
-- tidegate.journal has nothing of it, a row here means nothing.
CREATE TABLE tidegate.alone (
    name text PRIMARY KEY,
    number bigint NOT NULL,
    checksum text NOT NULL,
    phase text NOT NULL CHECK (phase IN ('before', 'after')),
    release text NOT NULL,
    run text NOT NULL,
    up text NOT NULL,
    down text,
    compatible text,
    forward_only text,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

-- Before the first statement that a run runs of it.
CREATE FUNCTION tidegate.begin_alone(_ledger text, _epoch bigint, _run text,
    _name text, _number bigint, _checksum text, _phase text, _release text,
    _up text, _down text, _compatible text, _forward_only text)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    DELETE FROM tidegate.alone WHERE name = _name;
    INSERT INTO tidegate.alone (name, number, checksum, phase, release, run,
        up, down, compatible, forward_only)
    VALUES (_name, _number, _checksum, _phase, _release, _run, _up, _down,
        _compatible, _forward_only);
END $$;

-- As before, and what was kept of it goes.
CREATE OR REPLACE FUNCTION tidegate.record(_ledger text, _epoch bigint,
    _run text, _name text, _number bigint, _checksum text, _phase text,
    _release text, _up text, _down text, _compatible text, _forward_only text)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.hands_off();
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    INSERT INTO tidegate.migration (name, number, checksum, phase, release,
        run, up, down, compatible, forward_only, ms)
    VALUES (_name, _number, _checksum, _phase, _release, _run, _up, _down,
        _compatible, _forward_only, 1000 * pg_catalog.date_part('epoch',
            pg_catalog.clock_timestamp() - coalesce(
                (SELECT pg_catalog.min(begun_at) FROM tidegate.journal
                 WHERE name = _name AND NOT down),
                (SELECT began FROM tidegate.backfill WHERE name = _name),
                pg_catalog.transaction_timestamp())));
    DELETE FROM tidegate.journal WHERE name = _name AND NOT down;
    DELETE FROM tidegate.alone WHERE name = _name;
END $$;

-- As before; and of one that stopped half way, both journals end.
CREATE OR REPLACE FUNCTION tidegate.forget(_ledger text, _epoch bigint,
    _run text, _name text)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.hands_off();
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    DELETE FROM tidegate.migration WHERE name = _name;
    DELETE FROM tidegate.journal WHERE name = _name;
    DELETE FROM tidegate.alone WHERE name = _name;
    DELETE FROM tidegate.backfill WHERE name = _name;
END $$;

-- As before, and what was kept of it goes.
CREATE OR REPLACE FUNCTION tidegate.abandon(_ledger text, _epoch bigint,
    _run text, _name text, _down boolean)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    DELETE FROM tidegate.journal WHERE name = _name AND down = _down;
    IF NOT _down THEN
        DELETE FROM tidegate.alone WHERE name = _name;
    END IF;
END $$;
