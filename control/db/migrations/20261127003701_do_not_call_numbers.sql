-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Numbers that the agents of a workspace never phone.
CREATE TABLE do_not_call_numbers (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    number text NOT NULL,                    -- E.164, or the pseudonym of a caller whose data was deleted
    source text NOT NULL CHECK (source IN ('member', 'api', 'import', 'caller_words', 'caller_keypad')),
    call_id uuid,                            -- in which the caller asked for it
    added_by uuid,                           -- the member or the API key
    note text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    UNIQUE (workspace_id, number)            -- read before every outbound call
);
CREATE INDEX do_not_call_numbers_list ON do_not_call_numbers (workspace_id, created_at DESC, id DESC);
ALTER TABLE do_not_call_numbers ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON do_not_call_numbers
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE do_not_call_numbers;
