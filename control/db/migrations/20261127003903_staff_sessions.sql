-- migrate:up
-- Sessions of the staff are seen, begun and ended in platform scope only: else SQL text that somebody smuggled into a
-- tenant's request would sign itself in as a super_admin, by a row here and a refresh token of its own.
SET LOCAL lock_timeout = '5s';
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON sessions USING (admin_id IS NULL OR (SELECT current_scope() = 'platform'));
-- A function of the owner's, because a session and its first token are written by one statement, which sees neither.
CREATE FUNCTION is_staff_session(session uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN EXISTS (SELECT FROM sessions s WHERE s.id = session AND s.admin_id IS NOT NULL);
ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON refresh_tokens
    USING ((SELECT current_scope() = 'platform') OR NOT is_staff_session(session_id));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP POLICY platform ON refresh_tokens;
ALTER TABLE refresh_tokens DISABLE ROW LEVEL SECURITY;
DROP FUNCTION is_staff_session;
DROP POLICY platform ON sessions;
ALTER TABLE sessions DISABLE ROW LEVEL SECURITY;
