-- migrate:up
-- Finds calls by the words of their transcripts, newest first. A function of the tables' owner, because row-level
-- security, to which the programs are bound, lets no index answer @@: that operator is not leakproof, so that it is only
-- applied to rows that passed the policy. The function has the policy's rule itself: a workspace sees its own calls, the
-- platform all. wanted, and each filter: null for any. most: rows.
--
-- In two steps, because the planner cannot tell how rare a word is that its statistics do not list, and reads the whole
-- index by time for one that does not occur (2.7 s at 600,000 calls). Common words are found among the 8,000 newest calls;
-- what is missing is then looked up in the index by words. The statements are put together of constants only; what callers
-- of the function give are parameters.
SET LOCAL lock_timeout = '5s';

CREATE FUNCTION search_calls(
    query text, wanted uuid, agent uuid, call_status text, call_direction text, caller text, carrier_id text,
    since timestamptz, until timestamptz, cursor_at timestamptz, cursor_id uuid, is_backwards boolean, most integer
) RETURNS TABLE (call_id uuid, created_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    window_rows CONSTANT integer := 8000;
    found_rows integer;
    edge record;
    -- $1 words, $2 workspace, $3 since, $4 until, $5 and $6 cursor, $7 agent, $8 status, $9 direction, $10 caller,
    -- $11 carrier's id, $12 rows, $13 and $14 the window's edge
    beyond text := CASE WHEN is_backwards THEN '>' ELSE '<' END;
    sorted text := CASE WHEN is_backwards THEN ' ORDER BY created_at, call_id' ELSE ' ORDER BY created_at DESC, call_id DESC' END;
    place text := 'true'
        || CASE WHEN wanted IS NOT NULL THEN ' AND s.workspace_id = $2' ELSE '' END
        || CASE WHEN since IS NOT NULL THEN ' AND s.created_at >= $3' ELSE '' END
        || CASE WHEN until IS NOT NULL THEN ' AND s.created_at < $4' ELSE '' END
        || CASE WHEN cursor_id IS NOT NULL THEN ' AND (s.created_at, s.call_id) ' || beyond || ' ($5, $6)' ELSE '' END;
    matches text := ' AND s.words @@ $1' || CASE
        WHEN num_nonnulls(agent, call_status, call_direction, caller, carrier_id) = 0 THEN ''
        ELSE ' AND EXISTS (SELECT FROM calls c WHERE c.id = s.call_id'
            || CASE WHEN agent IS NOT NULL THEN ' AND c.agent_id = $7' ELSE '' END
            || CASE WHEN call_status IS NOT NULL THEN ' AND c.status = $8' ELSE '' END
            || CASE WHEN call_direction IS NOT NULL THEN ' AND c.direction = $9' ELSE '' END
            || CASE WHEN caller IS NOT NULL THEN ' AND c.caller_number = $10' ELSE '' END
            || CASE WHEN carrier_id IS NOT NULL THEN ' AND c.carrier_call_id = $11' ELSE '' END || ')' END;
    words_wanted tsquery := websearch_to_tsquery('simple', query);
BEGIN
    IF current_scope() IS DISTINCT FROM 'platform' AND coalesce(wanted <> current_workspace(), true) THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT s.call_id, s.created_at FROM (SELECT s.* FROM call_search s WHERE ' || place || sorted
        || ' LIMIT ' || window_rows || ') s WHERE true' || matches || sorted || ' LIMIT $12'
        USING words_wanted, wanted, since, until, cursor_at, cursor_id, agent, call_status, call_direction, caller,
              carrier_id, most;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows >= most THEN
        RETURN;
    END IF;
    EXECUTE 'SELECT s.created_at, s.call_id FROM call_search s WHERE ' || place || sorted
        || ' OFFSET ' || (window_rows - 1) || ' LIMIT 1'
        INTO edge USING words_wanted, wanted, since, until, cursor_at, cursor_id;
    IF edge.call_id IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'WITH found AS MATERIALIZED (SELECT s.call_id, s.created_at FROM call_search s WHERE ' || place
        || ' AND (s.created_at, s.call_id) ' || beyond || ' ($13, $14)' || matches
        || ') SELECT call_id, created_at FROM found' || sorted || ' LIMIT $12'
        USING words_wanted, wanted, since, until, cursor_at, cursor_id, agent, call_status, call_direction, caller,
              carrier_id, most - found_rows, edge.created_at, edge.call_id;
END
$$;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP FUNCTION search_calls(
    text, uuid, uuid, text, text, text, text, timestamptz, timestamptz, timestamptz, uuid, boolean, integer
);
