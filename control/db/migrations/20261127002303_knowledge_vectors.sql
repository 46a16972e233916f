-- migrate:up
-- Vectors of documents' chunks, an option: they need the extension vector (pgvector 0.8 or later), which only a superuser
-- may create. This function makes their tables once the extension is there, and says whether they are. The worker calls it
-- again and again, as the tables' owner, so nobody has to migrate after the extension was created. They have a schema of
-- their own, because backups leave it out: vectors are made again from the texts. Programs before this one do not use it.
SET LOCAL lock_timeout = '5s';

CREATE FUNCTION prepare_knowledge_vectors() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $prepare$
DECLARE
    extension record;
BEGIN
    IF to_regclass('knowledge_vectors.chunks') IS NOT NULL THEN
        RETURN true;
    END IF;
    SELECT extnamespace::regnamespace::text AS place, string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::integer[]
        AS version INTO extension FROM pg_extension WHERE extname = 'vector';
    IF extension IS NULL OR extension.version < '{0,8}'::integer[] THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('knowledge_vectors', 0));
    IF to_regclass('knowledge_vectors.chunks') IS NOT NULL THEN  -- another worker was first
        RETURN true;
    END IF;
    EXECUTE format('SET LOCAL search_path = public, %s, pg_temp', extension.place);
    -- chunks: vectors of fewer values end in zeros, which change no angle. 1,024 values of two bytes stay in the row,
    -- because each that moves out costs a search two more reads.
    -- documents: which have all their vectors, of which model and revision; retry_at: of one that the embedder refused.
    EXECUTE $ddl$
        CREATE SCHEMA knowledge_vectors;
        GRANT USAGE ON SCHEMA knowledge_vectors TO vocalized_app;
        CREATE TABLE knowledge_vectors.chunks (
            document_id uuid NOT NULL,
            number integer NOT NULL,
            workspace_id uuid NOT NULL,
            model text NOT NULL,
            embedding halfvec(1024) NOT NULL,
            PRIMARY KEY (document_id, number),
            FOREIGN KEY (document_id, number) REFERENCES knowledge_chunks (document_id, number) ON DELETE CASCADE
        );
        ALTER TABLE knowledge_vectors.chunks ALTER embedding SET STORAGE PLAIN;
        CREATE INDEX chunks_workspace ON knowledge_vectors.chunks (workspace_id, document_id);
        CREATE INDEX chunks_embedding ON knowledge_vectors.chunks USING hnsw (embedding halfvec_cosine_ops);
        CREATE TABLE knowledge_vectors.documents (
            document_id uuid PRIMARY KEY REFERENCES knowledge_documents ON DELETE CASCADE,
            workspace_id uuid NOT NULL,
            model text NOT NULL,
            revision integer NOT NULL,
            is_finished boolean NOT NULL,
            failures integer NOT NULL DEFAULT 0,
            retry_at timestamptz
        );
        ALTER TABLE knowledge_vectors.chunks ENABLE ROW LEVEL SECURITY;
        ALTER TABLE knowledge_vectors.documents ENABLE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON knowledge_vectors.chunks
            USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));
        CREATE POLICY tenant ON knowledge_vectors.documents
            USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));
        GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge_vectors.chunks, knowledge_vectors.documents TO vocalized_app;
    $ddl$;
    -- The chunks that are nearest to `wanted`, best first. It runs as the tables' owner for the reason that
    -- rank_knowledge_chunks has, checks the scope itself, and returns no text. Of few chunks all are compared: the index
    -- is one for all workspaces, and most of what it finds for a small one would be of others.
    EXECUTE format($ddl$
        CREATE FUNCTION knowledge_vectors.rank(
            searched uuid, wanted real[], of_model text, among uuid[], most integer, most_compared integer
        ) RETURNS TABLE (document_id uuid, number integer, similarity float8)
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, %s, pg_temp AS $rank$
        DECLARE
            compared bigint;
        BEGIN
            IF current_scope() <> 'platform' AND searched IS DISTINCT FROM current_workspace() THEN
                RETURN;
            END IF;
            SELECT coalesce(sum(d.chunk_count), 0) INTO compared FROM knowledge_documents d
            WHERE d.workspace_id = searched AND (cardinality(among) = 0 OR d.id = ANY(among));
            IF compared <= most_compared THEN
                RETURN QUERY
                    SELECT c.document_id, c.number, 1 - (c.embedding <=> wanted::halfvec(1024)) FROM knowledge_vectors.chunks c
                    WHERE c.workspace_id = searched AND c.model = of_model
                      AND (cardinality(among) = 0 OR c.document_id = ANY(among))
                    ORDER BY (c.embedding <=> wanted::halfvec(1024)) + 0, c.document_id, c.number LIMIT most;
            ELSE
                PERFORM set_config('hnsw.iterative_scan', 'strict_order', true);
                PERFORM set_config('hnsw.ef_search', '100', true);
                PERFORM set_config('enable_sort', 'off', true);
                RETURN QUERY
                    SELECT c.document_id, c.number, 1 - (c.embedding <=> wanted::halfvec(1024)) FROM knowledge_vectors.chunks c
                    WHERE c.workspace_id = searched AND c.model = of_model
                      AND (cardinality(among) = 0 OR c.document_id = ANY(among))
                    ORDER BY c.embedding <=> wanted::halfvec(1024) LIMIT most;
                PERFORM set_config('enable_sort', 'on', true);
            END IF;
        END
        $rank$;
        REVOKE ALL ON FUNCTION knowledge_vectors.rank FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION knowledge_vectors.rank TO vocalized_app;
    $ddl$, extension.place);
    RETURN true;
END
$prepare$;
REVOKE ALL ON FUNCTION prepare_knowledge_vectors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prepare_knowledge_vectors TO vocalized_app;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP FUNCTION prepare_knowledge_vectors;
DROP SCHEMA IF EXISTS knowledge_vectors CASCADE;
