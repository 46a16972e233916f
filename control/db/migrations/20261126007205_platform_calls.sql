-- migrate:up
-- What all workspaces together called lately, as the worker measured it: one row. Programs before this one read and write
-- none of it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE platform_calls (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    measured_at timestamptz NOT NULL,
    hour_calls bigint NOT NULL,
    hour_seconds bigint NOT NULL,
    day_calls bigint NOT NULL,
    day_seconds bigint NOT NULL
);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE platform_calls;
