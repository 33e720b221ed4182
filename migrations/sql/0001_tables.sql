-- What tidegate remembers of this database. Written by tidegate only; the
-- texts are kept so that a rollback needs no commit.
CREATE SCHEMA tidegate;

-- Versions of these tables themselves.
CREATE TABLE tidegate.version (
    number integer PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

-- The applied set: one row per migration, written in its own transaction.
CREATE TABLE tidegate.migration (
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
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ms bigint NOT NULL
);

-- Statements of migrations that cannot be one transaction, while such a
-- migration is begun and not ended: intent before, outcome after.
CREATE TABLE tidegate.journal (
    name text NOT NULL,
    down boolean NOT NULL,
    statement integer NOT NULL,
    statements integer NOT NULL,
    state text NOT NULL CHECK (state IN ('begun', 'done', 'failed')),
    run text NOT NULL,
    checksum text NOT NULL,
    backend_pid integer NOT NULL,
    backend_start timestamptz NOT NULL,
    -- invalid indexes that were there before: what else is invalid is ours
    invalid oid[] NOT NULL DEFAULT '{}',
    begun_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ended_at timestamptz,
    PRIMARY KEY (name, down, statement)
);

-- Which ledger may write here, and the newest epoch it has shown: an older
-- run that wakes up is refused.
CREATE TABLE tidegate.fence (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    ledger text NOT NULL,
    epoch bigint NOT NULL,
    run text NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

-- Refuses a run that is not the newest of this ledger (TG002); holds the row
-- until the end of the transaction, so that nobody can take over meanwhile.
CREATE FUNCTION tidegate.pass_fence(_ledger text, _epoch bigint, _run text)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE tidegate.fence SET run = _run, at = pg_catalog.clock_timestamp()
    WHERE ledger = _ledger AND epoch = _epoch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another run has taken over' USING ERRCODE = 'TG002';
    END IF;
END $$;

-- Raises the fence to this run: TG002 when a newer epoch has been here, TG003
-- when it is another ledger's.
CREATE FUNCTION tidegate.raise_fence(_ledger text, _epoch bigint, _run text)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    _old tidegate.fence;
BEGIN
    INSERT INTO tidegate.fence (ledger, epoch, run)
    VALUES (_ledger, _epoch, _run) ON CONFLICT DO NOTHING;
    SELECT * INTO _old FROM tidegate.fence FOR UPDATE;
    IF _old.ledger <> _ledger THEN
        RAISE EXCEPTION 'the database belongs to ledger %', _old.ledger
            USING ERRCODE = 'TG003';
    ELSIF _old.epoch > _epoch THEN
        RAISE EXCEPTION 'superseded by epoch %, run %', _old.epoch, _old.run
            USING ERRCODE = 'TG002';
    END IF;
    UPDATE tidegate.fence SET epoch = _epoch, run = _run,
        at = pg_catalog.clock_timestamp();
END $$;

-- A transaction that holds any lock on a table of this schema has touched it,
-- whatever its text looked like (TG001).
CREATE FUNCTION tidegate.hands_off() RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_locks l
        JOIN pg_catalog.pg_class c ON c.oid = l.relation
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE l.locktype = 'relation' AND l.pid = pg_catalog.pg_backend_pid()
            AND n.nspname = 'tidegate') THEN
        RAISE EXCEPTION 'the migration touched schema tidegate'
            USING ERRCODE = 'TG001';
    END IF;
END $$;

-- The last statement of an up: the applied row. Ends its journal.
CREATE FUNCTION tidegate.record(_ledger text, _epoch bigint, _run text,
    _name text, _number bigint, _checksum text, _phase text, _release text,
    _up text, _down text, _compatible text, _forward_only text)
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
                pg_catalog.transaction_timestamp())));
    DELETE FROM tidegate.journal WHERE name = _name AND NOT down;
END $$;

-- The last statement of a down.
CREATE FUNCTION tidegate.forget(_ledger text, _epoch bigint, _run text,
    _name text)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.hands_off();
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    DELETE FROM tidegate.migration WHERE name = _name;
    DELETE FROM tidegate.journal WHERE name = _name AND down;
END $$;

-- Before a statement that is journaled.
CREATE FUNCTION tidegate.intend(_ledger text, _epoch bigint, _run text,
    _name text, _down boolean, _statement integer, _statements integer,
    _checksum text, _backend_pid integer, _invalid oid[])
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    INSERT INTO tidegate.journal AS j (name, down, statement, statements,
        state, run, checksum, backend_pid, backend_start, invalid)
    SELECT _name, _down, _statement, _statements, 'begun', _run, _checksum,
        a.pid, a.backend_start, _invalid
    FROM pg_catalog.pg_stat_activity a WHERE a.pid = _backend_pid
    ON CONFLICT (name, down, statement) DO UPDATE
    SET state = 'begun', run = excluded.run, ended_at = NULL,
        backend_pid = excluded.backend_pid,
        backend_start = excluded.backend_start, invalid = excluded.invalid,
        begun_at = pg_catalog.clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'backend % is gone', _backend_pid;
    END IF;
END $$;

-- After it; a statement that can share a transaction shares this one's.
CREATE FUNCTION tidegate.finish(_ledger text, _epoch bigint, _run text,
    _name text, _down boolean, _statement integer, _state text)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.hands_off();
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    UPDATE tidegate.journal
    SET state = _state, ended_at = pg_catalog.clock_timestamp()
    WHERE name = _name AND down = _down AND statement = _statement;
END $$;

-- Nothing of it is there: the journal ends.
CREATE FUNCTION tidegate.abandon(_ledger text, _epoch bigint, _run text,
    _name text, _down boolean)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    DELETE FROM tidegate.journal WHERE name = _name AND down = _down;
END $$;

REVOKE ALL ON SCHEMA tidegate FROM PUBLIC;
