-- migrate:up
-- Apart from the migration that added the check, because reading the whole log must not lock it.
SET LOCAL lock_timeout = '5s';

ALTER TABLE audit_log VALIDATE CONSTRAINT audit_log_actor_check;

-- migrate:down
SET LOCAL lock_timeout = '5s';
