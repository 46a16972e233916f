-- migrate:up
-- The turn of a document among those that wait to be indexed: workspaces take turns (control/knowledge/turns.py). Programs
-- before this one leave it 0.
SET LOCAL lock_timeout = '5s';
ALTER TABLE knowledge_documents ADD COLUMN turn integer NOT NULL DEFAULT 0;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE knowledge_documents DROP COLUMN turn;
