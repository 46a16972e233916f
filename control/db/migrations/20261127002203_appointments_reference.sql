-- migrate:up transaction:false
-- A caller names an appointment by its reference.
CREATE INDEX CONCURRENTLY appointments_reference ON appointments (workspace_id, reference)
    WHERE reference IS NOT NULL;

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY appointments_reference;
