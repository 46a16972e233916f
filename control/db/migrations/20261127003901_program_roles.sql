-- migrate:up
-- Programs sign in as roles that own nothing, so RESET ROLE reaches no further. A scope, which the policies read, holds in
-- a session of the API only if it was entered with that session's proof: a secret of the process, which it passes as a
-- parameter and which no text of SQL can name.
SET LOCAL lock_timeout = '5s';

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN SELECT * FROM (VALUES
        ('vocalized_platform', 'NOLOGIN'),   -- its members enter each scope without a proof
        ('vocalized_api', 'LOGIN'),
        ('vocalized_worker', 'LOGIN'),
        ('vocalized_backup', 'LOGIN')
    ) AS roles (name, kind) LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE', wanted.name, wanted.kind);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    BEGIN
        ALTER ROLE vocalized_backup BYPASSRLS;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE NOTICE 'vocalized_backup makes backups once a superuser said: ALTER ROLE vocalized_backup BYPASSRLS';
    END;
    FOR wanted IN SELECT * FROM (VALUES
        ('vocalized_app', 'vocalized_api'),
        ('vocalized_app', 'vocalized_worker'),
        ('vocalized_platform', 'vocalized_worker'),
        ('vocalized_platform', current_user),
        -- So that begin_session, which runs as the owner, sees when a session began.
        ('vocalized_api', current_user)
    ) AS grants (role, member) LOOP
        IF NOT pg_has_role(wanted.member, wanted.role, 'USAGE') THEN
            EXECUTE format('GRANT %I TO %I', wanted.role, wanted.member);
        END IF;
    END LOOP;
END
$$;

-- A table or a function of somebody's own, in a session that others use after them, would stand before ours.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

GRANT USAGE ON SCHEMA public TO vocalized_backup;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO vocalized_backup;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO vocalized_backup;
GRANT INSERT, DELETE ON backup_runs TO vocalized_backup;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO vocalized_backup;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO vocalized_backup;

-- --- the proof of a session, and the seal of a scope ---

-- One row for each session of the API. Unlogged: a crash of the server ends all sessions, too.
CREATE UNLOGGED TABLE session_keys (
    pid integer PRIMARY KEY,
    started timestamptz NOT NULL,            -- of the session: its pid may have been another's before
    proof_hash bytea NOT NULL,
    seal_key text NOT NULL                   -- never leaves the functions below
);
REVOKE ALL ON session_keys FROM vocalized_app;

-- Whether the session belongs to a role that needs no proof. Types and operators are qualified wherever a function runs as
-- the owner without a search path of its own (which would cost 4 µs a call), so that nobody's own can take their place.
CREATE FUNCTION needs_no_proof() RETURNS boolean LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN pg_has_role(session_user, 'vocalized_platform', 'MEMBER');

-- The first statement of each session: only the process that opened it can be that early. hash: SHA-256 of the proof.
CREATE FUNCTION begin_session(hash bytea) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    began timestamptz;
BEGIN
    IF needs_no_proof() THEN
        RETURN;
    END IF;
    SELECT backend_start INTO began FROM pg_stat_activity WHERE pid = pg_backend_pid();
    IF began IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = format('the owner of the tables must be a member of %I', session_user);
    END IF;
    DELETE FROM session_keys k WHERE k.started < began - interval '1 hour'
        AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = k.pid);
    INSERT INTO session_keys VALUES (pg_backend_pid(), began, hash,
        encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'))
        ON CONFLICT (pid) DO UPDATE
        SET started = excluded.started, proof_hash = excluded.proof_hash, seal_key = excluded.seal_key
        WHERE session_keys.started <> excluded.started;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'this session has a proof already',
            HINT = 'A pooler must not give a session of PostgreSQL to a second client.';
    END IF;
END
$$;

-- Of the scope that is set now, valid in this transaction.
CREATE FUNCTION seal_of_scope(seal_key text) RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN encode(sha256(convert_to(format('%s|%s|%s|%s|%s', seal_key, current_setting('vocalized.scope', true),
        current_setting('vocalized.workspace_id', true), current_setting('vocalized.user_id', true),
        extract(epoch FROM now())), 'UTF8')), 'hex');

-- Seals the scope that is set now. Raises insufficient_privilege for a wrong proof.
CREATE FUNCTION seal_scope(proof text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    sealing text;
BEGIN
    IF needs_no_proof() THEN
        RETURN;
    END IF;
    SELECT k.seal_key INTO sealing FROM session_keys k
        WHERE k.pid = pg_backend_pid() AND k.proof_hash = sha256(convert_to(proof, 'UTF8'));
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'a scope is entered with the proof of the session';
    END IF;
    PERFORM set_config('vocalized.seal', seal_of_scope(sealing), true);
END
$$;

CREATE FUNCTION is_scope_sealed() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER AS $$
DECLARE
    sealing pg_catalog.text;
BEGIN
    IF pg_catalog.pg_has_role(session_user, 'vocalized_platform', 'MEMBER') THEN
        RETURN true;
    END IF;
    SELECT k.seal_key INTO sealing FROM public.session_keys k
        WHERE k.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid();
    RETURN public.seal_of_scope(sealing) OPERATOR(pg_catalog.=) pg_catalog.current_setting('vocalized.seal', true);
END
$$;

CREATE FUNCTION enter_scope(scope text, workspace uuid, person uuid, proof text) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM enter_scope(scope, workspace, person);
    PERFORM seal_scope(proof);
END
$$;

CREATE FUNCTION authorise_user(session uuid, workspace uuid, proof text, OUT user_id uuid, OUT email text, OUT name text,
                               OUT is_verified boolean, OUT role text, OUT workspace_status text)
    RETURNS SETOF record LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY SELECT * FROM authorise_user(session, workspace);
    IF FOUND THEN
        PERFORM seal_scope(proof);
    END IF;
END
$$;

CREATE FUNCTION authorise_api_key(secret bytea, workspace uuid, proof text, OUT key_id uuid, OUT workspace_id uuid,
                                  OUT scopes text[], OUT has_expired boolean, OUT holder_id uuid, OUT email text,
                                  OUT name text, OUT is_verified boolean, OUT role text, OUT workspace_status text,
                                  OUT is_use_due boolean)
    RETURNS SETOF record LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM enter_scope('', NULL, NULL);     -- the key may be found and yet enter none
    RETURN QUERY SELECT * FROM authorise_api_key(secret, workspace);
    IF FOUND THEN
        PERFORM seal_scope(proof);
    END IF;
END
$$;

CREATE FUNCTION authorise_admin(session uuid, proof text)
    RETURNS TABLE (admin_id uuid, email text, name text, role text) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY SELECT * FROM authorise_admin(session);
    IF FOUND THEN
        PERFORM seal_scope(proof);
    END IF;
END
$$;

-- What the policies read: each once for each table of a statement.
CREATE OR REPLACE FUNCTION current_scope() RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN CASE WHEN current_setting('vocalized.scope', true) <> 'platform' OR is_scope_sealed()
                THEN current_setting('vocalized.scope', true) END;
CREATE OR REPLACE FUNCTION current_workspace() RETURNS uuid LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN CASE WHEN is_scope_sealed() THEN nullif(current_setting('vocalized.workspace_id', true), '')::uuid END;
CREATE OR REPLACE FUNCTION current_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN CASE WHEN is_scope_sealed() THEN nullif(current_setting('vocalized.user_id', true), '')::uuid END;

-- --- the staff: rights by the command line alone, as the owner; sign-in and second factor by the API, in platform scope ---

REVOKE INSERT, UPDATE, DELETE ON admins FROM vocalized_app;
GRANT UPDATE (password_hash, totp_secret, totp_enabled_at, totp_last_step, last_login_at, updated_at) ON admins
    TO vocalized_app;
ALTER TABLE admins ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON admins USING ((SELECT current_scope() = 'platform'));
ALTER TABLE admin_recovery_codes ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON admin_recovery_codes USING ((SELECT current_scope() = 'platform'));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP POLICY platform ON admin_recovery_codes;
ALTER TABLE admin_recovery_codes DISABLE ROW LEVEL SECURITY;
DROP POLICY platform ON admins;
ALTER TABLE admins DISABLE ROW LEVEL SECURITY;
REVOKE UPDATE (password_hash, totp_secret, totp_enabled_at, totp_last_step, last_login_at, updated_at) ON admins
    FROM vocalized_app;
GRANT INSERT, UPDATE, DELETE ON admins TO vocalized_app;

CREATE OR REPLACE FUNCTION current_scope() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN current_setting('vocalized.scope', true);
CREATE OR REPLACE FUNCTION current_workspace() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('vocalized.workspace_id', true), '')::uuid;
CREATE OR REPLACE FUNCTION current_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('vocalized.user_id', true), '')::uuid;
DROP FUNCTION authorise_admin(uuid, text), authorise_api_key(bytea, uuid, text), authorise_user(uuid, uuid, text),
    enter_scope(text, uuid, uuid, text), is_scope_sealed, seal_scope, seal_of_scope, begin_session, needs_no_proof;
DROP TABLE session_keys;

ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON SEQUENCES FROM vocalized_backup;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM vocalized_backup;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM vocalized_backup;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM vocalized_backup;
REVOKE USAGE ON SCHEMA public FROM vocalized_backup;
-- The roles stay: they are the server's, and other databases of it may use them.
