-- migrate:up
-- Accounts of customers and what signs them in are written in the scope of accounts or of the platform, or by the person
-- themselves: else SQL text that somebody smuggled into a tenant's request would sign itself in as a customer of another
-- workspace, by a password, a session, or a link of its own. Whoever needs no proof, as the worker and programs of the
-- version before, writes as before.
SET LOCAL lock_timeout = '5s';

CREATE FUNCTION is_accounts_scope() RETURNS boolean LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN needs_no_proof() OR (current_setting('vocalized.scope', true) IN ('accounts', 'platform') AND is_scope_sealed());

-- Addresses are changed by nobody. A new column that programs write needs its grant here.
REVOKE UPDATE ON users FROM vocalized_app;
GRANT UPDATE (name, password_hash, email_verified_at, is_active, last_login_at, updated_at, totp_secret, totp_enabled_at,
              totp_last_step) ON users TO vocalized_app;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY reads ON users FOR SELECT USING (true);
CREATE POLICY inserts ON users FOR INSERT WITH CHECK ((SELECT is_accounts_scope()));
CREATE POLICY updates ON users FOR UPDATE
    USING ((SELECT is_accounts_scope()) OR id = (SELECT current_person()));
CREATE POLICY deletes ON users FOR DELETE
    USING ((SELECT is_accounts_scope()) OR id = (SELECT current_person()));

DROP POLICY platform ON sessions;
CREATE POLICY person ON sessions USING (
    (SELECT current_scope() = 'platform')
    OR admin_id IS NULL AND ((SELECT is_accounts_scope()) OR user_id = (SELECT current_person())));

-- Functions of the owner's: the policy of sessions hides whose the others are.
CREATE FUNCTION is_own_session(session uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = public, pg_temp
    RETURN EXISTS (SELECT FROM sessions s WHERE s.id = session AND s.user_id = current_person());
DROP POLICY platform ON refresh_tokens;
CREATE POLICY person ON refresh_tokens USING (
    (SELECT current_scope() = 'platform')
    OR (SELECT is_accounts_scope()) AND NOT is_staff_session(session_id)
    OR is_own_session(session_id));

ALTER TABLE one_time_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY person ON one_time_tokens
    USING ((SELECT is_accounts_scope()) OR user_id = (SELECT current_person()));
ALTER TABLE user_recovery_codes ENABLE ROW LEVEL SECURITY;
CREATE POLICY person ON user_recovery_codes
    USING ((SELECT is_accounts_scope()) OR user_id = (SELECT current_person()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP POLICY person ON user_recovery_codes;
ALTER TABLE user_recovery_codes DISABLE ROW LEVEL SECURITY;
DROP POLICY person ON one_time_tokens;
ALTER TABLE one_time_tokens DISABLE ROW LEVEL SECURITY;
DROP POLICY person ON refresh_tokens;
CREATE POLICY platform ON refresh_tokens
    USING ((SELECT current_scope() = 'platform') OR NOT is_staff_session(session_id));
DROP FUNCTION is_own_session;
DROP POLICY person ON sessions;
CREATE POLICY platform ON sessions USING (admin_id IS NULL OR (SELECT current_scope() = 'platform'));
DROP POLICY deletes ON users;
DROP POLICY updates ON users;
DROP POLICY inserts ON users;
DROP POLICY reads ON users;
ALTER TABLE users DISABLE ROW LEVEL SECURITY;
DROP FUNCTION is_accounts_scope;
REVOKE UPDATE (name, password_hash, email_verified_at, is_active, last_login_at, updated_at, totp_secret, totp_enabled_at,
               totp_last_step) ON users FROM vocalized_app;
GRANT UPDATE ON users TO vocalized_app;
