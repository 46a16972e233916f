-- migrate:up
-- Documents of a workspace that its agents search in calls. Programs before this one read and write none of it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE knowledge_documents (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name text NOT NULL,
    format text NOT NULL CHECK (format IN ('text', 'markdown', 'html', 'pdf')),
    language text NOT NULL,                  -- BCP 47
    size_bytes bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'ready', 'failed')),
    failure text,                            -- code; see control/knowledge/model.py
    pages integer,                           -- of a PDF
    chunk_count integer NOT NULL DEFAULT 0,
    revision integer NOT NULL DEFAULT 1,     -- counts requests to index it: an earlier one stores nothing
    created_by uuid,
    created_at timestamptz NOT NULL,
    requested_at timestamptz NOT NULL,       -- when it was to be indexed last
    indexed_at timestamptz,
    CHECK ((status = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX knowledge_documents_newest ON knowledge_documents (workspace_id, created_at DESC, id DESC);
CREATE INDEX knowledge_documents_pending ON knowledge_documents (requested_at) WHERE status = 'pending';
ALTER TABLE knowledge_documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_documents
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- search: the words of heading and text, stemmed by the document's language, and two more lexemes that begin with w: and
-- d: and name workspace and document, so that one index finds the words of one workspace. The language is not a column
-- of type regconfig, because pg_upgrade refuses tables that have one.
CREATE TABLE knowledge_chunks (
    document_id uuid NOT NULL REFERENCES knowledge_documents ON DELETE CASCADE,
    number integer NOT NULL,
    workspace_id uuid NOT NULL,
    page integer,
    heading text NOT NULL,
    text text NOT NULL,
    search tsvector NOT NULL,
    PRIMARY KEY (document_id, number)
);
-- Stays in the row, which is read to rank it; the text, which is read for the best ones only, moves out first.
ALTER TABLE knowledge_chunks ALTER search SET STORAGE MAIN;
-- Without a pending list, which each search would have to read.
CREATE INDEX knowledge_chunks_search ON knowledge_chunks USING gin (search) WITH (fastupdate = off);
ALTER TABLE knowledge_chunks ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_chunks
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- In how many chunks of a workspace a word is. COLLATE "C": words with the same beginning are neighbours in the index.
CREATE TABLE knowledge_terms (
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    term text COLLATE "C" NOT NULL,
    chunks integer NOT NULL,
    PRIMARY KEY (workspace_id, term)
);
ALTER TABLE knowledge_terms ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_terms
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- Chunks that match `wanted`, at most `most_candidates` of which are ranked, best first: by the sum of the weights of the
-- terms that are in them, then by how often and how near the terms are. It runs as the tables' owner, because under a policy
-- PostgreSQL uses no index on tsvector (its operator is not leakproof), and would read all chunks of the workspace. So it
-- checks the scope itself, and returns no text.
CREATE FUNCTION rank_knowledge_chunks(
    searched uuid, wanted tsquery, terms tsquery[], weights float8[], most integer, most_candidates integer
) RETURNS TABLE (document_id uuid, number integer, score float8)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.document_id, c.number, s.score
    FROM (
        SELECT k.document_id, k.number, k.search FROM knowledge_chunks k
        WHERE k.search @@ wanted AND k.workspace_id = searched
          AND (current_scope() = 'platform' OR searched = current_workspace())
        LIMIT most_candidates
    ) c
    CROSS JOIN LATERAL (
        SELECT sum(t.weight) + 0.1 * ts_rank(c.search, wanted) AS score
        FROM unnest(terms, weights) AS t (term, weight) WHERE c.search @@ t.term
    ) s
    WHERE s.score IS NOT NULL
    ORDER BY s.score DESC, c.document_id, c.number LIMIT most
$$;
REVOKE ALL ON FUNCTION rank_knowledge_chunks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rank_knowledge_chunks TO vocalized_app;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP FUNCTION rank_knowledge_chunks;
DROP TABLE knowledge_terms, knowledge_chunks, knowledge_documents;
