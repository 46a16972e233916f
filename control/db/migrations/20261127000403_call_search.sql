-- migrate:up
-- The words of transcripts of calls that are over, for searches. A table of its own: an index on calls.transcription would
-- have each utterance of a running call rewrite all indexes of calls. A trigger keeps it, so that programs before this one
-- fill it, too, and whoever changes or removes a transcript changes what can be found. tsvector holds up to 1 MiB, so the
-- text is bounded: no transcript must keep a call's events from being stored.
SET LOCAL lock_timeout = '5s';

CREATE TABLE call_search (
    call_id uuid PRIMARY KEY REFERENCES calls ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    created_at timestamptz NOT NULL,  -- of the call
    words tsvector NOT NULL
);
CREATE INDEX call_search_workspace ON call_search (workspace_id, created_at DESC, call_id DESC);
CREATE INDEX call_search_newest ON call_search (created_at DESC, call_id DESC) INCLUDE (workspace_id);
ALTER TABLE call_search ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON call_search USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

-- How far the worker has come with the calls that were there before, from the newest to the oldest; no row: it is done.
CREATE TABLE call_search_progress (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    below uuid NOT NULL  -- calls with a lower id are left
);
INSERT INTO call_search_progress (below) VALUES ('ffffffff-ffff-ffff-ffff-ffffffffffff');

CREATE FUNCTION index_transcript() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(NEW.transcription, '') = '' THEN
        DELETE FROM call_search WHERE call_id = NEW.id;
    ELSIF NEW.status NOT IN ('queued', 'ringing', 'in_progress') THEN
        INSERT INTO call_search (call_id, workspace_id, created_at, words)
        VALUES (NEW.id, NEW.workspace_id, NEW.created_at, to_tsvector('simple', left(NEW.transcription, 200000)))
        ON CONFLICT (call_id) DO UPDATE SET words = excluded.words;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER calls_search_inserted AFTER INSERT ON calls
    FOR EACH ROW WHEN (NEW.transcription IS NOT NULL) EXECUTE FUNCTION index_transcript();
CREATE TRIGGER calls_search_updated AFTER UPDATE OF status, transcription ON calls
    FOR EACH ROW WHEN (
        NEW.transcription IS DISTINCT FROM OLD.transcription
        OR (NEW.transcription IS NOT NULL AND NEW.status <> OLD.status)
    ) EXECUTE FUNCTION index_transcript();

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TRIGGER calls_search_inserted ON calls;
DROP TRIGGER calls_search_updated ON calls;
DROP FUNCTION index_transcript();
DROP TABLE call_search_progress;
DROP TABLE call_search;
