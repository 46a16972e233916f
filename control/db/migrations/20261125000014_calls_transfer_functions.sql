-- migrate:up
-- What SQL asks of calls.details, as computed columns: calls.transfer_until and calls.transfer_talked_seconds. They are
-- functions of the row, which the planner inlines: programs that write only the JSON stay right, no row is rewritten,
-- and PostgreSQL 15 has them (virtual generated columns came with 18). transfer_until is text, because a cast to
-- timestamptz is not immutable.
SET LOCAL lock_timeout = '5s';

CREATE FUNCTION transfer_until(c calls) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN c.details -> 'put_through' ->> 'until';
CREATE FUNCTION transfer_talked_seconds(c calls) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (c.details -> 'put_through' ->> 'talked_s')::integer;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP FUNCTION transfer_until(calls);
DROP FUNCTION transfer_talked_seconds(calls);
