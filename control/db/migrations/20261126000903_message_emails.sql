-- migrate:up
-- How many e-mails about callers' messages a member got on the last day that any were sent: what bounds them.
SET LOCAL lock_timeout = '5s';

CREATE TABLE message_emails (
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    day date NOT NULL,                       -- UTC
    sent integer NOT NULL,
    PRIMARY KEY (workspace_id, user_id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES workspace_members ON DELETE CASCADE
);
ALTER TABLE message_emails ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON message_emails
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE message_emails;
