-- How far backfills are: one row for each migration whose up, or down, runs in
-- batches. It stays when the up is done, since the down needs it. Without a
-- row in tidegate.migration it is under way, or stopped.
CREATE TABLE tidegate.backfill (
    name text PRIMARY KEY,
    -- what the row in tidegate.migration will say: a way back needs no commit
    number bigint NOT NULL,
    checksum text NOT NULL,
    phase text NOT NULL CHECK (phase IN ('before', 'after')),
    release text NOT NULL,
    run text NOT NULL,
    up text NOT NULL,
    down text,
    compatible text,
    forward_only text,
    undoing boolean NOT NULL DEFAULT false,
    -- the column that batches are ranges of, "public.orders.id"
    over_key text NOT NULL,
    -- the checkpoint: keys up to this one are done; NULL: none is
    last text,
    -- where the up ends: the highest key when it began; NULL: no row
    until text,
    estimated bigint NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    size bigint NOT NULL,
    began timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

-- Before the first batch of a way. From here on a migration that is undone is
-- no longer applied whole. _number NULL: as it is.
CREATE FUNCTION tidegate.begin_backfill(_ledger text, _epoch bigint, _run text,
    _name text, _number bigint, _checksum text, _phase text, _release text,
    _up text, _down text, _compatible text, _forward_only text,
    _undoing boolean, _over_key text, _last text, _until text,
    _rows bigint, _estimated bigint, _size bigint)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    INSERT INTO tidegate.backfill AS b (name, number, checksum, phase, release,
        run, up, down, compatible, forward_only, undoing, over_key, last,
        until, rows, estimated, size)
    VALUES (_name,
        coalesce(_number,
            (SELECT number FROM tidegate.migration WHERE name = _name),
            (SELECT number FROM tidegate.backfill WHERE name = _name)),
        _checksum, _phase, _release, _run, _up, _down, _compatible,
        _forward_only, _undoing, _over_key, _last, _until, _rows, _estimated,
        _size)
    ON CONFLICT (name) DO UPDATE
    SET run = _run, release = _release, undoing = _undoing,
        over_key = _over_key, last = _last, until = _until, rows = _rows,
        estimated = _estimated;
    IF _undoing THEN
        DELETE FROM tidegate.migration WHERE name = _name;
    END IF;
END $$;

-- The last statement of a batch, in its transaction.
CREATE FUNCTION tidegate.checkpoint(_ledger text, _epoch bigint, _run text,
    _name text, _last text, _rows bigint, _changed bigint, _size bigint)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.hands_off();
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    UPDATE tidegate.backfill
    SET last = _last, rows = GREATEST(0, rows + _rows),
        changed = changed + _changed, batches = batches + 1, size = _size,
        run = _run, at = pg_catalog.clock_timestamp()
    WHERE name = _name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the backfill % is not under way', _name
            USING ERRCODE = 'TG002';
    END IF;
END $$;

-- Nothing of it is there.
CREATE FUNCTION tidegate.abandon_backfill(_ledger text, _epoch bigint,
    _run text, _name text)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    DELETE FROM tidegate.backfill
    WHERE name = _name AND last IS NULL AND NOT undoing;
END $$;

-- As before, and a backfill has taken its time since it began.
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
END $$;

-- As before, and its checkpoint goes.
CREATE OR REPLACE FUNCTION tidegate.forget(_ledger text, _epoch bigint,
    _run text, _name text)
RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM tidegate.hands_off();
    PERFORM tidegate.pass_fence(_ledger, _epoch, _run);
    DELETE FROM tidegate.migration WHERE name = _name;
    DELETE FROM tidegate.journal WHERE name = _name AND down;
    DELETE FROM tidegate.backfill WHERE name = _name;
END $$;
