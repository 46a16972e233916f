-- migrate:up
-- What a sink of usage was told of each day: the total, and how often it changed. Programs before this one send nothing.
SET LOCAL lock_timeout = '5s';
CREATE TABLE meter_days (
    workspace_id uuid NOT NULL,
    day date NOT NULL,                 -- UTC
    revision integer NOT NULL,         -- of the total; part of the event's identifier
    seconds bigint NOT NULL,
    delivered_at timestamptz,          -- null: it may or may not have arrived
    last_error text,                   -- why the sink refused it for good
    PRIMARY KEY (workspace_id, day)
);
ALTER TABLE meter_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON meter_days USING ((SELECT current_scope() = 'platform')
    OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE meter_days;
