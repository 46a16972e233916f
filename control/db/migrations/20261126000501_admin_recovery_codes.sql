-- migrate:up
-- One-time codes with which staff sign in when they have lost their authenticator. A table of the staff's, like admins:
-- no workspace, no row-level security.
SET LOCAL lock_timeout = '5s';

CREATE TABLE admin_recovery_codes (
    admin_id uuid NOT NULL REFERENCES admins ON DELETE CASCADE,
    code_hash bytea NOT NULL,                -- HMAC-SHA-256 under a key derived from the secret keys
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz,
    PRIMARY KEY (admin_id, code_hash)
);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE admin_recovery_codes;
