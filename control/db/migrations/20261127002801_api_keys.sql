-- migrate:up
-- Keys with which a workspace's own systems use the API. A key has a name, scopes and an end; its secrets are apart, so
-- that a rotation leaves the old one valid for a while. Programs before this one read and write none of it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name text NOT NULL,
    scopes text[] NOT NULL,
    expires_at timestamptz,                  -- null: never
    created_at timestamptz NOT NULL
);
CREATE INDEX api_keys_newest ON api_keys (workspace_id, created_at DESC, id DESC);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_keys
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE api_key_secrets (
    hash bytea PRIMARY KEY,                  -- SHA-256
    key_id uuid NOT NULL REFERENCES api_keys ON DELETE CASCADE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    holder_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,  -- the member to whom it was shown
    prefix text NOT NULL,                    -- its first characters, for people to tell it by
    created_at timestamptz NOT NULL,
    expires_at timestamptz,                  -- of a secret that was replaced; null: that of its key
    last_used_at timestamptz
);
CREATE INDEX api_key_secrets_of_key ON api_key_secrets (key_id, created_at DESC);
CREATE INDEX api_key_secrets_of_workspace ON api_key_secrets (workspace_id);
CREATE INDEX api_key_secrets_of_holder ON api_key_secrets (holder_id);
ALTER TABLE api_key_secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_key_secrets
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- Who a secret belongs to, and what it may. Enters the workspace's scope if the secret is valid there (anywhere: with
-- workspace NULL), without a person: the holder's other workspaces stay out of sight. Its last use is written at most
-- once a minute, and by nobody who would have to wait for another request that writes it.
CREATE FUNCTION authorise_api_key(secret bytea, workspace uuid, OUT key_id uuid, OUT workspace_id uuid,
                                  OUT scopes text[], OUT has_expired boolean, OUT holder_id uuid, OUT email text,
                                  OUT name text, OUT is_verified boolean, OUT role text, OUT workspace_status text)
    RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT k.id, k.workspace_id, k.scopes, least(k.expires_at, s.expires_at) <= now(),
           u.id, u.email, u.name, u.email_verified_at IS NOT NULL, m.role, w.status
        INTO key_id, workspace_id, scopes, has_expired, holder_id, email, name, is_verified, role, workspace_status
        FROM api_key_secrets s
        JOIN api_keys k ON k.id = s.key_id
        JOIN workspaces w ON w.id = k.workspace_id AND w.deleted_at IS NULL
        JOIN users u ON u.id = s.holder_id
        LEFT JOIN workspace_members m ON m.workspace_id = k.workspace_id AND m.user_id = u.id AND u.is_active
        WHERE s.hash = secret;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    has_expired := coalesce(has_expired, false);
    IF NOT has_expired AND role IS NOT NULL AND coalesce(workspace, workspace_id) = workspace_id THEN
        PERFORM enter_scope('tenant', workspace_id, NULL);
        UPDATE api_key_secrets u SET last_used_at = now() WHERE u.hash IN (
            SELECT s.hash FROM api_key_secrets s
            WHERE s.hash = secret AND (s.last_used_at IS NULL OR s.last_used_at < now() - interval '1 minute')
            FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    RETURN NEXT;
END
$$;

-- Who acted may be a key. The new check holds for new rows at once, and for all by the next migration.
ALTER TABLE audit_log DROP CONSTRAINT audit_log_actor_check;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_actor_check
    CHECK (actor IN ('admin', 'user', 'api_key', 'system')) NOT VALID;

-- migrate:down
SET LOCAL lock_timeout = '5s';

-- The log is never changed, so entries of keys stay; the old check holds for new rows only.
ALTER TABLE audit_log DROP CONSTRAINT audit_log_actor_check;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_actor_check CHECK (actor IN ('admin', 'user', 'system')) NOT VALID;
DROP FUNCTION authorise_api_key;
DROP TABLE api_key_secrets, api_keys;
