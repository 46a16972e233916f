-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY users_identity ON users (email_identity(email))
    WHERE email_verified_at IS NOT NULL;

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY users_identity;
