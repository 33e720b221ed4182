-- As before, without looking each locked relation up in the catalog's tables:
-- a name with search_path '' has its schema. After every migration this was
-- half of what tidegate added to it.
CREATE OR REPLACE FUNCTION tidegate.hands_off() RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_lock_status() l
        WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
            AND l.relation::pg_catalog.regclass::text LIKE 'tidegate.%') THEN
        RAISE EXCEPTION 'the migration touched schema tidegate'
            USING ERRCODE = 'TG001';
    END IF;
END $$;
