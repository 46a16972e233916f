-- migrate:up
-- Months of events that hold no row any more are dropped; a month whose partition cannot be made no longer keeps the others
-- from theirs; and the worker can tell how far ahead partitions exist.
SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION ensure_partitions(months_ahead integer DEFAULT 2) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    partition text;
    month date;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
    FOREACH parent IN ARRAY ARRAY['call_events', 'usage_records'] LOOP
        FOR ahead IN 0..months_ahead LOOP
            month := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
            partition := parent || to_char(month, '_YYYY_MM');
            CONTINUE WHEN to_regclass(format('%I', partition)) IS NOT NULL;
            BEGIN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    partition, parent, month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            EXCEPTION WHEN check_violation THEN
                -- The default partition has rows of this month. The other months and tables still get theirs;
                -- partition_states() shows what is missing.
                RAISE WARNING 'partition % cannot be made: the default partition has rows of its month', partition;
                CONTINUE;
            END;
            -- The parent's policies do not hold for a partition that is asked by its own name: nobody may.
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
            EXECUTE format('REVOKE ALL ON %I FROM vocalized_app', partition);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- Drops the partitions of events whose month ended before the given date and of which retention left no row. A partition
-- in use is left for the next run: while a DROP waits for its lock, all other statements on the table wait behind it. The
-- ledger is not here, because its rows are never deleted. Returns how many were dropped.
CREATE FUNCTION drop_empty_partitions(ended_before date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    partition regclass;
    is_filled boolean;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
    FOR partition IN
        SELECT i.inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'call_events'::regclass AND c.relname ~ '^call_events_\d{4}_\d{2}$'
          AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= ended_before
        ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', partition) INTO is_filled;
        CONTINUE WHEN is_filled;
        BEGIN
            -- The parent first, as every statement on it does; ONLY, so that no other partition is locked.
            LOCK TABLE ONLY call_events IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', partition);
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', partition) INTO is_filled;
            CONTINUE WHEN is_filled;
            EXECUTE format('DROP TABLE %s', partition);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            EXIT;
        END;
    END LOOP;
    RETURN dropped;
END
$$;

-- Of each partitioned table: the first month (UTC) from now on without a partition, and the number of rows in the default
-- partition, of which at most 1,000 are counted.
CREATE FUNCTION partition_states() RETURNS TABLE (name text, made_until timestamptz, default_rows bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    FOREACH name IN ARRAY ARRAY['call_events', 'usage_records'] LOOP
        made_until := date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
        WHILE to_regclass(format('%I', name || to_char(made_until AT TIME ZONE 'UTC', '_YYYY_MM'))) IS NOT NULL LOOP
            made_until := (made_until AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
        END LOOP;
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT 1000) AS found', name || '_default') INTO default_rows;
        RETURN NEXT;
    END LOOP;
END
$$;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP FUNCTION drop_empty_partitions, partition_states;

CREATE OR REPLACE FUNCTION ensure_partitions(months_ahead integer DEFAULT 2) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    month date;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
    FOREACH parent IN ARRAY ARRAY['call_events', 'usage_records'] LOOP
        FOR ahead IN 0..months_ahead LOOP
            month := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
            IF to_regclass(format('%I', parent || to_char(month, '_YYYY_MM'))) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    parent || to_char(month, '_YYYY_MM'), parent,
                    month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
                -- The parent's policies do not hold for a partition that is asked by its own name: nobody may.
                EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', parent || to_char(month, '_YYYY_MM'));
                EXECUTE format('REVOKE ALL ON %I FROM vocalized_app', parent || to_char(month, '_YYYY_MM'));
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
