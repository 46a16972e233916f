-- migrate:up
-- The place of a document among those that wait to be indexed, by which workspaces take turns
-- (control/knowledge/start_tags.py). Programs
-- before this one leave it 0.
SET LOCAL lock_timeout = '5s';
ALTER TABLE knowledge_documents ADD COLUMN start_tag integer NOT NULL DEFAULT 0;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE knowledge_documents DROP COLUMN start_tag;
