-- migrate:up
-- The order of changes that a workspace has at one moment: ids are UUIDv7, whose order within a millisecond is random.
-- Rows of before get negative numbers in the order of time, and for one moment in the order of their insertion. One
-- transaction, because an identity needs a column without nulls; the table has some rows for each workspace, and
-- 100,000 take 4.5 s on a busy machine. Programs before this one do not name the column, and the identity fills it.
SET LOCAL lock_timeout = '5s';
ALTER TABLE workspace_changes ADD COLUMN seq bigint;
UPDATE workspace_changes c SET seq = numbered.place - numbered.total
    FROM (SELECT id, row_number() OVER (ORDER BY at, ctid) AS place, count(*) OVER () AS total
          FROM workspace_changes) AS numbered
    WHERE numbered.id = c.id;
ALTER TABLE workspace_changes ALTER COLUMN seq SET NOT NULL;
ALTER TABLE workspace_changes ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE workspace_changes DROP COLUMN seq;
