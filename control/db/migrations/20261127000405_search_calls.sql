-- migrate:up
-- Finds calls by the words of their transcripts, newest first. A function of the tables' owner, because row-level
-- security, to which the programs are bound, lets no index answer @@: that operator is not leakproof, so that it is only
-- applied to rows that passed the policy. The function has the policy's rule itself: a workspace sees its own calls, the
-- platform all. wanted, and each filter: null for any. most: rows. Planned anew for each query, because the best plan
-- depends on how common the words are.
SET LOCAL lock_timeout = '5s';

CREATE FUNCTION search_calls(
    query text, wanted uuid, agent uuid, call_status text, call_direction text, caller text, carrier_id text,
    since timestamptz, until timestamptz, cursor_at timestamptz, cursor_id uuid, is_backwards boolean, most integer
) RETURNS TABLE (call_id uuid, created_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    words_wanted tsquery := websearch_to_tsquery('simple', query);
    is_filtered boolean := num_nonnulls(agent, call_status, call_direction, caller, carrier_id) > 0;
BEGIN
    IF current_scope() IS DISTINCT FROM 'platform' AND coalesce(wanted <> current_workspace(), true) THEN
        RETURN;
    END IF;
    IF is_backwards THEN
        RETURN QUERY
        SELECT s.call_id, s.created_at FROM call_search s
        WHERE s.words @@ words_wanted AND (wanted IS NULL OR s.workspace_id = wanted)
          AND (since IS NULL OR s.created_at >= since) AND (until IS NULL OR s.created_at < until)
          AND (cursor_id IS NULL OR (s.created_at, s.call_id) > (cursor_at, cursor_id))
          AND (NOT is_filtered OR EXISTS (
              SELECT FROM calls c WHERE c.id = s.call_id
                AND (agent IS NULL OR c.agent_id = agent) AND (call_status IS NULL OR c.status = call_status)
                AND (call_direction IS NULL OR c.direction = call_direction)
                AND (caller IS NULL OR c.caller_number = caller)
                AND (carrier_id IS NULL OR c.carrier_call_id = carrier_id)))
        ORDER BY s.created_at, s.call_id LIMIT most;
    ELSE
        RETURN QUERY
        SELECT s.call_id, s.created_at FROM call_search s
        WHERE s.words @@ words_wanted AND (wanted IS NULL OR s.workspace_id = wanted)
          AND (since IS NULL OR s.created_at >= since) AND (until IS NULL OR s.created_at < until)
          AND (cursor_id IS NULL OR (s.created_at, s.call_id) < (cursor_at, cursor_id))
          AND (NOT is_filtered OR EXISTS (
              SELECT FROM calls c WHERE c.id = s.call_id
                AND (agent IS NULL OR c.agent_id = agent) AND (call_status IS NULL OR c.status = call_status)
                AND (call_direction IS NULL OR c.direction = call_direction)
                AND (caller IS NULL OR c.caller_number = caller)
                AND (carrier_id IS NULL OR c.carrier_call_id = carrier_id)))
        ORDER BY s.created_at DESC, s.call_id DESC LIMIT most;
    END IF;
END
$$;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP FUNCTION search_calls(text, uuid, uuid, text, text, text, text, timestamptz, timestamptz, timestamptz, uuid, boolean, integer);
