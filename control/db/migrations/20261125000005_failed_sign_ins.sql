-- migrate:up
-- Failed sign-ins are counted for every address, not only for those of accounts: a wait must not tell which exist.
SET LOCAL lock_timeout = '5s';

CREATE TABLE failed_sign_ins (
    audience text NOT NULL CHECK (audience IN ('user', 'admin')),
    address_hash bytea NOT NULL,             -- SHA-256 of the address
    failures integer NOT NULL,
    last_at timestamptz NOT NULL,
    locked_until timestamptz,
    PRIMARY KEY (audience, address_hash)
);
CREATE INDEX failed_sign_ins_last ON failed_sign_ins (last_at);

ALTER TABLE users DROP COLUMN failed_logins, DROP COLUMN locked_until;
ALTER TABLE admins DROP COLUMN failed_logins, DROP COLUMN locked_until;

CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP INDEX refresh_tokens_expiry;
ALTER TABLE admins ADD COLUMN failed_logins integer NOT NULL DEFAULT 0, ADD COLUMN locked_until timestamptz;
ALTER TABLE users ADD COLUMN failed_logins integer NOT NULL DEFAULT 0, ADD COLUMN locked_until timestamptz;
DROP TABLE failed_sign_ins;
