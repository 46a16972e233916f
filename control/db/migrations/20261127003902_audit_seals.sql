-- migrate:up
-- The audit log is sealed after it was written, in batches, so that no request waits for another one's entry. A seal holds
-- the hash of its entries and of the seal before it, under a key that the database does not have.
SET LOCAL lock_timeout = '5s';

CREATE TABLE audit_seals (
    number bigint PRIMARY KEY,               -- from 1, without a gap
    entries integer NOT NULL,
    root bytea NOT NULL,                     -- SHA-256 of the entries' hashes in their order
    previous bytea NOT NULL,                 -- digest of the seal before; empty for the first one
    reached timestamptz NOT NULL,            -- the latest time of an entry up to here
    sealed_at timestamptz NOT NULL,
    mac bytea NOT NULL                       -- of the digest, by a key of control's
);
CREATE TABLE audit_sealed_rows (
    entry_id uuid PRIMARY KEY,               -- no reference: an entry that is gone has to show
    seal bigint NOT NULL REFERENCES audit_seals,
    position integer NOT NULL,
    hash bytea NOT NULL,
    UNIQUE (seal, position)
);
REVOKE UPDATE, DELETE ON audit_seals, audit_sealed_rows FROM vocalized_app;
ALTER TABLE audit_seals ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON audit_seals USING ((SELECT current_scope() = 'platform'));
ALTER TABLE audit_sealed_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON audit_sealed_rows USING ((SELECT current_scope() = 'platform'));
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OF number, entries, root, previous, reached, sealed_at OR DELETE
    OR TRUNCATE ON audit_seals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_sealed_rows_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_sealed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The time of an entry is the database's: no program dates one back.
REVOKE INSERT ON audit_log FROM vocalized_app;
GRANT INSERT (id, actor, actor_id, actor_email, action, resource_type, resource_id, workspace_id, details, request_id,
    address) ON audit_log TO vocalized_app;

-- migrate:down
SET LOCAL lock_timeout = '5s';
REVOKE INSERT (id, actor, actor_id, actor_email, action, resource_type, resource_id, workspace_id, details, request_id,
    address) ON audit_log FROM vocalized_app;
GRANT INSERT ON audit_log TO vocalized_app;
DROP TABLE audit_sealed_rows, audit_seals;
