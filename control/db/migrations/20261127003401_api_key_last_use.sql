-- migrate:up
-- The last use is no longer written here but, where it is due, at the end of the request's transaction: written here, it
-- kept a lock until then, for which a revocation waited, and refused requests wrote what was rolled back. Programs
-- before this migration run on, and write no last use.
SET LOCAL lock_timeout = '5s';

DROP FUNCTION authorise_api_key;
CREATE FUNCTION authorise_api_key(secret bytea, workspace uuid, OUT key_id uuid, OUT workspace_id uuid,
                                  OUT scopes text[], OUT has_expired boolean, OUT holder_id uuid, OUT email text,
                                  OUT name text, OUT is_verified boolean, OUT role text, OUT workspace_status text,
                                  OUT is_use_due boolean)
    RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT k.id, k.workspace_id, k.scopes, least(k.expires_at, s.expires_at) <= now(),
           u.id, u.email, u.name, u.email_verified_at IS NOT NULL, m.role, w.status,
           s.last_used_at IS NULL OR s.last_used_at < now() - interval '1 minute'
        INTO key_id, workspace_id, scopes, has_expired, holder_id, email, name, is_verified, role, workspace_status,
             is_use_due
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
    END IF;
    RETURN NEXT;
END
$$;

-- migrate:down
SET LOCAL lock_timeout = '5s';

DROP FUNCTION authorise_api_key;
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
