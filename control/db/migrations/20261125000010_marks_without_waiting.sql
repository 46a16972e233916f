-- migrate:up
-- Every transaction leaves marks of its own: those of one busy workspace no longer wait for one another.
SET LOCAL lock_timeout = '5s';

DROP INDEX rollup_dirty_order;
ALTER TABLE rollup_dirty DROP CONSTRAINT rollup_dirty_pkey;
ALTER TABLE rollup_dirty ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
CREATE INDEX rollup_dirty_day ON rollup_dirty (workspace_id, day);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP INDEX rollup_dirty_day;
DELETE FROM rollup_dirty one USING rollup_dirty other
    WHERE one.workspace_id = other.workspace_id AND one.day = other.day AND one.id > other.id;
ALTER TABLE rollup_dirty DROP COLUMN id;
ALTER TABLE rollup_dirty ADD PRIMARY KEY (workspace_id, day);
CREATE INDEX rollup_dirty_order ON rollup_dirty (marked_at, day);
