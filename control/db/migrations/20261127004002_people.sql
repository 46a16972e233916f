-- migrate:up
SET LOCAL lock_timeout = '5s';

-- When the password or a code was last given in this session; null: when it began.
ALTER TABLE sessions ADD COLUMN authenticated_at timestamptz;

-- A user's second factor, as a member of the staff has it. totp_secret is sealed.
ALTER TABLE users
    ADD COLUMN totp_secret bytea,
    ADD COLUMN totp_enabled_at timestamptz,
    ADD COLUMN totp_last_step bigint NOT NULL DEFAULT 0;
CREATE TABLE user_recovery_codes (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, code_hash)
);

-- Where no admin chose, it follows the kind of the platform now: true, but for one on its operator's machine.
DELETE FROM settings WHERE key = 'admin_totp_required' AND updated_by IS NULL;

-- Why a member's session may not use a workspace; null if it may. Asked in the query that authorises.
CREATE FUNCTION member_refusal(session uuid, workspace uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'second_factor_required'
    FROM workspaces w, sessions s JOIN users u ON u.id = s.user_id
    WHERE w.id = workspace AND w.settings -> 'second_factor_required' = 'true'
      AND s.id = session AND u.totp_enabled_at IS NULL
$$;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP FUNCTION member_refusal;
DROP TABLE user_recovery_codes;
ALTER TABLE users DROP COLUMN totp_secret, DROP COLUMN totp_enabled_at, DROP COLUMN totp_last_step;
ALTER TABLE sessions DROP COLUMN authenticated_at;
