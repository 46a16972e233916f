-- migrate:up
-- A month's partition got the default privileges, so that only row-level security and the trigger kept the programs from
-- changing rows of the ledger by a partition's name. They have no right to now; what they do goes by the parent's name.
SET LOCAL lock_timeout = '5s';

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

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid::regclass FROM pg_inherits
        WHERE inhparent IN ('call_events'::regclass, 'usage_records'::regclass)
          AND inhrelid NOT IN ('call_events_default'::regclass, 'usage_records_default'::regclass)
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM vocalized_app', partition);
    END LOOP;
END
$$;

-- migrate:down
SET LOCAL lock_timeout = '5s';

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
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid::regclass FROM pg_inherits
        WHERE inhparent IN ('call_events'::regclass, 'usage_records'::regclass)
          AND inhrelid NOT IN ('call_events_default'::regclass, 'usage_records_default'::regclass)
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO vocalized_app', partition);
    END LOOP;
END
$$;
