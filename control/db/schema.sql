--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: pg_trgm; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

--
-- Name: EXTENSION pg_trgm; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

--
-- Name: pgqueuer_status; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.pgqueuer_status AS ENUM (
    'queued',
    'picked',
    'successful',
    'exception',
    'canceled',
    'deleted',
    'failed'
);

--
-- Name: authorise_admin(uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.authorise_admin(session uuid) RETURNS TABLE(admin_id uuid, email text, name text, role text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY
        SELECT a.id, a.email, a.name, a.role
        FROM sessions s JOIN admins a ON a.id = s.admin_id
        WHERE s.id = session AND s.revoked_at IS NULL AND s.expires_at > now() AND a.is_active;
    IF FOUND THEN
        PERFORM enter_scope('platform', NULL, NULL);
    END IF;
END
$$;

--
-- Name: authorise_admin(uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.authorise_admin(session uuid, proof text) RETURNS TABLE(admin_id uuid, email text, name text, role text)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY SELECT * FROM authorise_admin(session);
    IF FOUND THEN
        PERFORM seal_scope(proof);
    END IF;
END
$$;

--
-- Name: authorise_api_key(bytea, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.authorise_api_key(secret bytea, workspace uuid, OUT key_id uuid, OUT workspace_id uuid, OUT scopes text[], OUT has_expired boolean, OUT holder_id uuid, OUT email text, OUT name text, OUT is_verified boolean, OUT role text, OUT workspace_status text, OUT is_use_due boolean) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    SELECT k.id, k.workspace_id, k.scopes, least(k.expires_at, s.expires_at) <= now(),
           u.id, u.email, u.name, u.email_verified_at IS NOT NULL, m.role, w.status,
           s.last_used_at IS NULL OR s.last_used_at < now() - interval '1 minute'
        INTO key_id, workspace_id, scopes, has_expired, holder_id, email, name, is_verified, role, workspace_status,
             is_use_due
        FROM api_key_secrets s
        JOIN api_keys k ON k.id = s.key_id
        JOIN workspaces w ON w.id = k.workspace_id AND w.deleted_at IS NULL
        JOIN users u ON u.id = s.holder_id
        LEFT JOIN workspace_members m ON m.workspace_id = k.workspace_id AND m.user_id = u.id AND u.is_active
        WHERE s.hash = secret;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    has_expired := coalesce(has_expired, false);
    IF NOT has_expired AND role IS NOT NULL AND coalesce(workspace, workspace_id) = workspace_id THEN
        PERFORM enter_scope('tenant', workspace_id, NULL);
    END IF;
    RETURN NEXT;
END
$$;

--
-- Name: authorise_api_key(bytea, uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.authorise_api_key(secret bytea, workspace uuid, proof text, OUT key_id uuid, OUT workspace_id uuid, OUT scopes text[], OUT has_expired boolean, OUT holder_id uuid, OUT email text, OUT name text, OUT is_verified boolean, OUT role text, OUT workspace_status text, OUT is_use_due boolean) RETURNS SETOF record
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM enter_scope('', NULL, NULL);     -- the key may be found and yet enter none
    RETURN QUERY SELECT * FROM authorise_api_key(secret, workspace);
    IF FOUND THEN
        PERFORM seal_scope(proof);
    END IF;
END
$$;

--
-- Name: authorise_user(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.authorise_user(session uuid, workspace uuid, OUT user_id uuid, OUT email text, OUT name text, OUT is_verified boolean, OUT role text, OUT workspace_status text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    SELECT u.id, u.email, u.name, u.email_verified_at IS NOT NULL, m.role, w.status
        INTO user_id, email, name, is_verified, role, workspace_status
        FROM sessions s
        JOIN users u ON u.id = s.user_id
        LEFT JOIN workspaces w ON w.id = workspace AND w.deleted_at IS NULL
        LEFT JOIN workspace_members m ON m.workspace_id = w.id AND m.user_id = u.id
        WHERE s.id = session AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active;
    IF FOUND THEN
        PERFORM enter_scope(CASE WHEN role IS NULL THEN 'user' ELSE 'tenant' END,
                            CASE WHEN role IS NULL THEN NULL ELSE workspace END, user_id);
        RETURN NEXT;
    END IF;
END
$$;

--
-- Name: authorise_user(uuid, uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.authorise_user(session uuid, workspace uuid, proof text, OUT user_id uuid, OUT email text, OUT name text, OUT is_verified boolean, OUT role text, OUT workspace_status text) RETURNS SETOF record
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY SELECT * FROM authorise_user(session, workspace);
    IF FOUND THEN
        PERFORM seal_scope(proof);
    END IF;
END
$$;

--
-- Name: begin_session(bytea); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.begin_session(hash bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    began timestamptz;
BEGIN
    IF needs_no_proof() THEN
        RETURN;
    END IF;
    SELECT backend_start INTO began FROM pg_stat_activity WHERE pid = pg_backend_pid();
    IF began IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = format('the owner of the tables must be a member of %I', session_user);
    END IF;
    DELETE FROM session_keys k WHERE k.started < began - interval '1 hour'
        AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = k.pid);
    INSERT INTO session_keys VALUES (pg_backend_pid(), began, hash,
        encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'))
        ON CONFLICT (pid) DO UPDATE
        SET started = excluded.started, proof_hash = excluded.proof_hash, seal_key = excluded.seal_key
        WHERE session_keys.started <> excluded.started;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'this session has a proof already',
            HINT = 'A pooler must not give a session of PostgreSQL to a second client.';
    END IF;
END
$$;

--
-- Name: billed_share(uuid, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.billed_share(workspace uuid, moment timestamp with time zone) RETURNS numeric
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(
        (SELECT (list_price + price) / list_price FROM accruals
         WHERE workspace_id = workspace AND at > moment - interval '25 hours' AND at <= moment AND until > moment
           AND list_price <> 0 LIMIT 1),
        CASE (SELECT status FROM workspace_changes WHERE workspace_id = workspace AND at <= moment
              ORDER BY at DESC, seq DESC LIMIT 1) WHEN 'trial' THEN 0 ELSE 1 END)
$$;

--
-- Name: is_scope_sealed(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.is_scope_sealed() RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    AS $$
DECLARE
    sealing pg_catalog.text;
BEGIN
    IF pg_catalog.pg_has_role(session_user, 'vocalized_platform', 'MEMBER') THEN
        RETURN true;
    END IF;
    SELECT k.seal_key INTO sealing FROM public.session_keys k
        WHERE k.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid();
    RETURN public.seal_of_scope(sealing) OPERATOR(pg_catalog.=) pg_catalog.current_setting('vocalized.seal', true);
END
$$;

--
-- Name: current_person(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.current_person() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN CASE WHEN public.is_scope_sealed() THEN (NULLIF(current_setting('vocalized.user_id'::text, true), ''::text))::uuid ELSE NULL::uuid END;

--
-- Name: current_scope(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.current_scope() RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN CASE WHEN ((current_setting('vocalized.scope'::text, true) <> 'platform'::text) OR public.is_scope_sealed()) THEN current_setting('vocalized.scope'::text, true) ELSE NULL::text END;

--
-- Name: current_workspace(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.current_workspace() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN CASE WHEN public.is_scope_sealed() THEN (NULLIF(current_setting('vocalized.workspace_id'::text, true), ''::text))::uuid ELSE NULL::uuid END;

--
-- Name: drop_empty_partitions(date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.drop_empty_partitions(ended_before date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET lock_timeout TO '500ms'
    AS $_$
DECLARE
    partition regclass;
    is_filled boolean;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
    FOR partition IN
        SELECT i.inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'call_events'::regclass AND c.relname ~ '^call_events_\d{4}_\d{2}$'
          AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= ended_before
        ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', partition) INTO is_filled;
        CONTINUE WHEN is_filled;
        BEGIN
            -- The parent first, as every statement on it does; ONLY, so that no other partition is locked.
            LOCK TABLE ONLY call_events IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', partition);
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', partition) INTO is_filled;
            CONTINUE WHEN is_filled;
            EXECUTE format('DROP TABLE %s', partition);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            EXIT;
        END;
    END LOOP;
    RETURN dropped;
END
$_$;

--
-- Name: email_identity(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.email_identity(email text) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256(convert_to(CASE WHEN (split_part(lower(email), '@'::text, 2) = ANY (ARRAY['gmail.com'::text, 'googlemail.com'::text])) THEN (replace(split_part(split_part(lower(email), '@'::text, 1), '+'::text, 1), '.'::text, ''::text) || '@gmail.com'::text) ELSE ((split_part(split_part(lower(email), '@'::text, 1), '+'::text, 1) || '@'::text) || split_part(lower(email), '@'::text, 2)) END, 'UTF8'::name));

--
-- Name: ensure_partitions(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.ensure_partitions(months_ahead integer DEFAULT 2) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    parent text;
    partition text;
    month date;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
    FOREACH parent IN ARRAY ARRAY['call_events', 'usage_records'] LOOP
        FOR ahead IN 0..months_ahead LOOP
            month := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
            partition := parent || to_char(month, '_YYYY_MM');
            CONTINUE WHEN to_regclass(format('%I', partition)) IS NOT NULL;
            BEGIN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    partition, parent, month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            EXCEPTION WHEN check_violation THEN
                -- The default partition has rows of this month. The other months and tables still get theirs;
                -- partition_states() shows what is missing.
                RAISE WARNING 'partition % cannot be made: the default partition has rows of its month', partition;
                CONTINUE;
            END;
            -- The parent's policies do not hold for a partition that is asked by its own name: nobody may.
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
            EXECUTE format('REVOKE ALL ON %I FROM vocalized_app', partition);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

--
-- Name: enter_scope(text, uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.enter_scope(scope text, workspace uuid, person uuid) RETURNS void
    LANGUAGE sql
    AS $$
    SELECT set_config('vocalized.scope', scope, true),
           set_config('vocalized.workspace_id', coalesce(workspace::text, ''), true),
           set_config('vocalized.user_id', coalesce(person::text, ''), true);
$$;

--
-- Name: enter_scope(text, uuid, uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.enter_scope(scope text, workspace uuid, person uuid, proof text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM enter_scope(scope, workspace, person);
    PERFORM seal_scope(proof);
END
$$;

--
-- Name: fn_pgqueuer_changed(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.fn_pgqueuer_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;

    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'ch_pgqueuer',
            json_build_object(
                'channel', 'ch_pgqueuer',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;

    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;

END;
$$;

--
-- Name: index_transcript(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.index_transcript() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: needs_no_proof(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.needs_no_proof() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN pg_has_role(SESSION_USER, 'vocalized_platform'::name, 'MEMBER'::text);

--
-- Name: is_accounts_scope(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.is_accounts_scope() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN (public.needs_no_proof() OR ((current_setting('vocalized.scope'::text, true) = ANY (ARRAY['accounts'::text, 'platform'::text])) AND public.is_scope_sealed()));

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid,
    admin_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_why text,
    address inet,
    user_agent text,
    authenticated_at timestamp with time zone,
    sso_workspace_id uuid,
    CONSTRAINT sessions_check CHECK ((num_nonnulls(user_id, admin_id) = 1))
);

--
-- Name: is_own_session(uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.is_own_session(session uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    SET search_path TO 'public', 'pg_temp'
    RETURN (EXISTS (SELECT FROM public.sessions s WHERE ((s.id = is_own_session.session) AND (s.user_id = public.current_person()))));

--
-- Name: is_platform_scope(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.is_platform_scope() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN (public.needs_no_proof() OR COALESCE((public.current_scope() = 'platform'::text), false));

--
-- Name: is_staff_session(uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.is_staff_session(session uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'public', 'pg_temp'
    RETURN (EXISTS (SELECT FROM public.sessions s WHERE ((s.id = is_staff_session.session) AND (s.admin_id IS NOT NULL))));

--
-- Name: member_refusal(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.member_refusal(session uuid, workspace uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT CASE
        WHEN s.sso_workspace_id <> w.id THEN 'sso_of_another_workspace'
        WHEN s.sso_workspace_id = w.id THEN NULL
        WHEN EXISTS (
            SELECT FROM sso_connections c
            JOIN sso_domains d ON d.workspace_id = c.workspace_id AND d.verified_at IS NOT NULL
            JOIN workspace_members m ON m.workspace_id = c.workspace_id AND m.user_id = u.id AND m.role <> 'owner'
            WHERE c.workspace_id = w.id AND c.is_enforced AND d.domain = split_part(u.email, '@', 2)
        ) THEN 'sso_required'
        WHEN w.settings -> 'second_factor_required' = 'true' AND u.totp_enabled_at IS NULL
            THEN 'second_factor_required'
    END
    FROM workspaces w, sessions s JOIN users u ON u.id = s.user_id
    WHERE w.id = workspace AND s.id = session
$$;

--
-- Name: partition_states(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.partition_states() RETURNS TABLE(name text, made_until timestamp with time zone, default_rows bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    FOREACH name IN ARRAY ARRAY['call_events', 'usage_records'] LOOP
        made_until := date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
        WHILE to_regclass(format('%I', name || to_char(made_until AT TIME ZONE 'UTC', '_YYYY_MM'))) IS NOT NULL LOOP
            made_until := (made_until AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
        END LOOP;
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT 1000) AS found', name || '_default') INTO default_rows;
        RETURN NEXT;
    END LOOP;
END
$$;

--
-- Name: phone_identity(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.phone_identity(phone_number text) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256(convert_to(phone_number, 'UTF8'::name));

--
-- Name: prepare_knowledge_vectors(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.prepare_knowledge_vectors() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
$_$;

--
-- Name: rank_knowledge_chunks(uuid, tsquery, tsquery[], double precision[], integer, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rank_knowledge_chunks(searched uuid, wanted tsquery, terms tsquery[], weights double precision[], most integer, most_candidates integer) RETURNS TABLE(document_id uuid, number integer, score double precision)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

--
-- Name: refuse_change(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

--
-- Name: seal_of_scope(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.seal_of_scope(seal_key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN encode(sha256(convert_to(format('%s|%s|%s|%s|%s'::text, seal_key, current_setting('vocalized.scope'::text, true), current_setting('vocalized.workspace_id'::text, true), current_setting('vocalized.user_id'::text, true), EXTRACT(epoch FROM now())), 'UTF8'::name)), 'hex'::text);

--
-- Name: seal_scope(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.seal_scope(proof text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    sealing text;
BEGIN
    IF needs_no_proof() THEN
        RETURN;
    END IF;
    SELECT k.seal_key INTO sealing FROM session_keys k
        WHERE k.pid = pg_backend_pid() AND k.proof_hash = sha256(convert_to(proof, 'UTF8'));
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'a scope is entered with the proof of the session';
    END IF;
    PERFORM set_config('vocalized.seal', seal_of_scope(sealing), true);
END
$$;

--
-- Name: search_calls(text, uuid, uuid, text, text, text, text, timestamp with time zone, timestamp with time zone, timestamp with time zone, uuid, boolean, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.search_calls(query text, wanted uuid, agent uuid, call_status text, call_direction text, caller text, carrier_id text, since timestamp with time zone, until timestamp with time zone, cursor_at timestamp with time zone, cursor_id uuid, is_backwards boolean, most integer) RETURNS TABLE(call_id uuid, created_at timestamp with time zone)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
DECLARE
    window_rows CONSTANT integer := 8000;
    found_rows integer;
    edge record;
    -- $1 words, $2 workspace, $3 since, $4 until, $5 and $6 cursor, $7 agent, $8 status, $9 direction, $10 caller,
    -- $11 carrier's id, $12 rows, $13 and $14 the window's edge
    beyond text := CASE WHEN is_backwards THEN '>' ELSE '<' END;
    sorted text := CASE WHEN is_backwards THEN ' ORDER BY created_at, call_id' ELSE ' ORDER BY created_at DESC, call_id DESC' END;
    place text := 'true'
        || CASE WHEN wanted IS NOT NULL THEN ' AND s.workspace_id = $2' ELSE '' END
        || CASE WHEN since IS NOT NULL THEN ' AND s.created_at >= $3' ELSE '' END
        || CASE WHEN until IS NOT NULL THEN ' AND s.created_at < $4' ELSE '' END
        || CASE WHEN cursor_id IS NOT NULL THEN ' AND (s.created_at, s.call_id) ' || beyond || ' ($5, $6)' ELSE '' END;
    matches text := ' AND s.words @@ $1' || CASE
        WHEN num_nonnulls(agent, call_status, call_direction, caller, carrier_id) = 0 THEN ''
        ELSE ' AND EXISTS (SELECT FROM calls c WHERE c.id = s.call_id'
            || CASE WHEN agent IS NOT NULL THEN ' AND c.agent_id = $7' ELSE '' END
            || CASE WHEN call_status IS NOT NULL THEN ' AND c.status = $8' ELSE '' END
            || CASE WHEN call_direction IS NOT NULL THEN ' AND c.direction = $9' ELSE '' END
            || CASE WHEN caller IS NOT NULL THEN ' AND c.caller_number = $10' ELSE '' END
            || CASE WHEN carrier_id IS NOT NULL THEN ' AND c.carrier_call_id = $11' ELSE '' END || ')' END;
    words_wanted tsquery := websearch_to_tsquery('simple', query);
BEGIN
    IF current_scope() IS DISTINCT FROM 'platform' AND coalesce(wanted <> current_workspace(), true) THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT s.call_id, s.created_at FROM (SELECT s.* FROM call_search s WHERE ' || place || sorted
        || ' LIMIT ' || window_rows || ') s WHERE true' || matches || sorted || ' LIMIT $12'
        USING words_wanted, wanted, since, until, cursor_at, cursor_id, agent, call_status, call_direction, caller,
              carrier_id, most;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows >= most THEN
        RETURN;
    END IF;
    EXECUTE 'SELECT s.created_at, s.call_id FROM call_search s WHERE ' || place || sorted
        || ' OFFSET ' || (window_rows - 1) || ' LIMIT 1'
        INTO edge USING words_wanted, wanted, since, until, cursor_at, cursor_id;
    IF edge.call_id IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'WITH found AS MATERIALIZED (SELECT s.call_id, s.created_at FROM call_search s WHERE ' || place
        || ' AND (s.created_at, s.call_id) ' || beyond || ' ($13, $14)' || matches
        || ') SELECT call_id, created_at FROM found' || sorted || ' LIMIT $12'
        USING words_wanted, wanted, since, until, cursor_at, cursor_id, agent, call_status, call_direction, caller,
              carrier_id, most - found_rows, edge.created_at, edge.call_id;
END
$_$;

--
-- Name: calls; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.calls (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    agent_id uuid,
    agent_version integer,
    phone_number_id uuid,
    direction text NOT NULL,
    is_test boolean DEFAULT false NOT NULL,
    carrier text NOT NULL,
    carrier_call_id text,
    caller_number text,
    called_number text,
    status text NOT NULL,
    end_reason text,
    end_detail text,
    media_node text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    answered_at timestamp with time zone,
    ended_at timestamp with time zone,
    duration_seconds integer DEFAULT 0 NOT NULL,
    recording_key text,
    recording_seconds numeric(10,3),
    transcription text,
    summary text,
    sentiment text,
    cost_total numeric(14,6) DEFAULT 0 NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    variables jsonb DEFAULT '{}'::jsonb NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    sentiment_score real,
    success boolean,
    analysis_status text,
    analysis jsonb,
    CONSTRAINT calls_analysis_status_check CHECK ((analysis_status = ANY (ARRAY['pending'::text, 'done'::text, 'failed'::text, 'skipped'::text]))),
    CONSTRAINT calls_carrier_check CHECK ((carrier = ANY (ARRAY['twilio'::text, 'telnyx'::text, 'browser'::text, 'simulated'::text]))),
    CONSTRAINT calls_direction_check CHECK ((direction = ANY (ARRAY['inbound'::text, 'outbound'::text]))),
    CONSTRAINT calls_end_reason_check CHECK ((end_reason = ANY (ARRAY['caller_hangup'::text, 'agent_hangup'::text, 'transferred'::text, 'voicemail'::text, 'max_duration'::text, 'silence'::text, 'spend_limit'::text, 'admin'::text, 'member'::text, 'carrier_error'::text, 'provider_error'::text, 'media_lost'::text]))),
    CONSTRAINT calls_sentiment_check CHECK ((sentiment = ANY (ARRAY['positive'::text, 'neutral'::text, 'negative'::text]))),
    CONSTRAINT calls_sentiment_score_check CHECK (((sentiment_score >= ('-1'::integer)::double precision) AND (sentiment_score <= (1)::double precision))),
    CONSTRAINT calls_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'ringing'::text, 'in_progress'::text, 'completed'::text, 'failed'::text, 'busy'::text, 'no_answer'::text, 'canceled'::text])))
);

--
-- Name: transfer_talked_seconds(public.calls); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.transfer_talked_seconds(c public.calls) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((((c).details -> 'put_through'::text) ->> 'talked_s'::text))::integer;

--
-- Name: transfer_until(public.calls); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.transfer_until(c public.calls) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((c).details -> 'put_through'::text) ->> 'until'::text);

--
-- Name: usd_rate(text, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.usd_rate(wanted text, moment timestamp with time zone) RETURNS numeric
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN wanted = 'usd' THEN 1 ELSE coalesce(
        (SELECT usd FROM exchange_rates WHERE currency = wanted AND valid_from <= moment
         ORDER BY valid_from DESC LIMIT 1),
        (SELECT usd FROM exchange_rates WHERE currency = wanted ORDER BY valid_from LIMIT 1)) END
$$;

--
-- Name: accruals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.accruals (
    workspace_id uuid NOT NULL,
    period_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    resource_type text NOT NULL,
    quantity numeric(18,6) NOT NULL,
    price numeric(24,9) NOT NULL,
    cost numeric(18,9) NOT NULL,
    list_price numeric(24,9) NOT NULL,
    CONSTRAINT accruals_check CHECK ((until > at)),
    CONSTRAINT accruals_resource_type_check CHECK ((resource_type = ANY (ARRAY['subscription'::text, 'included_minutes'::text, 'trial'::text, 'phone_number'::text])))
);

--
-- Name: address_registrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.address_registrations (
    address_id uuid NOT NULL,
    carrier text NOT NULL,
    workspace_id uuid NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    status_detail text,
    carrier_address_id text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT address_registrations_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'registered'::text, 'rejected'::text])))
);

--
-- Name: admin_recovery_codes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.admin_recovery_codes (
    admin_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    used_at timestamp with time zone
);

--
-- Name: admins; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.admins (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    totp_secret bytea,
    totp_enabled_at timestamp with time zone,
    totp_last_step bigint DEFAULT 0 NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    last_login_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT admins_email_check CHECK ((email = lower(email))),
    CONSTRAINT admins_role_check CHECK ((role = ANY (ARRAY['super_admin'::text, 'support'::text, 'finance'::text, 'read_only'::text])))
);

--
-- Name: agent_daily; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agent_daily (
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    day date NOT NULL,
    calls integer NOT NULL,
    completed integer NOT NULL,
    seconds bigint NOT NULL
);

--
-- Name: agent_drafts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agent_drafts (
    agent_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    base_version integer NOT NULL,
    revision uuid NOT NULL,
    name text NOT NULL,
    config jsonb NOT NULL,
    voice_provider text,
    voice_config jsonb DEFAULT '{}'::jsonb NOT NULL,
    tested_version integer,
    updated_by uuid,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

--
-- Name: agent_templates; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agent_templates (
    id uuid NOT NULL,
    slug text,
    name text NOT NULL,
    industry text,
    description text DEFAULT ''::text NOT NULL,
    default_config jsonb NOT NULL,
    is_public boolean DEFAULT false NOT NULL,
    created_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone
);

--
-- Name: agent_totals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agent_totals (
    agent_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    calls bigint NOT NULL,
    completed bigint NOT NULL,
    seconds bigint NOT NULL
);

--
-- Name: agent_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agent_versions (
    agent_id uuid NOT NULL,
    version integer NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    config jsonb NOT NULL,
    voice_provider text,
    voice_config jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    is_draft boolean DEFAULT false NOT NULL,
    CONSTRAINT agent_versions_version_check CHECK ((version >= 1))
);

--
-- Name: agents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agents (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    status text DEFAULT 'draft'::text NOT NULL,
    template_id uuid,
    version integer DEFAULT 1 NOT NULL,
    activated_at timestamp with time zone,
    created_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT agents_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'live'::text, 'paused'::text])))
);

--
-- Name: api_key_secrets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_key_secrets (
    hash bytea NOT NULL,
    key_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    holder_id uuid NOT NULL,
    prefix text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone
);

--
-- Name: api_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_keys (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL
);

--
-- Name: appointments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.appointments (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    integration_id uuid NOT NULL,
    external_id text,
    status text NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    phone text,
    call_id uuid,
    run_id text,
    seen_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    calendar_key text,
    reference text,
    moves uuid,
    change_key text,
    CONSTRAINT appointments_check CHECK ((starts_at < ends_at)),
    CONSTRAINT appointments_status_check CHECK ((status = ANY (ARRAY['booking'::text, 'booked'::text, 'failed'::text, 'canceled'::text])))
);

--
-- Name: audit_log; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_log (
    id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL,
    actor_id uuid,
    actor_email text,
    action text NOT NULL,
    resource_type text NOT NULL,
    resource_id text NOT NULL,
    workspace_id uuid,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    request_id text,
    address inet,
    CONSTRAINT audit_log_actor_check CHECK ((actor = ANY (ARRAY['admin'::text, 'user'::text, 'api_key'::text, 'system'::text])))
);

--
-- Name: audit_sealed_rows; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_sealed_rows (
    entry_id uuid NOT NULL,
    seal bigint NOT NULL,
    "position" integer NOT NULL,
    hash bytea NOT NULL
);

--
-- Name: audit_seals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_seals (
    number bigint NOT NULL,
    entries integer NOT NULL,
    root bytea NOT NULL,
    previous bytea NOT NULL,
    reached timestamp with time zone NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    mac bytea NOT NULL
);

--
-- Name: backup_runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.backup_runs (
    id bigint NOT NULL,
    kind text NOT NULL,
    backup text NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    seconds double precision NOT NULL,
    size bigint NOT NULL,
    CONSTRAINT backup_runs_kind_check CHECK ((kind = ANY (ARRAY['backup'::text, 'check'::text])))
);

--
-- Name: backup_runs_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.backup_runs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.backup_runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: billing_accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.billing_accounts (
    workspace_id uuid NOT NULL,
    currency text DEFAULT 'usd'::text NOT NULL,
    anchor_day integer DEFAULT 1 NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    legal_name text DEFAULT ''::text NOT NULL,
    country text,
    tax_id text DEFAULT ''::text NOT NULL,
    is_tax_exempt boolean DEFAULT false NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    is_prepaid boolean DEFAULT false NOT NULL,
    is_payment_method_exempt boolean DEFAULT false NOT NULL,
    CONSTRAINT billing_accounts_anchor_day_check CHECK (((anchor_day >= 1) AND (anchor_day <= 31))),
    CONSTRAINT billing_accounts_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT billing_accounts_currency_check CHECK ((currency ~ '^[a-z]{3}$'::text))
);

--
-- Name: billing_periods; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.billing_periods (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    period_start timestamp with time zone NOT NULL,
    period_end timestamp with time zone NOT NULL,
    tier_name text NOT NULL,
    subscription_fee numeric(18,3) NOT NULL,
    usage_total numeric(24,9) DEFAULT 0 NOT NULL,
    total_amount numeric(18,3) DEFAULT 0 NOT NULL,
    status text NOT NULL,
    closed_at timestamp with time zone,
    full_start timestamp with time zone NOT NULL,
    full_end timestamp with time zone NOT NULL,
    timezone text NOT NULL,
    currency text DEFAULT 'usd'::text NOT NULL,
    unpriced integer DEFAULT 0 NOT NULL,
    accrued_until timestamp with time zone,
    accrued_at timestamp with time zone,
    CONSTRAINT billing_periods_check CHECK ((period_end > period_start)),
    CONSTRAINT billing_periods_status_check CHECK ((status = ANY (ARRAY['open'::text, 'closing'::text, 'pending'::text, 'paid'::text, 'overdue'::text, 'void'::text])))
);

--
-- Name: billing_settings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.billing_settings (
    workspace_id uuid NOT NULL,
    usage_limit_monthly numeric(18,3),
    alert_threshold_percentage integer DEFAULT 80 NOT NULL,
    auto_pause_on_limit boolean DEFAULT false NOT NULL,
    billing_email text,
    stripe_payment_method_id text,
    payment_method_last4 text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT billing_settings_alert_threshold_percentage_check CHECK (((alert_threshold_percentage >= 1) AND (alert_threshold_percentage <= 100)))
);

--
-- Name: blocked_callers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.blocked_callers (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    caller text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: business_addresses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.business_addresses (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    customer_name text NOT NULL,
    street text NOT NULL,
    street_secondary text DEFAULT ''::text NOT NULL,
    city text NOT NULL,
    region text NOT NULL,
    postal_code text NOT NULL,
    country text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT business_addresses_status_check CHECK ((status = ANY (ARRAY['active'::text, 'deleting'::text])))
);

--
-- Name: call_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.call_events (
    call_id uuid NOT NULL,
    seq integer NOT NULL,
    workspace_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    event_type text NOT NULL,
    event_data jsonb NOT NULL,
    CONSTRAINT call_events_seq_check CHECK ((seq >= 0))
)
PARTITION BY RANGE (at);

--
-- Name: call_events_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.call_events_default (
    call_id uuid CONSTRAINT call_events_call_id_not_null NOT NULL,
    seq integer CONSTRAINT call_events_seq_not_null NOT NULL,
    workspace_id uuid CONSTRAINT call_events_workspace_id_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT call_events_at_not_null NOT NULL,
    event_type text CONSTRAINT call_events_event_type_not_null NOT NULL,
    event_data jsonb CONSTRAINT call_events_event_data_not_null NOT NULL,
    CONSTRAINT call_events_seq_check CHECK ((seq >= 0))
);

--
-- Name: call_exports; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.call_exports (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    format text NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    outcome text,
    rows bigint,
    CONSTRAINT call_exports_check CHECK ((((ended_at IS NULL) = (outcome IS NULL)) AND ((ended_at IS NULL) = (rows IS NULL)))),
    CONSTRAINT call_exports_format_check CHECK ((format = ANY (ARRAY['csv'::text, 'json'::text]))),
    CONSTRAINT call_exports_outcome_check CHECK ((outcome = ANY (ARRAY['complete'::text, 'aborted'::text])))
);

--
-- Name: call_intervals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.call_intervals (
    workspace_id uuid NOT NULL,
    began timestamp with time zone NOT NULL,
    agent_id uuid,
    calls integer NOT NULL,
    seconds bigint NOT NULL,
    inbound integer NOT NULL,
    queued integer NOT NULL,
    ringing integer NOT NULL,
    in_progress integer NOT NULL,
    completed integer NOT NULL,
    failed integer NOT NULL,
    busy integer NOT NULL,
    no_answer integer NOT NULL,
    canceled integer NOT NULL,
    positive integer NOT NULL,
    neutral integer NOT NULL,
    negative integer NOT NULL,
    judged integer NOT NULL,
    successful integer NOT NULL,
    scored integer NOT NULL,
    score_sum numeric(14,6) NOT NULL
);

--
-- Name: call_search; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.call_search (
    call_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    words tsvector NOT NULL
);

--
-- Name: call_search_progress; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.call_search_progress (
    id boolean DEFAULT true NOT NULL,
    below uuid NOT NULL,
    CONSTRAINT call_search_progress_id_check CHECK (id)
);

--
-- Name: call_supervisions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.call_supervisions (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    call_id uuid NOT NULL,
    mode text NOT NULL,
    actor text NOT NULL,
    actor_id uuid NOT NULL,
    actor_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    began_at timestamp with time zone,
    ended_at timestamp with time zone,
    end_reason text,
    heard_ms integer DEFAULT 0 NOT NULL,
    spoken_ms integer DEFAULT 0 NOT NULL,
    CONSTRAINT call_supervisions_actor_check CHECK ((actor = ANY (ARRAY['user'::text, 'api_key'::text, 'admin'::text]))),
    CONSTRAINT call_supervisions_mode_check CHECK ((mode = ANY (ARRAY['listen'::text, 'whisper'::text, 'speak'::text])))
);

--
-- Name: call_words; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.call_words (
    call_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    words jsonb NOT NULL,
    word_times jsonb
);

--
-- Name: called_countries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.called_countries (
    workspace_id uuid NOT NULL,
    country text NOT NULL,
    first_at timestamp with time zone NOT NULL,
    CONSTRAINT called_countries_country_check CHECK ((country ~ '^[A-Z]{2}$'::text))
);

--
-- Name: caller_deletions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.caller_deletions (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    caller text NOT NULL,
    sealed_number bytea,
    status text NOT NULL,
    requested_by uuid,
    requested_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT caller_deletions_check CHECK ((((status = 'done'::text) = (finished_at IS NOT NULL)) AND ((status = 'done'::text) = (sealed_number IS NULL)))),
    CONSTRAINT caller_deletions_status_check CHECK ((status = ANY (ARRAY['running'::text, 'done'::text])))
);

--
-- Name: campaign_attempts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.campaign_attempts (
    call_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    recipient_id uuid NOT NULL,
    phone_number text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    outcome text,
    detail text
);

--
-- Name: campaign_recipients; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.campaign_recipients (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    phone_number text NOT NULL,
    variables jsonb NOT NULL,
    timezone text,
    reference text,
    status text NOT NULL,
    outcome text,
    detail text,
    attempts integer NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT campaign_recipients_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'calling'::text, 'finished'::text])))
);

--
-- Name: campaigns; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.campaigns (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    agent_id uuid NOT NULL,
    agent_version integer,
    number_ids uuid[] NOT NULL,
    status text NOT NULL,
    status_reason text,
    hours jsonb,
    retries jsonb NOT NULL,
    calls_per_minute integer NOT NULL,
    most_open_calls integer NOT NULL,
    leaves_messages boolean NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    next_dispatch_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    call_screening text,
    external_ref text,
    CONSTRAINT campaigns_call_screening_check CHECK ((call_screening = ANY (ARRAY['answer'::text, 'end'::text]))),
    CONSTRAINT campaigns_calls_per_minute_check CHECK ((calls_per_minute > 0)),
    CONSTRAINT campaigns_most_open_calls_check CHECK ((most_open_calls > 0)),
    CONSTRAINT campaigns_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'running'::text, 'paused'::text, 'completed'::text, 'canceled'::text])))
);

--
-- Name: contacts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.contacts (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    integration_id uuid NOT NULL,
    external_id text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    first_name text DEFAULT ''::text NOT NULL,
    company text DEFAULT ''::text NOT NULL,
    email text DEFAULT ''::text NOT NULL,
    phone text,
    mobile_phone text,
    seen_by uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: credit_grants; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.credit_grants (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    amount numeric(18,3) NOT NULL,
    currency text DEFAULT 'usd'::text NOT NULL,
    category text NOT NULL,
    applies_to text NOT NULL,
    priority integer DEFAULT 50 NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    reason text NOT NULL,
    granted_by uuid,
    voided_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT credit_grants_amount_check CHECK ((amount > (0)::numeric)),
    CONSTRAINT credit_grants_applies_to_check CHECK ((applies_to = ANY (ARRAY['usage'::text, 'all'::text]))),
    CONSTRAINT credit_grants_category_check CHECK ((category = ANY (ARRAY['promotional'::text, 'goodwill'::text, 'prepaid'::text]))),
    CONSTRAINT credit_grants_check CHECK ((expires_at > effective_at)),
    CONSTRAINT credit_grants_priority_check CHECK (((priority >= 0) AND (priority <= 100)))
);

--
-- Name: do_not_call_numbers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.do_not_call_numbers (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    number text NOT NULL,
    source text NOT NULL,
    call_id uuid,
    added_by uuid,
    note text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT do_not_call_numbers_source_check CHECK ((source = ANY (ARRAY['member'::text, 'api'::text, 'import'::text, 'caller_words'::text, 'caller_keypad'::text])))
);

--
-- Name: exchange_rates; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.exchange_rates (
    id bigint NOT NULL,
    currency text NOT NULL,
    usd numeric(24,12) NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT exchange_rates_check CHECK ((valid_from >= created_at)),
    CONSTRAINT exchange_rates_currency_check CHECK (((currency ~ '^[a-z]{3}$'::text) AND (currency <> 'usd'::text))),
    CONSTRAINT exchange_rates_usd_check CHECK ((usd > (0)::numeric))
);

--
-- Name: exchange_rates_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.exchange_rates ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.exchange_rates_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: exemptions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.exemptions (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    rule text NOT NULL,
    reason text NOT NULL,
    granted_by text,
    granted_at timestamp with time zone NOT NULL,
    CONSTRAINT exemptions_rule_check CHECK ((rule = ANY (ARRAY['tax'::text, 'payment_method'::text])))
);

--
-- Name: failed_sign_ins; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.failed_sign_ins (
    audience text NOT NULL,
    address_hash bytea NOT NULL,
    failures integer NOT NULL,
    last_at timestamp with time zone NOT NULL,
    locked_until timestamp with time zone,
    CONSTRAINT failed_sign_ins_audience_check CHECK ((audience = ANY (ARRAY['user'::text, 'admin'::text])))
);

--
-- Name: former_users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.former_users (
    user_id uuid NOT NULL,
    identity bytea NOT NULL,
    deleted_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: http_tools; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.http_tools (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    config jsonb NOT NULL,
    secret_names text[] DEFAULT '{}'::text[] NOT NULL,
    sealed_headers bytea,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    scope text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint,
    answer bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    request_id uuid
);

--
-- Name: integration_sync_logs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.integration_sync_logs (
    id uuid NOT NULL,
    integration_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    sync_type text NOT NULL,
    status text NOT NULL,
    records_synced integer DEFAULT 0 NOT NULL,
    error text,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    progress jsonb DEFAULT '{}'::jsonb NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT integration_sync_logs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text])))
);

--
-- Name: integration_syncs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.integration_syncs (
    integration_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    positions jsonb DEFAULT '{}'::jsonb NOT NULL,
    lease uuid,
    lease_until timestamp with time zone
);

--
-- Name: integration_types; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.integration_types (
    type text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    auth_type text NOT NULL,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    secrets bytea,
    is_enabled boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    is_shipped boolean DEFAULT false NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    shipped_config jsonb,
    CONSTRAINT integration_types_auth_type_check CHECK ((auth_type = ANY (ARRAY['oauth2'::text, 'api_key'::text, 'webhook'::text, 'none'::text])))
);

--
-- Name: integrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.integrations (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    integration_type text NOT NULL,
    name text NOT NULL,
    status text NOT NULL,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    credentials bytea,
    credentials_expire_at timestamp with time zone,
    last_sync_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    error text,
    account text,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    grant_version integer DEFAULT 0 NOT NULL,
    refresh_lease uuid,
    refresh_lease_until timestamp with time zone,
    connected_at timestamp with time zone,
    created_by uuid,
    CONSTRAINT integrations_status_check CHECK ((status = ANY (ARRAY['connecting'::text, 'connected'::text, 'error'::text, 'disconnected'::text])))
);

--
-- Name: invitations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.invitations (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    token_hash bytea NOT NULL,
    invited_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    accepted_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT invitations_email_check CHECK ((email = lower(email))),
    CONSTRAINT invitations_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text, 'viewer'::text])))
);

--
-- Name: invoice_lines; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.invoice_lines (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    is_adjustment boolean DEFAULT false NOT NULL,
    description text NOT NULL,
    billing_period_id uuid,
    since timestamp with time zone,
    until timestamp with time zone,
    tier_name text,
    plan_version bigint,
    phone_number_id uuid,
    grant_id uuid,
    tax_rate bigint,
    quantity numeric(18,6) NOT NULL,
    unit text NOT NULL,
    exact numeric(24,9) NOT NULL,
    amount numeric(18,3) NOT NULL,
    tax numeric(18,3) DEFAULT 0 NOT NULL,
    CONSTRAINT invoice_lines_kind_check CHECK ((kind = ANY (ARRAY['fee'::text, 'minutes'::text, 'included'::text, 'trial'::text, 'number'::text, 'credit'::text, 'tax'::text])))
);

--
-- Name: invoice_numbers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.invoice_numbers (
    series text NOT NULL,
    last integer NOT NULL,
    CONSTRAINT invoice_numbers_last_check CHECK ((last >= 1))
);

--
-- Name: invoices; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.invoices (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    billing_period_id uuid,
    stripe_invoice_id text,
    amount numeric(18,3) NOT NULL,
    currency text DEFAULT 'usd'::text NOT NULL,
    status text NOT NULL,
    period_start timestamp with time zone NOT NULL,
    period_end timestamp with time zone NOT NULL,
    invoice_pdf_url text,
    due_at timestamp with time zone,
    paid_at timestamp with time zone,
    voided_at timestamp with time zone,
    voided_why text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    number text,
    sink text DEFAULT 'own'::text NOT NULL,
    subtotal numeric(18,3) NOT NULL,
    tax numeric(18,3) NOT NULL,
    amount_paid numeric(18,3) DEFAULT 0 NOT NULL,
    amount_refunded numeric(18,3) DEFAULT 0 NOT NULL,
    customer_name text NOT NULL,
    customer_tax_id text DEFAULT ''::text NOT NULL,
    customer_country text,
    timezone text NOT NULL,
    issued_at timestamp with time zone,
    CONSTRAINT invoices_issued CHECK (((status = 'draft'::text) OR (issued_at IS NOT NULL))),
    CONSTRAINT invoices_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'pending'::text, 'paid'::text, 'overdue'::text, 'void'::text, 'uncollectible'::text])))
);

--
-- Name: knowledge_chunks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.knowledge_chunks (
    document_id uuid NOT NULL,
    number integer NOT NULL,
    workspace_id uuid NOT NULL,
    page integer,
    heading text NOT NULL,
    text text NOT NULL,
    search tsvector NOT NULL
);
ALTER TABLE ONLY public.knowledge_chunks ALTER COLUMN search SET STORAGE MAIN;

--
-- Name: knowledge_documents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.knowledge_documents (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    format text NOT NULL,
    language text NOT NULL,
    size_bytes bigint NOT NULL,
    status text NOT NULL,
    failure text,
    pages integer,
    chunk_count integer DEFAULT 0 NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    created_by uuid,
    created_at timestamp with time zone NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    indexed_at timestamp with time zone,
    start_tag integer DEFAULT 0 NOT NULL,
    CONSTRAINT knowledge_documents_check CHECK (((status = 'failed'::text) = (failure IS NOT NULL))),
    CONSTRAINT knowledge_documents_format_check CHECK ((format = ANY (ARRAY['text'::text, 'markdown'::text, 'html'::text, 'pdf'::text]))),
    CONSTRAINT knowledge_documents_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'ready'::text, 'failed'::text])))
);

--
-- Name: knowledge_terms; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.knowledge_terms (
    workspace_id uuid NOT NULL,
    term text NOT NULL COLLATE pg_catalog."C",
    chunks integer NOT NULL
);

--
-- Name: letter_counts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.letter_counts (
    recipient bytea NOT NULL,
    hour_started_at timestamp with time zone NOT NULL,
    in_hour integer NOT NULL,
    day_started_at timestamp with time zone NOT NULL,
    in_day integer NOT NULL
);

--
-- Name: mcp_servers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.mcp_servers (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    config jsonb NOT NULL,
    secret_names text[] DEFAULT '{}'::text[] NOT NULL,
    sealed_headers bytea,
    tools jsonb DEFAULT '[]'::jsonb NOT NULL,
    listed_at timestamp with time zone,
    tried_at timestamp with time zone,
    list_error text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

--
-- Name: message_emails; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.message_emails (
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    day date NOT NULL,
    sent integer NOT NULL
);

--
-- Name: messages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.messages (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    call_id uuid NOT NULL,
    run_id text NOT NULL,
    agent_id uuid NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    caller_name text NOT NULL,
    callback_number text NOT NULL,
    reason text NOT NULL,
    text text NOT NULL,
    is_urgent boolean NOT NULL,
    emailed_at timestamp with time zone
);

--
-- Name: meter_days; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.meter_days (
    workspace_id uuid NOT NULL,
    day date NOT NULL,
    revision integer NOT NULL,
    seconds bigint NOT NULL,
    delivered_at timestamp with time zone,
    last_error text
);

--
-- Name: oauth_states; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.oauth_states (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    integration_id uuid NOT NULL,
    user_id uuid NOT NULL,
    state_hash bytea NOT NULL,
    verifier bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    confirmation_hash bytea,
    credentials bytea
);

--
-- Name: one_time_tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.one_time_tokens (
    token_hash bytea NOT NULL,
    purpose text NOT NULL,
    user_id uuid NOT NULL,
    email text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT one_time_tokens_purpose_check CHECK ((purpose = ANY (ARRAY['verify_email'::text, 'reset_password'::text])))
);

--
-- Name: outbound_webhook_attempts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbound_webhook_attempts (
    delivery_id uuid NOT NULL,
    number integer NOT NULL,
    workspace_id uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    took_ms integer NOT NULL,
    status_code integer,
    error text,
    answer text NOT NULL
);

--
-- Name: outbound_webhook_deliveries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbound_webhook_deliveries (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    status text NOT NULL,
    attempts integer NOT NULL,
    failures integer NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    leased_until timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT outbound_webhook_deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
);

--
-- Name: outbound_webhook_endpoints; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbound_webhook_endpoints (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    url text NOT NULL,
    description text NOT NULL,
    event_types text[],
    is_enabled boolean NOT NULL,
    disabled_reason text,
    sealed_secret bytea NOT NULL,
    sealed_old_secret bytea,
    old_secret_until timestamp with time zone,
    failing_since timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    failed_at timestamp with time zone
);

--
-- Name: outbound_webhook_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbound_webhook_events (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    type text NOT NULL,
    api_version text NOT NULL,
    object_id uuid NOT NULL,
    call_id uuid,
    occurred_at timestamp with time zone NOT NULL,
    sequence bigint NOT NULL,
    data jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL
);

--
-- Name: payments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.payments (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    kind text NOT NULL,
    amount numeric(18,3) NOT NULL,
    currency text NOT NULL,
    method text NOT NULL,
    reference text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    recorded_by uuid,
    at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT payments_check CHECK ((((kind = 'payment'::text) = (amount > (0)::numeric)) AND (amount <> (0)::numeric))),
    CONSTRAINT payments_kind_check CHECK ((kind = ANY (ARRAY['payment'::text, 'refund'::text])))
);

--
-- Name: pgqueuer; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pgqueuer (
    id bigint NOT NULL,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    execute_after timestamp with time zone DEFAULT now() NOT NULL,
    status public.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer DEFAULT 0 NOT NULL,
    slot bigint
);

--
-- Name: pgqueuer_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.pgqueuer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: pgqueuer_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.pgqueuer_id_seq OWNED BY public.pgqueuer.id;

--
-- Name: pgqueuer_log; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pgqueuer_log (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    job_id bigint NOT NULL,
    status public.pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
);

--
-- Name: pgqueuer_log_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.pgqueuer_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.pgqueuer_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: pgqueuer_schedules; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pgqueuer_schedules (
    id bigint NOT NULL,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    next_run timestamp with time zone DEFAULT now() NOT NULL,
    last_run timestamp with time zone,
    status public.pgqueuer_status DEFAULT 'queued'::public.pgqueuer_status
);

--
-- Name: pgqueuer_schedules_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.pgqueuer_schedules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: pgqueuer_schedules_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.pgqueuer_schedules_id_seq OWNED BY public.pgqueuer_schedules.id;

--
-- Name: pgqueuer_statistics; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pgqueuer_statistics (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT date_trunc('sec'::text, now()) NOT NULL,
    count bigint NOT NULL,
    priority integer NOT NULL,
    status public.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL
);

--
-- Name: pgqueuer_statistics_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.pgqueuer_statistics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: pgqueuer_statistics_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.pgqueuer_statistics_id_seq OWNED BY public.pgqueuer_statistics.id;

--
-- Name: phone_codes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.phone_codes (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    phone_number text NOT NULL,
    call_id uuid NOT NULL,
    language text NOT NULL,
    code bytea NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

--
-- Name: phone_numbers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.phone_numbers (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    phone_number text NOT NULL,
    friendly_name text DEFAULT ''::text NOT NULL,
    carrier text NOT NULL,
    carrier_number_id text,
    status text NOT NULL,
    agent_id uuid,
    country text,
    capabilities jsonb DEFAULT '{}'::jsonb NOT NULL,
    monthly_price numeric(12,4) DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    released_at timestamp with time zone,
    status_detail text,
    configured_for text,
    configure_tried_at timestamp with time zone,
    is_imported boolean DEFAULT false NOT NULL,
    address_id uuid,
    bundle_id uuid,
    bought_at timestamp with time zone,
    CONSTRAINT phone_numbers_carrier_check CHECK ((carrier = ANY (ARRAY['twilio'::text, 'telnyx'::text, 'simulated'::text]))),
    CONSTRAINT phone_numbers_phone_number_check CHECK ((phone_number ~ '^\+[1-9][0-9]{1,14}$'::text)),
    CONSTRAINT phone_numbers_status_check CHECK ((status = ANY (ARRAY['buying'::text, 'active'::text, 'releasing'::text, 'released'::text, 'failed'::text])))
);

--
-- Name: plan_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.plan_versions (
    id bigint NOT NULL,
    tier_name text NOT NULL,
    monthly_fee numeric(18,3) NOT NULL,
    included_minutes integer NOT NULL,
    currency text DEFAULT 'usd'::text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT plan_versions_check CHECK ((valid_from >= created_at)),
    CONSTRAINT plan_versions_currency_check CHECK ((currency ~ '^[a-z]{3}$'::text)),
    CONSTRAINT plan_versions_included_minutes_check CHECK ((included_minutes >= 0)),
    CONSTRAINT plan_versions_monthly_fee_check CHECK ((monthly_fee >= (0)::numeric))
);

--
-- Name: plan_versions_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.plan_versions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.plan_versions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: platform_calls; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.platform_calls (
    id boolean DEFAULT true NOT NULL,
    measured_at timestamp with time zone NOT NULL,
    hour_calls bigint NOT NULL,
    hour_seconds bigint NOT NULL,
    day_calls bigint NOT NULL,
    day_seconds bigint NOT NULL,
    CONSTRAINT platform_calls_id_check CHECK (id)
);

--
-- Name: platform_daily; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.platform_daily (
    day date NOT NULL,
    calls integer NOT NULL,
    seconds bigint NOT NULL,
    price numeric(18,9) NOT NULL,
    cost numeric(18,9) NOT NULL,
    by_status jsonb NOT NULL,
    by_direction jsonb NOT NULL,
    by_carrier jsonb NOT NULL,
    by_provider jsonb NOT NULL,
    price_by_tier jsonb NOT NULL,
    by_hour integer[] NOT NULL,
    revenue_by_resource jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT platform_daily_by_hour_check CHECK ((cardinality(by_hour) = 24))
);

--
-- Name: platform_provider_daily; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.platform_provider_daily (
    day date NOT NULL,
    provider text NOT NULL,
    calls integer NOT NULL,
    measured integer NOT NULL,
    failed_calls integer NOT NULL,
    cost numeric(18,9) NOT NULL,
    revenue numeric(18,9) CONSTRAINT platform_provider_daily_price_not_null NOT NULL,
    unpriced integer NOT NULL,
    latency jsonb NOT NULL
);

--
-- Name: price_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.price_versions (
    id bigint NOT NULL,
    side text NOT NULL,
    provider text NOT NULL,
    role text NOT NULL,
    model text NOT NULL,
    unit text NOT NULL,
    price numeric(18,9) NOT NULL,
    currency text DEFAULT 'USD'::text NOT NULL,
    source text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    CONSTRAINT price_versions_check CHECK ((valid_from >= created_at)),
    CONSTRAINT price_versions_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT price_versions_model_check CHECK ((model <> ''::text)),
    CONSTRAINT price_versions_price_check CHECK ((price >= (0)::numeric)),
    CONSTRAINT price_versions_role_check CHECK ((role = ANY (ARRAY['stt'::text, 'llm'::text, 'tts'::text, 'telephony'::text, 'call_minutes'::text]))),
    CONSTRAINT price_versions_side_check CHECK ((side = ANY (ARRAY['cost'::text, 'price'::text]))),
    CONSTRAINT price_versions_source_check CHECK ((source = ANY (ARRAY['shipped'::text, 'operator'::text, 'tier'::text]))),
    CONSTRAINT price_versions_unit_check CHECK ((unit = ANY (ARRAY['minute'::text, 'thousand_characters'::text, 'million_prompt_tokens'::text, 'million_cached_tokens'::text, 'million_cache_write_tokens'::text, 'million_completion_tokens'::text])))
);

--
-- Name: price_versions_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.price_versions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.price_versions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: provider_daily; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.provider_daily (
    workspace_id uuid NOT NULL,
    day date NOT NULL,
    provider text NOT NULL,
    calls integer NOT NULL,
    measured integer NOT NULL,
    failed_calls integer NOT NULL,
    cost numeric(18,9) NOT NULL,
    revenue numeric(18,9) CONSTRAINT provider_daily_price_not_null NOT NULL,
    unpriced integer NOT NULL,
    latency jsonb NOT NULL
);

--
-- Name: provider_figures; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.provider_figures (
    provider text NOT NULL,
    role text NOT NULL,
    source text NOT NULL,
    status text NOT NULL,
    since timestamp with time zone NOT NULL,
    requests integer DEFAULT 0 NOT NULL,
    error_rate numeric(6,4),
    p50_ms integer,
    p95_ms integer,
    checked_at timestamp with time zone NOT NULL,
    CONSTRAINT provider_figures_role_check CHECK ((role = ANY (ARRAY['stt'::text, 'llm'::text, 'tts'::text]))),
    CONSTRAINT provider_figures_source_check CHECK ((source = ANY (ARRAY['calls'::text, 'probes'::text]))),
    CONSTRAINT provider_figures_status_check CHECK ((status = ANY (ARRAY['unknown'::text, 'healthy'::text, 'degraded'::text, 'down'::text])))
);

--
-- Name: provider_probes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.provider_probes (
    id uuid NOT NULL,
    provider text NOT NULL,
    role text NOT NULL,
    at timestamp with time zone NOT NULL,
    latency_ms integer,
    cost numeric(18,9) NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    CONSTRAINT provider_probes_role_check CHECK ((role = ANY (ARRAY['stt'::text, 'llm'::text, 'tts'::text])))
);

--
-- Name: providers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.providers (
    provider text NOT NULL,
    is_enabled boolean DEFAULT true NOT NULL,
    priority integer DEFAULT 100 NOT NULL,
    cost_per_unit jsonb DEFAULT '{}'::jsonb NOT NULL,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    api_key bytea,
    health_status text DEFAULT 'unknown'::text NOT NULL,
    latency_ms integer,
    error_rate numeric(6,4),
    last_check timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    display_name text DEFAULT ''::text NOT NULL,
    kinds text[] DEFAULT '{}'::text[] NOT NULL,
    needs_key boolean DEFAULT true NOT NULL,
    for_tests boolean DEFAULT false NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_shipped boolean DEFAULT false NOT NULL,
    estimated_costs jsonb DEFAULT '{}'::jsonb NOT NULL,
    data_policy jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT providers_health_status_check CHECK ((health_status = ANY (ARRAY['unknown'::text, 'healthy'::text, 'degraded'::text, 'down'::text]))),
    CONSTRAINT providers_kinds_check CHECK ((kinds <@ ARRAY['stt'::text, 'llm'::text, 'tts'::text]))
);

--
-- Name: reference_attempts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reference_attempts (
    call_id uuid NOT NULL,
    run_id text NOT NULL,
    workspace_id uuid NOT NULL,
    attempted_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: refresh_tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.refresh_tokens (
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

--
-- Name: refund_orders; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.refund_orders (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    amount numeric(18,3) NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    ordered_by uuid,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT refund_orders_amount_check CHECK ((amount > (0)::numeric)),
    CONSTRAINT refund_orders_status_check CHECK ((status = ANY (ARRAY['open'::text, 'done'::text, 'failed'::text])))
);

--
-- Name: regulatory_bundles; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.regulatory_bundles (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    carrier text NOT NULL,
    carrier_bundle_id text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    country text NOT NULL,
    number_kind text NOT NULL,
    status text NOT NULL,
    valid_until timestamp with time zone,
    carrier_address_ids text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    checked_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT regulatory_bundles_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'in_review'::text, 'approved'::text, 'rejected'::text, 'expired'::text])))
);

--
-- Name: rented_numbers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rented_numbers (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    phone_number text NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    monthly_price numeric(12,4) NOT NULL
);

--
-- Name: retention_limits; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.retention_limits (
    workspace_id uuid NOT NULL,
    kind text NOT NULL,
    days integer NOT NULL,
    lowered_at timestamp with time zone,
    CONSTRAINT retention_limits_days_check CHECK ((days > 0)),
    CONSTRAINT retention_limits_kind_check CHECK ((kind = ANY (ARRAY['recording'::text, 'transcript'::text, 'event'::text])))
);

--
-- Name: retention_progress; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.retention_progress (
    workspace_id uuid NOT NULL,
    kind text NOT NULL,
    reached_at timestamp with time zone NOT NULL,
    reached_id uuid NOT NULL,
    CONSTRAINT retention_progress_kind_check CHECK ((kind = ANY (ARRAY['recording'::text, 'transcript'::text, 'event'::text])))
);

--
-- Name: revoked_media_passes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.revoked_media_passes (
    url text NOT NULL,
    made_before timestamp with time zone NOT NULL
);

--
-- Name: rollup_dirty; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rollup_dirty (
    workspace_id uuid NOT NULL,
    day date NOT NULL,
    marked_at timestamp with time zone DEFAULT now() NOT NULL,
    id bigint NOT NULL
);

--
-- Name: rollup_dirty_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.rollup_dirty ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rollup_dirty_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: schema_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_migrations (
    version character varying NOT NULL
);

--
-- Name: session_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.session_keys (
    pid integer NOT NULL,
    started timestamp with time zone NOT NULL,
    proof_hash bytea NOT NULL,
    seal_key text NOT NULL
);

--
-- Name: settings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.settings (
    key text NOT NULL,
    value jsonb NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by uuid
);

--
-- Name: sign_in_failures; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sign_in_failures (
    audience text NOT NULL,
    subject bytea NOT NULL,
    address_hash bytea,
    failures integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    locked_until timestamp with time zone,
    CONSTRAINT sign_in_failures_audience_check CHECK ((audience = ANY (ARRAY['user'::text, 'admin'::text])))
);

--
-- Name: sink_customers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sink_customers (
    workspace_id uuid NOT NULL,
    customer_id text NOT NULL,
    payment_method_id text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL
);

--
-- Name: sink_invoices; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sink_invoices (
    invoice_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone,
    checked_at timestamp with time zone NOT NULL,
    last_error text,
    answered_at timestamp with time zone
);

--
-- Name: spend_alarms; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.spend_alarms (
    id uuid NOT NULL,
    workspace_id uuid,
    kind text NOT NULL,
    day date NOT NULL,
    figure bigint NOT NULL,
    threshold bigint NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    CONSTRAINT spend_alarms_kind_check CHECK ((kind = ANY (ARRAY['short_calls'::text, 'test_calls'::text, 'new_countries'::text, 'platform_limit'::text])))
);

--
-- Name: spend_alerts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.spend_alerts (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    period_start timestamp with time zone NOT NULL,
    usage_limit numeric(18,3) NOT NULL,
    kind text NOT NULL,
    spent numeric(24,9) NOT NULL,
    at timestamp with time zone NOT NULL,
    threshold_percentage integer,
    ends_calls boolean,
    CONSTRAINT spend_alerts_kind_check CHECK ((kind = ANY (ARRAY['threshold'::text, 'limit'::text])))
);

--
-- Name: sso_connections; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sso_connections (
    workspace_id uuid NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea NOT NULL,
    default_role text NOT NULL,
    is_enforced boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT sso_connections_default_role_check CHECK ((default_role = ANY (ARRAY['admin'::text, 'member'::text, 'viewer'::text])))
);

--
-- Name: sso_domains; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sso_domains (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    domain text NOT NULL,
    proof text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    verified_at timestamp with time zone,
    CONSTRAINT sso_domains_domain_check CHECK ((domain = lower(domain)))
);

--
-- Name: sso_flows; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sso_flows (
    state_hash bytea NOT NULL,
    workspace_id uuid NOT NULL,
    client_hash bytea NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

--
-- Name: sso_identities; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sso_identities (
    workspace_id uuid NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL
);

--
-- Name: tax_rates; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tax_rates (
    id bigint NOT NULL,
    country text NOT NULL,
    name text NOT NULL,
    basis_points integer NOT NULL,
    is_inclusive boolean DEFAULT false NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tax_rates_basis_points_check CHECK (((basis_points >= 0) AND (basis_points <= 10000))),
    CONSTRAINT tax_rates_country_check CHECK ((country ~ '^[A-Z]{2}$'::text))
);

--
-- Name: tax_rates_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.tax_rates ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tax_rates_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: test_cases; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.test_cases (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    source_call_id uuid,
    name text NOT NULL,
    script jsonb NOT NULL,
    created_by uuid,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

--
-- Name: test_results; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.test_results (
    run_id uuid NOT NULL,
    case_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    report jsonb,
    finished_at timestamp with time zone,
    CONSTRAINT test_results_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'passed'::text, 'failed'::text, 'error'::text])))
);

--
-- Name: test_runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.test_runs (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    agent_version integer NOT NULL,
    created_by uuid,
    created_at timestamp with time zone NOT NULL
);

--
-- Name: tier_prices; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tier_prices (
    tier_name text NOT NULL,
    currency text NOT NULL,
    monthly_fee numeric(18,3) NOT NULL,
    price_per_minute numeric(18,9) NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tier_prices_currency_check CHECK (((currency ~ '^[a-z]{3}$'::text) AND (currency <> 'usd'::text))),
    CONSTRAINT tier_prices_monthly_fee_check CHECK ((monthly_fee >= (0)::numeric)),
    CONSTRAINT tier_prices_price_per_minute_check CHECK ((price_per_minute >= (0)::numeric))
);

--
-- Name: tiers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tiers (
    tier_name text NOT NULL,
    display_name text NOT NULL,
    monthly_fee numeric(12,2) NOT NULL,
    included_minutes integer NOT NULL,
    price_per_minute numeric(12,6) NOT NULL,
    max_agents integer NOT NULL,
    max_members integer NOT NULL,
    max_phone_numbers integer NOT NULL,
    max_concurrent_calls integer NOT NULL,
    features jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_available boolean DEFAULT true NOT NULL,
    "position" integer DEFAULT 0 NOT NULL,
    stripe_price_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tiers_included_minutes_check CHECK ((included_minutes >= 0)),
    CONSTRAINT tiers_max_agents_check CHECK ((max_agents >= 0)),
    CONSTRAINT tiers_max_concurrent_calls_check CHECK ((max_concurrent_calls >= 1)),
    CONSTRAINT tiers_max_members_check CHECK ((max_members >= 1)),
    CONSTRAINT tiers_max_phone_numbers_check CHECK ((max_phone_numbers >= 0)),
    CONSTRAINT tiers_monthly_fee_check CHECK ((monthly_fee >= (0)::numeric)),
    CONSTRAINT tiers_price_per_minute_check CHECK ((price_per_minute >= (0)::numeric)),
    CONSTRAINT tiers_tier_name_check CHECK ((tier_name ~ '^[a-z][a-z0-9_]{0,39}$'::text))
);

--
-- Name: tool_runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tool_runs (
    call_id uuid NOT NULL,
    run_id text NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    attempt integer DEFAULT 1 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    ok boolean,
    outcome bytea
);

--
-- Name: transfer_times; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.transfer_times (
    call_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    granted_until timestamp with time zone NOT NULL,
    is_last boolean NOT NULL,
    ended_at timestamp with time zone
);

--
-- Name: usage_daily; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_daily (
    workspace_id uuid NOT NULL,
    day date NOT NULL,
    resource_type text NOT NULL,
    provider text NOT NULL,
    quantity numeric(18,6) NOT NULL,
    calls integer NOT NULL,
    cost numeric(18,9),
    price numeric(24,9),
    unpriced integer DEFAULT 0 NOT NULL,
    charged_quantity numeric(18,6)
);

--
-- Name: usage_intervals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_intervals (
    workspace_id uuid NOT NULL,
    began timestamp with time zone NOT NULL,
    resource_type text NOT NULL,
    quantity numeric(18,6) NOT NULL,
    price numeric(24,9) NOT NULL,
    unpriced integer NOT NULL
);

--
-- Name: usage_records; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_records (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    call_id uuid,
    agent_id uuid,
    at timestamp with time zone NOT NULL,
    resource_type text NOT NULL,
    provider text DEFAULT ''::text NOT NULL,
    quantity numeric(18,6) NOT NULL,
    unit text NOT NULL,
    cost numeric(18,9),
    price numeric(24,9),
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    seq integer,
    entry text DEFAULT 'usage'::text NOT NULL,
    vendor text DEFAULT ''::text NOT NULL,
    model text DEFAULT ''::text NOT NULL,
    estimated boolean DEFAULT false NOT NULL,
    cost_version bigint,
    price_version bigint,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT usage_records_entry_check CHECK ((entry = ANY (ARRAY['usage'::text, 'adjustment'::text]))),
    CONSTRAINT usage_records_resource_type_check CHECK ((resource_type = ANY (ARRAY['call_minutes'::text, 'telephony'::text, 'stt'::text, 'llm'::text, 'tts'::text, 'phone_number'::text, 'subscription'::text, 'storage'::text, 'credit'::text, 'included_minutes'::text, 'trial'::text]))),
    CONSTRAINT usage_records_seq_check CHECK ((seq >= 0))
)
PARTITION BY RANGE (at);

--
-- Name: usage_records_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_records_default (
    id uuid CONSTRAINT usage_records_id_not_null NOT NULL,
    workspace_id uuid CONSTRAINT usage_records_workspace_id_not_null NOT NULL,
    call_id uuid,
    agent_id uuid,
    at timestamp with time zone CONSTRAINT usage_records_at_not_null NOT NULL,
    resource_type text CONSTRAINT usage_records_resource_type_not_null NOT NULL,
    provider text DEFAULT ''::text CONSTRAINT usage_records_provider_not_null NOT NULL,
    quantity numeric(18,6) CONSTRAINT usage_records_quantity_not_null NOT NULL,
    unit text CONSTRAINT usage_records_unit_not_null NOT NULL,
    cost numeric(18,9),
    price numeric(24,9),
    details jsonb DEFAULT '{}'::jsonb CONSTRAINT usage_records_details_not_null NOT NULL,
    seq integer,
    entry text DEFAULT 'usage'::text CONSTRAINT usage_records_entry_not_null NOT NULL,
    vendor text DEFAULT ''::text CONSTRAINT usage_records_vendor_not_null NOT NULL,
    model text DEFAULT ''::text CONSTRAINT usage_records_model_not_null NOT NULL,
    estimated boolean DEFAULT false CONSTRAINT usage_records_estimated_not_null NOT NULL,
    cost_version bigint,
    price_version bigint,
    recorded_at timestamp with time zone DEFAULT now() CONSTRAINT usage_records_recorded_at_not_null NOT NULL,
    CONSTRAINT usage_records_entry_check CHECK ((entry = ANY (ARRAY['usage'::text, 'adjustment'::text]))),
    CONSTRAINT usage_records_resource_type_check CHECK ((resource_type = ANY (ARRAY['call_minutes'::text, 'telephony'::text, 'stt'::text, 'llm'::text, 'tts'::text, 'phone_number'::text, 'subscription'::text, 'storage'::text, 'credit'::text, 'included_minutes'::text, 'trial'::text]))),
    CONSTRAINT usage_records_seq_check CHECK ((seq >= 0))
);

--
-- Name: user_recovery_codes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.user_recovery_codes (
    user_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

--
-- Name: user_trials; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.user_trials (
    user_id uuid NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    CONSTRAINT user_trials_check CHECK ((ends_at >= began_at))
);

--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    email_verified_at timestamp with time zone,
    is_active boolean DEFAULT true NOT NULL,
    last_login_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    totp_secret bytea,
    totp_enabled_at timestamp with time zone,
    totp_last_step bigint DEFAULT 0 NOT NULL,
    CONSTRAINT users_email_check CHECK ((email = lower(email)))
);

--
-- Name: verified_numbers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.verified_numbers (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    phone_number text NOT NULL,
    verified_at timestamp with time zone NOT NULL,
    CONSTRAINT verified_numbers_phone_number_check CHECK ((phone_number ~ '^\+[1-9][0-9]{1,14}$'::text))
);

--
-- Name: voice_routing; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.voice_routing (
    id boolean DEFAULT true NOT NULL,
    default_strategy text NOT NULL,
    fallback_chain text[] DEFAULT '{}'::text[] NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT voice_routing_id_check CHECK (id)
);

--
-- Name: voice_strategies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.voice_strategies (
    workspace_id uuid NOT NULL,
    strategy text,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    fallback_enabled boolean DEFAULT true NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: warm_transfers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.warm_transfers (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    call_id uuid NOT NULL,
    run_id text NOT NULL,
    carrier text NOT NULL,
    number text NOT NULL,
    language text NOT NULL,
    brief text NOT NULL,
    status text NOT NULL,
    failure text,
    leg_id text,
    conference text,
    created_at timestamp with time zone NOT NULL,
    asked_at timestamp with time zone,
    joined_at timestamp with time zone,
    CONSTRAINT warm_transfers_status_check CHECK ((status = ANY (ARRAY['calling'::text, 'asking'::text, 'accepted'::text, 'failed'::text, 'over'::text])))
);

--
-- Name: webhook_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook_events (
    source text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    handled_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    last_error text,
    CONSTRAINT webhook_events_source_check CHECK ((source = ANY (ARRAY['stripe'::text, 'twilio'::text, 'telnyx'::text])))
);

--
-- Name: workspace_changes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.workspace_changes (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    status text NOT NULL,
    tier_name text NOT NULL,
    monthly_fee numeric(12,2) NOT NULL,
    seq bigint NOT NULL
);

--
-- Name: workspace_changes_seq_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.workspace_changes ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.workspace_changes_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: workspace_daily; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.workspace_daily (
    workspace_id uuid NOT NULL,
    day date NOT NULL,
    calls integer NOT NULL,
    seconds bigint NOT NULL,
    price numeric(24,9) NOT NULL,
    cost numeric(18,9) NOT NULL,
    by_status jsonb NOT NULL,
    by_direction jsonb NOT NULL,
    by_carrier jsonb NOT NULL,
    by_hour integer[] NOT NULL,
    by_provider jsonb DEFAULT '{}'::jsonb NOT NULL,
    revenue numeric(18,9),
    revenue_by_resource jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT workspace_daily_by_hour_check CHECK ((cardinality(by_hour) = 24))
);

--
-- Name: workspace_exports; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.workspace_exports (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    status text NOT NULL,
    requested_by uuid,
    requested_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL,
    size_bytes bigint,
    CONSTRAINT workspace_exports_status_check CHECK ((status = ANY (ARRAY['running'::text, 'ready'::text, 'failed'::text, 'deleted'::text])))
);

--
-- Name: workspace_members; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.workspace_members (
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    invited_by uuid,
    joined_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT workspace_members_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text, 'viewer'::text])))
);

--
-- Name: workspace_monthly; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.workspace_monthly (
    workspace_id uuid NOT NULL,
    month date NOT NULL,
    calls bigint NOT NULL,
    seconds bigint NOT NULL,
    revenue numeric(18,9) CONSTRAINT workspace_monthly_price_not_null NOT NULL,
    cost numeric(18,9) NOT NULL,
    CONSTRAINT workspace_monthly_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

--
-- Name: workspace_providers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.workspace_providers (
    workspace_id uuid NOT NULL,
    provider text NOT NULL,
    is_enabled boolean DEFAULT true NOT NULL,
    uses_platform_key boolean DEFAULT true NOT NULL,
    api_key bytea,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    platform_key_since timestamp with time zone
);

--
-- Name: workspace_totals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.workspace_totals (
    workspace_id uuid NOT NULL,
    calls bigint NOT NULL,
    seconds bigint NOT NULL,
    price numeric(24,9) NOT NULL,
    cost numeric(18,9) NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revenue numeric(18,9)
);

--
-- Name: workspaces; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.workspaces (
    id uuid NOT NULL,
    name text NOT NULL,
    industry text,
    timezone text DEFAULT 'UTC'::text NOT NULL,
    status text NOT NULL,
    status_before text,
    tier_name text NOT NULL,
    trial_ends_at timestamp with time zone,
    suspended_at timestamp with time zone,
    suspended_why text,
    deleted_at timestamp with time zone,
    purge_after timestamp with time zone,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    stripe_customer_id text,
    stripe_subscription_id text,
    created_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT workspaces_check CHECK (((deleted_at IS NULL) = (purge_after IS NULL))),
    CONSTRAINT workspaces_status_before_check CHECK ((status_before = ANY (ARRAY['trial'::text, 'active'::text]))),
    CONSTRAINT workspaces_status_check CHECK ((status = ANY (ARRAY['trial'::text, 'active'::text, 'suspended'::text])))
);

--
-- Name: call_events_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_events ATTACH PARTITION public.call_events_default DEFAULT;

--
-- Name: usage_records_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_records ATTACH PARTITION public.usage_records_default DEFAULT;

--
-- Name: pgqueuer id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pgqueuer ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_id_seq'::regclass);

--
-- Name: pgqueuer_schedules id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pgqueuer_schedules ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_schedules_id_seq'::regclass);

--
-- Name: pgqueuer_statistics id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pgqueuer_statistics ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_statistics_id_seq'::regclass);

--
-- Data for Name: accruals; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: address_registrations; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: admin_recovery_codes; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: admins; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: agent_daily; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: agent_drafts; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: agent_templates; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: agent_totals; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: agent_versions; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: agents; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: api_key_secrets; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: api_keys; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: appointments; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: audit_log; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: audit_sealed_rows; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: audit_seals; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: backup_runs; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: billing_accounts; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: billing_periods; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: billing_settings; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: blocked_callers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: business_addresses; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: call_events_default; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: call_exports; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: call_intervals; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: call_search; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: call_search_progress; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.call_search_progress VALUES (true, 'ffffffff-ffff-ffff-ffff-ffffffffffff');

--
-- Data for Name: call_supervisions; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: call_words; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: called_countries; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: caller_deletions; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: calls; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: campaign_attempts; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: campaign_recipients; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: campaigns; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: contacts; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: credit_grants; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: do_not_call_numbers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: exchange_rates; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: exemptions; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: failed_sign_ins; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: former_users; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: http_tools; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: integration_sync_logs; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: integration_syncs; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: integration_types; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: integrations; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: invitations; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: invoice_lines; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: invoice_numbers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: invoices; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: knowledge_chunks; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: knowledge_documents; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: knowledge_terms; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: letter_counts; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: mcp_servers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: message_emails; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: messages; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: meter_days; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: oauth_states; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: one_time_tokens; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: outbound_webhook_attempts; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: outbound_webhook_deliveries; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: outbound_webhook_endpoints; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: outbound_webhook_events; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: payments; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: pgqueuer; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: pgqueuer_log; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: pgqueuer_schedules; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: pgqueuer_statistics; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: phone_codes; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: phone_numbers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: plan_versions; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: platform_calls; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: platform_daily; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: platform_provider_daily; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: price_versions; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: provider_daily; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: provider_figures; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: provider_probes; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: providers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: reference_attempts; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: refresh_tokens; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: refund_orders; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: regulatory_bundles; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: rented_numbers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: retention_limits; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: retention_progress; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: revoked_media_passes; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: rollup_dirty; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: schema_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.schema_migrations VALUES ('20261125000001');
INSERT INTO public.schema_migrations VALUES ('20261125000002');
INSERT INTO public.schema_migrations VALUES ('20261125000003');
INSERT INTO public.schema_migrations VALUES ('20261125000004');
INSERT INTO public.schema_migrations VALUES ('20261125000005');
INSERT INTO public.schema_migrations VALUES ('20261125000006');
INSERT INTO public.schema_migrations VALUES ('20261125000007');
INSERT INTO public.schema_migrations VALUES ('20261125000008');
INSERT INTO public.schema_migrations VALUES ('20261125000009');
INSERT INTO public.schema_migrations VALUES ('20261125000010');
INSERT INTO public.schema_migrations VALUES ('20261125000011');
INSERT INTO public.schema_migrations VALUES ('20261125000012');
INSERT INTO public.schema_migrations VALUES ('20261125000013');
INSERT INTO public.schema_migrations VALUES ('20261125000014');
INSERT INTO public.schema_migrations VALUES ('20261126000101');
INSERT INTO public.schema_migrations VALUES ('20261126000201');
INSERT INTO public.schema_migrations VALUES ('20261126000202');
INSERT INTO public.schema_migrations VALUES ('20261126000301');
INSERT INTO public.schema_migrations VALUES ('20261126000401');
INSERT INTO public.schema_migrations VALUES ('20261126000501');
INSERT INTO public.schema_migrations VALUES ('20261126000601');
INSERT INTO public.schema_migrations VALUES ('20261126000701');
INSERT INTO public.schema_migrations VALUES ('20261126000702');
INSERT INTO public.schema_migrations VALUES ('20261126000703');
INSERT INTO public.schema_migrations VALUES ('20261126000704');
INSERT INTO public.schema_migrations VALUES ('20261126000801');
INSERT INTO public.schema_migrations VALUES ('20261126000901');
INSERT INTO public.schema_migrations VALUES ('20261126000902');
INSERT INTO public.schema_migrations VALUES ('20261126000903');
INSERT INTO public.schema_migrations VALUES ('20261126001001');
INSERT INTO public.schema_migrations VALUES ('20261126001201');
INSERT INTO public.schema_migrations VALUES ('20261126002001');
INSERT INTO public.schema_migrations VALUES ('20261126005101');
INSERT INTO public.schema_migrations VALUES ('20261126005102');
INSERT INTO public.schema_migrations VALUES ('20261126006101');
INSERT INTO public.schema_migrations VALUES ('20261126006102');
INSERT INTO public.schema_migrations VALUES ('20261126006103');
INSERT INTO public.schema_migrations VALUES ('20261126007001');
INSERT INTO public.schema_migrations VALUES ('20261126007002');
INSERT INTO public.schema_migrations VALUES ('20261126007003');
INSERT INTO public.schema_migrations VALUES ('20261126007101');
INSERT INTO public.schema_migrations VALUES ('20261126007201');
INSERT INTO public.schema_migrations VALUES ('20261126007202');
INSERT INTO public.schema_migrations VALUES ('20261126007203');
INSERT INTO public.schema_migrations VALUES ('20261126007204');
INSERT INTO public.schema_migrations VALUES ('20261126007205');
INSERT INTO public.schema_migrations VALUES ('20261126007206');
INSERT INTO public.schema_migrations VALUES ('20261126007301');
INSERT INTO public.schema_migrations VALUES ('20261126007401');
INSERT INTO public.schema_migrations VALUES ('20261126007402');
INSERT INTO public.schema_migrations VALUES ('20261126007403');
INSERT INTO public.schema_migrations VALUES ('20261126007501');
INSERT INTO public.schema_migrations VALUES ('20261127000101');
INSERT INTO public.schema_migrations VALUES ('20261127000102');
INSERT INTO public.schema_migrations VALUES ('20261127000103');
INSERT INTO public.schema_migrations VALUES ('20261127000201');
INSERT INTO public.schema_migrations VALUES ('20261127000202');
INSERT INTO public.schema_migrations VALUES ('20261127000203');
INSERT INTO public.schema_migrations VALUES ('20261127000301');
INSERT INTO public.schema_migrations VALUES ('20261127000302');
INSERT INTO public.schema_migrations VALUES ('20261127000401');
INSERT INTO public.schema_migrations VALUES ('20261127000402');
INSERT INTO public.schema_migrations VALUES ('20261127000403');
INSERT INTO public.schema_migrations VALUES ('20261127000404');
INSERT INTO public.schema_migrations VALUES ('20261127000405');
INSERT INTO public.schema_migrations VALUES ('20261127000601');
INSERT INTO public.schema_migrations VALUES ('20261127000602');
INSERT INTO public.schema_migrations VALUES ('20261127000701');
INSERT INTO public.schema_migrations VALUES ('20261127000801');
INSERT INTO public.schema_migrations VALUES ('20261127000901');
INSERT INTO public.schema_migrations VALUES ('20261127001001');
INSERT INTO public.schema_migrations VALUES ('20261127001101');
INSERT INTO public.schema_migrations VALUES ('20261127001201');
INSERT INTO public.schema_migrations VALUES ('20261127001301');
INSERT INTO public.schema_migrations VALUES ('20261127001401');
INSERT INTO public.schema_migrations VALUES ('20261127001501');
INSERT INTO public.schema_migrations VALUES ('20261127001502');
INSERT INTO public.schema_migrations VALUES ('20261127001601');
INSERT INTO public.schema_migrations VALUES ('20261127002001');
INSERT INTO public.schema_migrations VALUES ('20261127002201');
INSERT INTO public.schema_migrations VALUES ('20261127002202');
INSERT INTO public.schema_migrations VALUES ('20261127002203');
INSERT INTO public.schema_migrations VALUES ('20261127002204');
INSERT INTO public.schema_migrations VALUES ('20261127002301');
INSERT INTO public.schema_migrations VALUES ('20261127002302');
INSERT INTO public.schema_migrations VALUES ('20261127002303');
INSERT INTO public.schema_migrations VALUES ('20261127002801');
INSERT INTO public.schema_migrations VALUES ('20261127002802');
INSERT INTO public.schema_migrations VALUES ('20261127002901');
INSERT INTO public.schema_migrations VALUES ('20261127003101');
INSERT INTO public.schema_migrations VALUES ('20261127003301');
INSERT INTO public.schema_migrations VALUES ('20261127003401');
INSERT INTO public.schema_migrations VALUES ('20261127003601');
INSERT INTO public.schema_migrations VALUES ('20261127003701');
INSERT INTO public.schema_migrations VALUES ('20261127003801');
INSERT INTO public.schema_migrations VALUES ('20261127003901');
INSERT INTO public.schema_migrations VALUES ('20261127003902');
INSERT INTO public.schema_migrations VALUES ('20261127003903');
INSERT INTO public.schema_migrations VALUES ('20261127004001');
INSERT INTO public.schema_migrations VALUES ('20261127004002');
INSERT INTO public.schema_migrations VALUES ('20261127004003');
INSERT INTO public.schema_migrations VALUES ('20261127004201');
INSERT INTO public.schema_migrations VALUES ('20261127004202');
INSERT INTO public.schema_migrations VALUES ('20261127004401');
INSERT INTO public.schema_migrations VALUES ('20261127004411');
INSERT INTO public.schema_migrations VALUES ('20261127004501');
INSERT INTO public.schema_migrations VALUES ('20261127004502');
INSERT INTO public.schema_migrations VALUES ('20261127004503');
INSERT INTO public.schema_migrations VALUES ('20261127004611');
INSERT INTO public.schema_migrations VALUES ('20261203000101');

--
-- Data for Name: session_keys; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: settings; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: sign_in_failures; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: sink_customers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: sink_invoices; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: spend_alarms; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: spend_alerts; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: sso_connections; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: sso_domains; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: sso_flows; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: sso_identities; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: tax_rates; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: test_cases; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: test_results; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: test_runs; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: tier_prices; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: tiers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: tool_runs; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: transfer_times; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: usage_daily; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: usage_intervals; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: usage_records_default; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: user_recovery_codes; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: user_trials; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: verified_numbers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: voice_routing; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: voice_strategies; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: warm_transfers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: webhook_events; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: workspace_changes; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: workspace_daily; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: workspace_exports; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: workspace_members; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: workspace_monthly; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: workspace_providers; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: workspace_totals; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Data for Name: workspaces; Type: TABLE DATA; Schema: public; Owner: -
--

--
-- Name: backup_runs_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.backup_runs_id_seq', 1, false);

--
-- Name: exchange_rates_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.exchange_rates_id_seq', 1, false);

--
-- Name: pgqueuer_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.pgqueuer_id_seq', 1, false);

--
-- Name: pgqueuer_log_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.pgqueuer_log_id_seq', 1, false);

--
-- Name: pgqueuer_schedules_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.pgqueuer_schedules_id_seq', 1, false);

--
-- Name: pgqueuer_statistics_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.pgqueuer_statistics_id_seq', 1, false);

--
-- Name: plan_versions_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.plan_versions_id_seq', 1, false);

--
-- Name: price_versions_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.price_versions_id_seq', 1, false);

--
-- Name: rollup_dirty_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.rollup_dirty_id_seq', 1, false);

--
-- Name: tax_rates_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.tax_rates_id_seq', 1, false);

--
-- Name: workspace_changes_seq_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.workspace_changes_seq_seq', 1, false);

--
-- Name: accruals accruals_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accruals
    ADD CONSTRAINT accruals_pkey PRIMARY KEY (workspace_id, at, resource_type);

--
-- Name: address_registrations address_registrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.address_registrations
    ADD CONSTRAINT address_registrations_pkey PRIMARY KEY (address_id, carrier);

--
-- Name: admin_recovery_codes admin_recovery_codes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.admin_recovery_codes
    ADD CONSTRAINT admin_recovery_codes_pkey PRIMARY KEY (admin_id, code_hash);

--
-- Name: admins admins_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.admins
    ADD CONSTRAINT admins_pkey PRIMARY KEY (id);

--
-- Name: agent_daily agent_daily_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent_daily
    ADD CONSTRAINT agent_daily_pkey PRIMARY KEY (workspace_id, agent_id, day);

--
-- Name: agent_drafts agent_drafts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent_drafts
    ADD CONSTRAINT agent_drafts_pkey PRIMARY KEY (agent_id);

--
-- Name: agent_templates agent_templates_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent_templates
    ADD CONSTRAINT agent_templates_pkey PRIMARY KEY (id);

--
-- Name: agent_totals agent_totals_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent_totals
    ADD CONSTRAINT agent_totals_pkey PRIMARY KEY (agent_id);

--
-- Name: agent_versions agent_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent_versions
    ADD CONSTRAINT agent_versions_pkey PRIMARY KEY (agent_id, version);

--
-- Name: agents agents_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_pkey PRIMARY KEY (id);

--
-- Name: agents agents_workspace_id_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_workspace_id_id_key UNIQUE (workspace_id, id);

--
-- Name: api_key_secrets api_key_secrets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_key_secrets
    ADD CONSTRAINT api_key_secrets_pkey PRIMARY KEY (hash);

--
-- Name: api_keys api_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

--
-- Name: appointments appointments_call_id_run_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointments
    ADD CONSTRAINT appointments_call_id_run_id_key UNIQUE (call_id, run_id);

--
-- Name: appointments appointments_integration_id_external_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointments
    ADD CONSTRAINT appointments_integration_id_external_id_key UNIQUE (integration_id, external_id);

--
-- Name: appointments appointments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointments
    ADD CONSTRAINT appointments_pkey PRIMARY KEY (id);

--
-- Name: audit_log audit_log_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

--
-- Name: audit_sealed_rows audit_sealed_rows_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_sealed_rows
    ADD CONSTRAINT audit_sealed_rows_pkey PRIMARY KEY (entry_id);

--
-- Name: audit_sealed_rows audit_sealed_rows_seal_position_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_sealed_rows
    ADD CONSTRAINT audit_sealed_rows_seal_position_key UNIQUE (seal, "position");

--
-- Name: audit_seals audit_seals_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (number);

--
-- Name: backup_runs backup_runs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.backup_runs
    ADD CONSTRAINT backup_runs_pkey PRIMARY KEY (id);

--
-- Name: billing_accounts billing_accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.billing_accounts
    ADD CONSTRAINT billing_accounts_pkey PRIMARY KEY (workspace_id);

--
-- Name: billing_periods billing_periods_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.billing_periods
    ADD CONSTRAINT billing_periods_pkey PRIMARY KEY (id);

--
-- Name: billing_periods billing_periods_workspace_id_period_start_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.billing_periods
    ADD CONSTRAINT billing_periods_workspace_id_period_start_key UNIQUE (workspace_id, period_start);

--
-- Name: billing_settings billing_settings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.billing_settings
    ADD CONSTRAINT billing_settings_pkey PRIMARY KEY (workspace_id);

--
-- Name: blocked_callers blocked_callers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.blocked_callers
    ADD CONSTRAINT blocked_callers_pkey PRIMARY KEY (id);

--
-- Name: blocked_callers blocked_callers_workspace_id_caller_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.blocked_callers
    ADD CONSTRAINT blocked_callers_workspace_id_caller_key UNIQUE (workspace_id, caller);

--
-- Name: business_addresses business_addresses_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.business_addresses
    ADD CONSTRAINT business_addresses_pkey PRIMARY KEY (id);

--
-- Name: business_addresses business_addresses_workspace_id_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.business_addresses
    ADD CONSTRAINT business_addresses_workspace_id_id_key UNIQUE (workspace_id, id);

--
-- Name: call_events call_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_events
    ADD CONSTRAINT call_events_pkey PRIMARY KEY (call_id, seq, at);

--
-- Name: call_events_default call_events_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_events_default
    ADD CONSTRAINT call_events_default_pkey PRIMARY KEY (call_id, seq, at);

--
-- Name: call_exports call_exports_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_exports
    ADD CONSTRAINT call_exports_pkey PRIMARY KEY (id);

--
-- Name: call_intervals call_intervals_workspace_id_began_agent_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_intervals
    ADD CONSTRAINT call_intervals_workspace_id_began_agent_id_key UNIQUE NULLS NOT DISTINCT (workspace_id, began, agent_id);

--
-- Name: call_search call_search_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_search
    ADD CONSTRAINT call_search_pkey PRIMARY KEY (call_id);

--
-- Name: call_search_progress call_search_progress_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_search_progress
    ADD CONSTRAINT call_search_progress_pkey PRIMARY KEY (id);

--
-- Name: call_supervisions call_supervisions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_supervisions
    ADD CONSTRAINT call_supervisions_pkey PRIMARY KEY (id);

--
-- Name: call_words call_words_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_words
    ADD CONSTRAINT call_words_pkey PRIMARY KEY (call_id);

--
-- Name: called_countries called_countries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.called_countries
    ADD CONSTRAINT called_countries_pkey PRIMARY KEY (workspace_id, country);

--
-- Name: caller_deletions caller_deletions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.caller_deletions
    ADD CONSTRAINT caller_deletions_pkey PRIMARY KEY (id);

--
-- Name: calls calls_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calls
    ADD CONSTRAINT calls_pkey PRIMARY KEY (id);

--
-- Name: campaign_attempts campaign_attempts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.campaign_attempts
    ADD CONSTRAINT campaign_attempts_pkey PRIMARY KEY (call_id);

--
-- Name: campaign_recipients campaign_recipients_campaign_id_phone_number_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.campaign_recipients
    ADD CONSTRAINT campaign_recipients_campaign_id_phone_number_key UNIQUE (campaign_id, phone_number);

--
-- Name: campaign_recipients campaign_recipients_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.campaign_recipients
    ADD CONSTRAINT campaign_recipients_pkey PRIMARY KEY (id);

--
-- Name: campaigns campaigns_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (id);

--
-- Name: contacts contacts_integration_id_external_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_integration_id_external_id_key UNIQUE (integration_id, external_id);

--
-- Name: contacts contacts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_pkey PRIMARY KEY (id);

--
-- Name: credit_grants credit_grants_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.credit_grants
    ADD CONSTRAINT credit_grants_pkey PRIMARY KEY (id);

--
-- Name: do_not_call_numbers do_not_call_numbers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.do_not_call_numbers
    ADD CONSTRAINT do_not_call_numbers_pkey PRIMARY KEY (id);

--
-- Name: do_not_call_numbers do_not_call_numbers_workspace_id_number_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.do_not_call_numbers
    ADD CONSTRAINT do_not_call_numbers_workspace_id_number_key UNIQUE (workspace_id, number);

--
-- Name: exchange_rates exchange_rates_currency_valid_from_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exchange_rates
    ADD CONSTRAINT exchange_rates_currency_valid_from_key UNIQUE (currency, valid_from);

--
-- Name: exchange_rates exchange_rates_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exchange_rates
    ADD CONSTRAINT exchange_rates_pkey PRIMARY KEY (id);

--
-- Name: exemptions exemptions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exemptions
    ADD CONSTRAINT exemptions_pkey PRIMARY KEY (id);

--
-- Name: exemptions exemptions_workspace_id_rule_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exemptions
    ADD CONSTRAINT exemptions_workspace_id_rule_key UNIQUE (workspace_id, rule);

--
-- Name: failed_sign_ins failed_sign_ins_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.failed_sign_ins
    ADD CONSTRAINT failed_sign_ins_pkey PRIMARY KEY (audience, address_hash);

--
-- Name: former_users former_users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.former_users
    ADD CONSTRAINT former_users_pkey PRIMARY KEY (user_id, identity);

--
-- Name: http_tools http_tools_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.http_tools
    ADD CONSTRAINT http_tools_pkey PRIMARY KEY (id);

--
-- Name: http_tools http_tools_workspace_id_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.http_tools
    ADD CONSTRAINT http_tools_workspace_id_name_key UNIQUE (workspace_id, name);

--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (scope, key);

--
-- Name: integration_sync_logs integration_sync_logs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.integration_sync_logs
    ADD CONSTRAINT integration_sync_logs_pkey PRIMARY KEY (id);

--
-- Name: integration_syncs integration_syncs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.integration_syncs
    ADD CONSTRAINT integration_syncs_pkey PRIMARY KEY (integration_id);

--
-- Name: integration_types integration_types_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.integration_types
    ADD CONSTRAINT integration_types_pkey PRIMARY KEY (type);

--
-- Name: integrations integrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.integrations
    ADD CONSTRAINT integrations_pkey PRIMARY KEY (id);

--
-- Name: invitations invitations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invitations
    ADD CONSTRAINT invitations_pkey PRIMARY KEY (id);

--
-- Name: invoice_lines invoice_lines_invoice_id_position_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_invoice_id_position_key UNIQUE (invoice_id, "position");

--
-- Name: invoice_lines invoice_lines_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_pkey PRIMARY KEY (id);

--
-- Name: invoice_numbers invoice_numbers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_numbers
    ADD CONSTRAINT invoice_numbers_pkey PRIMARY KEY (series);

--
-- Name: invoices invoices_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (id);

--
-- Name: knowledge_chunks knowledge_chunks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.knowledge_chunks
    ADD CONSTRAINT knowledge_chunks_pkey PRIMARY KEY (document_id, number);

--
-- Name: knowledge_documents knowledge_documents_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.knowledge_documents
    ADD CONSTRAINT knowledge_documents_pkey PRIMARY KEY (id);

--
-- Name: knowledge_terms knowledge_terms_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.knowledge_terms
    ADD CONSTRAINT knowledge_terms_pkey PRIMARY KEY (workspace_id, term);

--
-- Name: letter_counts letter_counts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.letter_counts
    ADD CONSTRAINT letter_counts_pkey PRIMARY KEY (recipient);

--
-- Name: mcp_servers mcp_servers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mcp_servers
    ADD CONSTRAINT mcp_servers_pkey PRIMARY KEY (id);

--
-- Name: mcp_servers mcp_servers_workspace_id_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mcp_servers
    ADD CONSTRAINT mcp_servers_workspace_id_name_key UNIQUE (workspace_id, name);

--
-- Name: message_emails message_emails_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_emails
    ADD CONSTRAINT message_emails_pkey PRIMARY KEY (workspace_id, user_id);

--
-- Name: messages messages_call_id_run_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_call_id_run_id_key UNIQUE (call_id, run_id);

--
-- Name: messages messages_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id);

--
-- Name: meter_days meter_days_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.meter_days
    ADD CONSTRAINT meter_days_pkey PRIMARY KEY (workspace_id, day);

--
-- Name: oauth_states oauth_states_confirmation_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oauth_states
    ADD CONSTRAINT oauth_states_confirmation_hash_key UNIQUE (confirmation_hash);

--
-- Name: oauth_states oauth_states_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oauth_states
    ADD CONSTRAINT oauth_states_pkey PRIMARY KEY (id);

--
-- Name: oauth_states oauth_states_state_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oauth_states
    ADD CONSTRAINT oauth_states_state_hash_key UNIQUE (state_hash);

--
-- Name: one_time_tokens one_time_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT one_time_tokens_pkey PRIMARY KEY (token_hash);

--
-- Name: outbound_webhook_attempts outbound_webhook_attempts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbound_webhook_attempts
    ADD CONSTRAINT outbound_webhook_attempts_pkey PRIMARY KEY (delivery_id, number);

--
-- Name: outbound_webhook_deliveries outbound_webhook_deliveries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbound_webhook_deliveries
    ADD CONSTRAINT outbound_webhook_deliveries_pkey PRIMARY KEY (id);

--
-- Name: outbound_webhook_endpoints outbound_webhook_endpoints_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbound_webhook_endpoints
    ADD CONSTRAINT outbound_webhook_endpoints_pkey PRIMARY KEY (id);

--
-- Name: outbound_webhook_events outbound_webhook_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbound_webhook_events
    ADD CONSTRAINT outbound_webhook_events_pkey PRIMARY KEY (id);

--
-- Name: payments payments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);

--
-- Name: pgqueuer_log pgqueuer_log_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pgqueuer_log
    ADD CONSTRAINT pgqueuer_log_pkey PRIMARY KEY (id);

--
-- Name: pgqueuer pgqueuer_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pgqueuer
    ADD CONSTRAINT pgqueuer_pkey PRIMARY KEY (id);

--
-- Name: pgqueuer_schedules pgqueuer_schedules_expression_entrypoint_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_expression_entrypoint_key UNIQUE (expression, entrypoint);

--
-- Name: pgqueuer_schedules pgqueuer_schedules_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_pkey PRIMARY KEY (id);

--
-- Name: pgqueuer_statistics pgqueuer_statistics_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pgqueuer_statistics
    ADD CONSTRAINT pgqueuer_statistics_pkey PRIMARY KEY (id);

--
-- Name: phone_codes phone_codes_call_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_codes
    ADD CONSTRAINT phone_codes_call_id_key UNIQUE (call_id);

--
-- Name: phone_codes phone_codes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_codes
    ADD CONSTRAINT phone_codes_pkey PRIMARY KEY (id);

--
-- Name: phone_numbers phone_numbers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_numbers
    ADD CONSTRAINT phone_numbers_pkey PRIMARY KEY (id);

--
-- Name: plan_versions plan_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.plan_versions
    ADD CONSTRAINT plan_versions_pkey PRIMARY KEY (id);

--
-- Name: plan_versions plan_versions_tier_name_currency_valid_from_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.plan_versions
    ADD CONSTRAINT plan_versions_tier_name_currency_valid_from_key UNIQUE (tier_name, currency, valid_from);

--
-- Name: platform_calls platform_calls_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.platform_calls
    ADD CONSTRAINT platform_calls_pkey PRIMARY KEY (id);

--
-- Name: platform_daily platform_daily_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.platform_daily
    ADD CONSTRAINT platform_daily_pkey PRIMARY KEY (day);

--
-- Name: platform_provider_daily platform_provider_daily_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.platform_provider_daily
    ADD CONSTRAINT platform_provider_daily_pkey PRIMARY KEY (day, provider);

--
-- Name: price_versions price_versions_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.price_versions
    ADD CONSTRAINT price_versions_key UNIQUE (side, provider, role, model, unit, currency, valid_from);

--
-- Name: price_versions price_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.price_versions
    ADD CONSTRAINT price_versions_pkey PRIMARY KEY (id);

--
-- Name: provider_daily provider_daily_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.provider_daily
    ADD CONSTRAINT provider_daily_pkey PRIMARY KEY (workspace_id, day, provider);

--
-- Name: provider_figures provider_figures_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.provider_figures
    ADD CONSTRAINT provider_figures_pkey PRIMARY KEY (provider, role, source);

--
-- Name: provider_probes provider_probes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.provider_probes
    ADD CONSTRAINT provider_probes_pkey PRIMARY KEY (id);

--
-- Name: providers providers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.providers
    ADD CONSTRAINT providers_pkey PRIMARY KEY (provider);

--
-- Name: reference_attempts reference_attempts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reference_attempts
    ADD CONSTRAINT reference_attempts_pkey PRIMARY KEY (call_id, run_id);

--
-- Name: refresh_tokens refresh_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash);

--
-- Name: refund_orders refund_orders_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refund_orders
    ADD CONSTRAINT refund_orders_pkey PRIMARY KEY (id);

--
-- Name: regulatory_bundles regulatory_bundles_carrier_carrier_bundle_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.regulatory_bundles
    ADD CONSTRAINT regulatory_bundles_carrier_carrier_bundle_id_key UNIQUE (carrier, carrier_bundle_id);

--
-- Name: regulatory_bundles regulatory_bundles_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.regulatory_bundles
    ADD CONSTRAINT regulatory_bundles_pkey PRIMARY KEY (id);

--
-- Name: regulatory_bundles regulatory_bundles_workspace_id_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.regulatory_bundles
    ADD CONSTRAINT regulatory_bundles_workspace_id_id_key UNIQUE (workspace_id, id);

--
-- Name: rented_numbers rented_numbers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rented_numbers
    ADD CONSTRAINT rented_numbers_pkey PRIMARY KEY (id);

--
-- Name: retention_limits retention_limits_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.retention_limits
    ADD CONSTRAINT retention_limits_pkey PRIMARY KEY (workspace_id, kind);

--
-- Name: retention_progress retention_progress_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.retention_progress
    ADD CONSTRAINT retention_progress_pkey PRIMARY KEY (workspace_id, kind);

--
-- Name: revoked_media_passes revoked_media_passes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.revoked_media_passes
    ADD CONSTRAINT revoked_media_passes_pkey PRIMARY KEY (url);

--
-- Name: rollup_dirty rollup_dirty_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rollup_dirty
    ADD CONSTRAINT rollup_dirty_pkey PRIMARY KEY (id);

--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

--
-- Name: session_keys session_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.session_keys
    ADD CONSTRAINT session_keys_pkey PRIMARY KEY (pid);

--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

--
-- Name: settings settings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (key);

--
-- Name: sign_in_failures sign_in_failures_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sign_in_failures
    ADD CONSTRAINT sign_in_failures_pkey PRIMARY KEY (audience, subject);

--
-- Name: sink_customers sink_customers_customer_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sink_customers
    ADD CONSTRAINT sink_customers_customer_id_key UNIQUE (customer_id);

--
-- Name: sink_customers sink_customers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sink_customers
    ADD CONSTRAINT sink_customers_pkey PRIMARY KEY (workspace_id);

--
-- Name: sink_invoices sink_invoices_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sink_invoices
    ADD CONSTRAINT sink_invoices_pkey PRIMARY KEY (invoice_id);

--
-- Name: spend_alarms spend_alarms_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.spend_alarms
    ADD CONSTRAINT spend_alarms_pkey PRIMARY KEY (id);

--
-- Name: spend_alarms spend_alarms_workspace_id_kind_day_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.spend_alarms
    ADD CONSTRAINT spend_alarms_workspace_id_kind_day_key UNIQUE NULLS NOT DISTINCT (workspace_id, kind, day);

--
-- Name: spend_alerts spend_alerts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.spend_alerts
    ADD CONSTRAINT spend_alerts_pkey PRIMARY KEY (workspace_id, period_start, usage_limit, kind);

--
-- Name: sso_connections sso_connections_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_connections
    ADD CONSTRAINT sso_connections_pkey PRIMARY KEY (workspace_id);

--
-- Name: sso_domains sso_domains_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_domains
    ADD CONSTRAINT sso_domains_pkey PRIMARY KEY (id);

--
-- Name: sso_domains sso_domains_workspace_id_domain_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_domains
    ADD CONSTRAINT sso_domains_workspace_id_domain_key UNIQUE (workspace_id, domain);

--
-- Name: sso_flows sso_flows_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_flows
    ADD CONSTRAINT sso_flows_pkey PRIMARY KEY (state_hash);

--
-- Name: sso_identities sso_identities_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_identities
    ADD CONSTRAINT sso_identities_pkey PRIMARY KEY (workspace_id, subject);

--
-- Name: tax_rates tax_rates_country_name_valid_from_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tax_rates
    ADD CONSTRAINT tax_rates_country_name_valid_from_key UNIQUE (country, name, valid_from);

--
-- Name: tax_rates tax_rates_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tax_rates
    ADD CONSTRAINT tax_rates_pkey PRIMARY KEY (id);

--
-- Name: test_cases test_cases_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_cases
    ADD CONSTRAINT test_cases_pkey PRIMARY KEY (id);

--
-- Name: test_results test_results_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_results
    ADD CONSTRAINT test_results_pkey PRIMARY KEY (run_id, case_id);

--
-- Name: test_runs test_runs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_runs
    ADD CONSTRAINT test_runs_pkey PRIMARY KEY (id);

--
-- Name: tier_prices tier_prices_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tier_prices
    ADD CONSTRAINT tier_prices_pkey PRIMARY KEY (tier_name, currency);

--
-- Name: tiers tiers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tiers
    ADD CONSTRAINT tiers_pkey PRIMARY KEY (tier_name);

--
-- Name: tool_runs tool_runs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tool_runs
    ADD CONSTRAINT tool_runs_pkey PRIMARY KEY (call_id, run_id);

--
-- Name: transfer_times transfer_times_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.transfer_times
    ADD CONSTRAINT transfer_times_pkey PRIMARY KEY (call_id);

--
-- Name: usage_daily usage_daily_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_daily
    ADD CONSTRAINT usage_daily_pkey PRIMARY KEY (workspace_id, day, resource_type, provider);

--
-- Name: usage_intervals usage_intervals_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_intervals
    ADD CONSTRAINT usage_intervals_pkey PRIMARY KEY (workspace_id, began, resource_type);

--
-- Name: usage_records usage_records_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_records
    ADD CONSTRAINT usage_records_pkey PRIMARY KEY (id, at);

--
-- Name: usage_records_default usage_records_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_records_default
    ADD CONSTRAINT usage_records_default_pkey PRIMARY KEY (id, at);

--
-- Name: user_recovery_codes user_recovery_codes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_recovery_codes
    ADD CONSTRAINT user_recovery_codes_pkey PRIMARY KEY (user_id, code_hash);

--
-- Name: user_trials user_trials_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_trials
    ADD CONSTRAINT user_trials_pkey PRIMARY KEY (user_id);

--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

--
-- Name: verified_numbers verified_numbers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.verified_numbers
    ADD CONSTRAINT verified_numbers_pkey PRIMARY KEY (id);

--
-- Name: verified_numbers verified_numbers_user_id_phone_number_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.verified_numbers
    ADD CONSTRAINT verified_numbers_user_id_phone_number_key UNIQUE (user_id, phone_number);

--
-- Name: voice_routing voice_routing_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.voice_routing
    ADD CONSTRAINT voice_routing_pkey PRIMARY KEY (id);

--
-- Name: voice_strategies voice_strategies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.voice_strategies
    ADD CONSTRAINT voice_strategies_pkey PRIMARY KEY (workspace_id);

--
-- Name: warm_transfers warm_transfers_call_id_run_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.warm_transfers
    ADD CONSTRAINT warm_transfers_call_id_run_id_key UNIQUE (call_id, run_id);

--
-- Name: warm_transfers warm_transfers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.warm_transfers
    ADD CONSTRAINT warm_transfers_pkey PRIMARY KEY (id);

--
-- Name: webhook_events webhook_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_events
    ADD CONSTRAINT webhook_events_pkey PRIMARY KEY (source, event_id);

--
-- Name: workspace_changes workspace_changes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_changes
    ADD CONSTRAINT workspace_changes_pkey PRIMARY KEY (id);

--
-- Name: workspace_daily workspace_daily_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_daily
    ADD CONSTRAINT workspace_daily_pkey PRIMARY KEY (workspace_id, day);

--
-- Name: workspace_exports workspace_exports_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_exports
    ADD CONSTRAINT workspace_exports_pkey PRIMARY KEY (id);

--
-- Name: workspace_members workspace_members_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_members
    ADD CONSTRAINT workspace_members_pkey PRIMARY KEY (workspace_id, user_id);

--
-- Name: workspace_monthly workspace_monthly_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_monthly
    ADD CONSTRAINT workspace_monthly_pkey PRIMARY KEY (month, workspace_id);

--
-- Name: workspace_providers workspace_providers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_providers
    ADD CONSTRAINT workspace_providers_pkey PRIMARY KEY (workspace_id, provider);

--
-- Name: workspace_totals workspace_totals_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_totals
    ADD CONSTRAINT workspace_totals_pkey PRIMARY KEY (workspace_id);

--
-- Name: workspaces workspaces_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspaces
    ADD CONSTRAINT workspaces_pkey PRIMARY KEY (id);

--
-- Name: accruals_period; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX accruals_period ON public.accruals USING btree (period_id);

--
-- Name: address_registrations_pending; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX address_registrations_pending ON public.address_registrations USING btree (updated_at) WHERE (status = 'pending'::text);

--
-- Name: address_registrations_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX address_registrations_workspace ON public.address_registrations USING btree (workspace_id, address_id);

--
-- Name: admins_email; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX admins_email ON public.admins USING btree (email);

--
-- Name: agent_templates_industry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX agent_templates_industry ON public.agent_templates USING btree (industry) WHERE ((deleted_at IS NULL) AND is_public);

--
-- Name: agent_templates_slug; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX agent_templates_slug ON public.agent_templates USING btree (slug) WHERE (slug IS NOT NULL);

--
-- Name: agents_live; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX agents_live ON public.agents USING btree (workspace_id) WHERE ((status = 'live'::text) AND (deleted_at IS NULL));

--
-- Name: agents_name; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX agents_name ON public.agents USING btree (workspace_id, lower(name)) WHERE (deleted_at IS NULL);

--
-- Name: agents_template; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX agents_template ON public.agents USING btree (template_id) WHERE (deleted_at IS NULL);

--
-- Name: agents_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX agents_workspace ON public.agents USING btree (workspace_id, created_at DESC) WHERE (deleted_at IS NULL);

--
-- Name: api_key_secrets_of_holder; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX api_key_secrets_of_holder ON public.api_key_secrets USING btree (holder_id);

--
-- Name: api_key_secrets_of_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX api_key_secrets_of_key ON public.api_key_secrets USING btree (key_id, created_at DESC);

--
-- Name: api_key_secrets_of_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX api_key_secrets_of_workspace ON public.api_key_secrets USING btree (workspace_id);

--
-- Name: api_keys_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX api_keys_newest ON public.api_keys USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: appointments_calendar; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_calendar ON public.appointments USING btree (workspace_id, calendar_key, starts_at) WHERE (calendar_key IS NOT NULL);

--
-- Name: appointments_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_end ON public.appointments USING btree (ends_at);

--
-- Name: appointments_phone; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_phone ON public.appointments USING btree (workspace_id, phone, starts_at) WHERE (phone IS NOT NULL);

--
-- Name: appointments_reference; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_reference ON public.appointments USING btree (workspace_id, reference) WHERE (reference IS NOT NULL);

--
-- Name: appointments_start; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_start ON public.appointments USING btree (integration_id, starts_at);

--
-- Name: audit_log_action; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_log_action ON public.audit_log USING btree (action, at DESC);

--
-- Name: audit_log_actor; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_log_actor ON public.audit_log USING btree (actor_id, at DESC);

--
-- Name: audit_log_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_log_at ON public.audit_log USING btree (at DESC, id DESC);

--
-- Name: audit_log_call_reads; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_log_call_reads ON public.audit_log USING btree (workspace_id, at DESC, id DESC) WHERE (action = 'call.read'::text);

--
-- Name: audit_log_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_log_workspace ON public.audit_log USING btree (workspace_id, at DESC) WHERE (workspace_id IS NOT NULL);

--
-- Name: backup_runs_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX backup_runs_newest ON public.backup_runs USING btree (kind, finished_at DESC);

--
-- Name: billing_periods_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX billing_periods_due ON public.billing_periods USING btree (period_end) WHERE (status = 'open'::text);

--
-- Name: billing_periods_ends; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX billing_periods_ends ON public.billing_periods USING btree (workspace_id, period_end DESC);

--
-- Name: billing_periods_not_accrued; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX billing_periods_not_accrued ON public.billing_periods USING btree (workspace_id) WHERE (accrued_until IS NULL);

--
-- Name: business_addresses_deleting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX business_addresses_deleting ON public.business_addresses USING btree (updated_at) WHERE (status = 'deleting'::text);

--
-- Name: business_addresses_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX business_addresses_workspace ON public.business_addresses USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: call_exports_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX call_exports_newest ON public.call_exports USING btree (workspace_id, started_at DESC);

--
-- Name: call_search_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX call_search_newest ON public.call_search USING btree (created_at DESC, call_id DESC) INCLUDE (workspace_id);

--
-- Name: call_search_words; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX call_search_words ON public.call_search USING gin (words) WITH (gin_pending_list_limit='1024');

--
-- Name: call_search_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX call_search_workspace ON public.call_search USING btree (workspace_id, created_at DESC, call_id DESC);

--
-- Name: call_supervisions_call; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX call_supervisions_call ON public.call_supervisions USING btree (call_id, created_at);

--
-- Name: call_supervisions_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX call_supervisions_open ON public.call_supervisions USING btree (workspace_id, created_at) WHERE (ended_at IS NULL);

--
-- Name: called_countries_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX called_countries_newest ON public.called_countries USING btree (first_at);

--
-- Name: caller_deletions_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX caller_deletions_newest ON public.caller_deletions USING btree (workspace_id, requested_at DESC, id DESC);

--
-- Name: calls_agent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX calls_agent ON public.calls USING btree (workspace_id, agent_id, created_at DESC);

--
-- Name: calls_caller; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX calls_caller ON public.calls USING btree (caller_number, created_at DESC, id DESC) INCLUDE (workspace_id);

--
-- Name: calls_carrier; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX calls_carrier ON public.calls USING btree (carrier, carrier_call_id) WHERE (carrier_call_id IS NOT NULL);

--
-- Name: calls_inbound; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX calls_inbound ON public.calls USING btree (workspace_id, created_at DESC, id DESC) WHERE (direction = 'inbound'::text);

--
-- Name: calls_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX calls_newest ON public.calls USING btree (created_at DESC, id DESC) INCLUDE (workspace_id);

--
-- Name: calls_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX calls_open ON public.calls USING btree (workspace_id, created_at) WHERE (status = ANY (ARRAY['queued'::text, 'ringing'::text, 'in_progress'::text]));

--
-- Name: calls_outbound; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX calls_outbound ON public.calls USING btree (workspace_id, created_at DESC) INCLUDE (called_number, duration_seconds) WHERE (direction = 'outbound'::text);

--
-- Name: calls_put_through; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX calls_put_through ON public.calls USING btree (workspace_id, created_at DESC) WHERE (end_reason = 'transferred'::text);

--
-- Name: calls_status; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX calls_status ON public.calls USING btree (workspace_id, status, created_at DESC, id DESC);

--
-- Name: calls_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX calls_workspace ON public.calls USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: campaign_attempts_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaign_attempts_number ON public.campaign_attempts USING btree (workspace_id, phone_number, started_at);

--
-- Name: campaign_attempts_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX campaign_attempts_open ON public.campaign_attempts USING btree (workspace_id, phone_number) WHERE (finished_at IS NULL);

--
-- Name: campaign_attempts_pace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaign_attempts_pace ON public.campaign_attempts USING btree (campaign_id, started_at);

--
-- Name: campaign_attempts_recipient; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaign_attempts_recipient ON public.campaign_attempts USING btree (recipient_id, started_at);

--
-- Name: campaign_attempts_unfinished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaign_attempts_unfinished ON public.campaign_attempts USING btree (campaign_id) WHERE (finished_at IS NULL);

--
-- Name: campaign_recipients_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaign_recipients_due ON public.campaign_recipients USING btree (campaign_id, next_attempt_at, id) WHERE (status = 'pending'::text);

--
-- Name: campaign_recipients_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaign_recipients_number ON public.campaign_recipients USING btree (workspace_id, phone_number);

--
-- Name: campaign_recipients_order; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaign_recipients_order ON public.campaign_recipients USING btree (campaign_id, id);

--
-- Name: campaigns_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaigns_due ON public.campaigns USING btree (next_dispatch_at) WHERE (status = 'running'::text);

--
-- Name: campaigns_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaigns_newest ON public.campaigns USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: campaigns_over; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX campaigns_over ON public.campaigns USING btree (finished_at) WHERE (finished_at IS NOT NULL);

--
-- Name: contacts_mobile_phone; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX contacts_mobile_phone ON public.contacts USING btree (workspace_id, mobile_phone) WHERE (mobile_phone IS NOT NULL);

--
-- Name: contacts_phone; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX contacts_phone ON public.contacts USING btree (workspace_id, phone) WHERE (phone IS NOT NULL);

--
-- Name: credit_grants_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX credit_grants_workspace ON public.credit_grants USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: do_not_call_numbers_list; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX do_not_call_numbers_list ON public.do_not_call_numbers USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: failed_sign_ins_last; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX failed_sign_ins_last ON public.failed_sign_ins USING btree (last_at);

--
-- Name: former_users_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX former_users_identity ON public.former_users USING btree (identity);

--
-- Name: idempotency_keys_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_created ON public.idempotency_keys USING btree (created_at);

--
-- Name: integration_sync_logs_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX integration_sync_logs_age ON public.integration_sync_logs USING btree (started_at);

--
-- Name: integration_sync_logs_integration; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX integration_sync_logs_integration ON public.integration_sync_logs USING btree (integration_id, started_at DESC);

--
-- Name: integration_sync_logs_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX integration_sync_logs_open ON public.integration_sync_logs USING btree (integration_id, sync_type) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));

--
-- Name: integration_syncs_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX integration_syncs_workspace ON public.integration_syncs USING btree (workspace_id);

--
-- Name: integrations_type; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX integrations_type ON public.integrations USING btree (integration_type);

--
-- Name: integrations_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX integrations_workspace ON public.integrations USING btree (workspace_id, created_at DESC);

--
-- Name: invitations_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX invitations_open ON public.invitations USING btree (workspace_id, email) WHERE ((accepted_at IS NULL) AND (revoked_at IS NULL));

--
-- Name: invitations_token; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX invitations_token ON public.invitations USING btree (token_hash);

--
-- Name: invoice_lines_grant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX invoice_lines_grant ON public.invoice_lines USING btree (grant_id) WHERE (grant_id IS NOT NULL);

--
-- Name: invoice_lines_period; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX invoice_lines_period ON public.invoice_lines USING btree (billing_period_id, key);

--
-- Name: invoices_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX invoices_newest ON public.invoices USING btree (created_at DESC, id DESC);

--
-- Name: invoices_number; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX invoices_number ON public.invoices USING btree (number) WHERE (number IS NOT NULL);

--
-- Name: invoices_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX invoices_open ON public.invoices USING btree (due_at) WHERE (status = ANY (ARRAY['draft'::text, 'pending'::text]));

--
-- Name: invoices_period; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX invoices_period ON public.invoices USING btree (billing_period_id) WHERE (billing_period_id IS NOT NULL);

--
-- Name: invoices_status; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX invoices_status ON public.invoices USING btree (status, period_start DESC);

--
-- Name: invoices_status_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX invoices_status_newest ON public.invoices USING btree (status, created_at DESC, id DESC);

--
-- Name: invoices_stripe; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX invoices_stripe ON public.invoices USING btree (stripe_invoice_id) WHERE (stripe_invoice_id IS NOT NULL);

--
-- Name: invoices_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX invoices_workspace ON public.invoices USING btree (workspace_id, period_start DESC);

--
-- Name: invoices_workspace_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX invoices_workspace_newest ON public.invoices USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: knowledge_chunks_search; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX knowledge_chunks_search ON public.knowledge_chunks USING gin (search) WITH (fastupdate=off);

--
-- Name: knowledge_documents_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX knowledge_documents_newest ON public.knowledge_documents USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: knowledge_documents_pending; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX knowledge_documents_pending ON public.knowledge_documents USING btree (requested_at) WHERE (status = 'pending'::text);

--
-- Name: knowledge_documents_start_tags; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX knowledge_documents_start_tags ON public.knowledge_documents USING btree (workspace_id, start_tag) WHERE (status = 'pending'::text);

--
-- Name: letter_counts_day; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX letter_counts_day ON public.letter_counts USING btree (day_started_at);

--
-- Name: mcp_servers_oldest_list; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX mcp_servers_oldest_list ON public.mcp_servers USING btree (tried_at NULLS FIRST);

--
-- Name: messages_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX messages_newest ON public.messages USING btree (workspace_id, taken_at DESC, id DESC);

--
-- Name: oauth_states_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oauth_states_expiry ON public.oauth_states USING btree (expires_at);

--
-- Name: oauth_states_integration; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oauth_states_integration ON public.oauth_states USING btree (integration_id);

--
-- Name: oauth_states_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oauth_states_workspace ON public.oauth_states USING btree (workspace_id);

--
-- Name: one_time_tokens_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX one_time_tokens_expiry ON public.one_time_tokens USING btree (expires_at);

--
-- Name: one_time_tokens_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX one_time_tokens_user ON public.one_time_tokens USING btree (user_id, purpose);

--
-- Name: outbound_webhook_deliveries_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbound_webhook_deliveries_due ON public.outbound_webhook_deliveries USING btree (endpoint_id, due_at, id) WHERE (status = 'pending'::text);

--
-- Name: outbound_webhook_deliveries_event; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbound_webhook_deliveries_event ON public.outbound_webhook_deliveries USING btree (event_id);

--
-- Name: outbound_webhook_deliveries_expiring; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbound_webhook_deliveries_expiring ON public.outbound_webhook_deliveries USING btree (expires_at) WHERE (status = 'pending'::text);

--
-- Name: outbound_webhook_deliveries_leased; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbound_webhook_deliveries_leased ON public.outbound_webhook_deliveries USING btree (leased_until) WHERE (leased_until IS NOT NULL);

--
-- Name: outbound_webhook_deliveries_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbound_webhook_deliveries_newest ON public.outbound_webhook_deliveries USING btree (endpoint_id, created_at DESC, id DESC);

--
-- Name: outbound_webhook_endpoints_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbound_webhook_endpoints_workspace ON public.outbound_webhook_endpoints USING btree (workspace_id, created_at, id);

--
-- Name: outbound_webhook_events_call; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbound_webhook_events_call ON public.outbound_webhook_events USING btree (workspace_id, call_id) WHERE (call_id IS NOT NULL);

--
-- Name: outbound_webhook_events_object; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbound_webhook_events_object ON public.outbound_webhook_events USING btree (workspace_id, object_id, sequence);

--
-- Name: outbound_webhook_events_oldest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbound_webhook_events_oldest ON public.outbound_webhook_events USING btree (created_at);

--
-- Name: payments_invoice; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX payments_invoice ON public.payments USING btree (invoice_id);

--
-- Name: payments_reference_of_invoice; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX payments_reference_of_invoice ON public.payments USING btree (invoice_id, kind, method, reference) WHERE (reference <> ''::text);

--
-- Name: payments_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX payments_workspace ON public.payments USING btree (workspace_id, at DESC);

--
-- Name: pgqueuer_ep_ea_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_ep_ea_idx ON public.pgqueuer USING btree (entrypoint, execute_after) WHERE (status = 'queued'::public.pgqueuer_status);

--
-- Name: pgqueuer_ep_prio_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_ep_prio_id_idx ON public.pgqueuer USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::public.pgqueuer_status);

--
-- Name: pgqueuer_log_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_log_created ON public.pgqueuer_log USING btree (created);

--
-- Name: pgqueuer_log_job_id_status; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_log_job_id_status ON public.pgqueuer_log USING btree (job_id, created DESC);

--
-- Name: pgqueuer_log_not_aggregated; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_log_not_aggregated ON public.pgqueuer_log USING btree ((1)) WHERE (NOT aggregated);

--
-- Name: pgqueuer_log_status; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_log_status ON public.pgqueuer_log USING btree (status);

--
-- Name: pgqueuer_picked_heartbeat_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_picked_heartbeat_idx ON public.pgqueuer USING btree (heartbeat) WHERE (status = 'picked'::public.pgqueuer_status);

--
-- Name: pgqueuer_picked_slot_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX pgqueuer_picked_slot_idx ON public.pgqueuer USING btree (entrypoint, slot) WHERE ((status = 'picked'::public.pgqueuer_status) AND (slot IS NOT NULL));

--
-- Name: pgqueuer_priority_id_id1_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_priority_id_id1_idx ON public.pgqueuer USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::public.pgqueuer_status);

--
-- Name: pgqueuer_queue_manager_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_queue_manager_id_idx ON public.pgqueuer USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);

--
-- Name: pgqueuer_statistics_unique_count; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX pgqueuer_statistics_unique_count ON public.pgqueuer_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);

--
-- Name: pgqueuer_unique_dedupe_key; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX pgqueuer_unique_dedupe_key ON public.pgqueuer USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::public.pgqueuer_status, 'picked'::public.pgqueuer_status])) AND (dedupe_key IS NOT NULL));

--
-- Name: pgqueuer_updated_id_id1_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pgqueuer_updated_id_id1_idx ON public.pgqueuer USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::public.pgqueuer_status);

--
-- Name: phone_codes_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX phone_codes_number ON public.phone_codes USING btree (phone_number, created_at);

--
-- Name: phone_codes_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX phone_codes_workspace ON public.phone_codes USING btree (workspace_id, created_at);

--
-- Name: phone_numbers_address; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX phone_numbers_address ON public.phone_numbers USING btree (address_id) WHERE (address_id IS NOT NULL);

--
-- Name: phone_numbers_agent; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX phone_numbers_agent ON public.phone_numbers USING btree (agent_id) WHERE ((agent_id IS NOT NULL) AND (status = ANY (ARRAY['buying'::text, 'active'::text])));

--
-- Name: phone_numbers_bundle; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX phone_numbers_bundle ON public.phone_numbers USING btree (bundle_id) WHERE (bundle_id IS NOT NULL);

--
-- Name: phone_numbers_configure; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX phone_numbers_configure ON public.phone_numbers USING btree (carrier, configure_tried_at NULLS FIRST) WHERE (status = 'active'::text);

--
-- Name: phone_numbers_number; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX phone_numbers_number ON public.phone_numbers USING btree (phone_number) WHERE (status = ANY (ARRAY['buying'::text, 'active'::text, 'releasing'::text]));

--
-- Name: phone_numbers_pending; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX phone_numbers_pending ON public.phone_numbers USING btree (updated_at) WHERE (status = ANY (ARRAY['buying'::text, 'releasing'::text]));

--
-- Name: phone_numbers_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX phone_numbers_workspace ON public.phone_numbers USING btree (workspace_id, created_at DESC);

--
-- Name: provider_daily_day; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX provider_daily_day ON public.provider_daily USING btree (day);

--
-- Name: provider_probes_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX provider_probes_at ON public.provider_probes USING btree (at);

--
-- Name: provider_probes_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX provider_probes_newest ON public.provider_probes USING btree (provider, role, at DESC);

--
-- Name: reference_attempts_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX reference_attempts_workspace ON public.reference_attempts USING btree (workspace_id, attempted_at);

--
-- Name: refresh_tokens_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX refresh_tokens_expiry ON public.refresh_tokens USING btree (expires_at);

--
-- Name: refresh_tokens_session; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX refresh_tokens_session ON public.refresh_tokens USING btree (session_id);

--
-- Name: refund_orders_invoice; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX refund_orders_invoice ON public.refund_orders USING btree (invoice_id);

--
-- Name: refund_orders_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX refund_orders_open ON public.refund_orders USING btree (created_at) WHERE (status = 'open'::text);

--
-- Name: regulatory_bundles_checked; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX regulatory_bundles_checked ON public.regulatory_bundles USING btree (checked_at);

--
-- Name: regulatory_bundles_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX regulatory_bundles_workspace ON public.regulatory_bundles USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: rented_numbers_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX rented_numbers_workspace ON public.rented_numbers USING btree (workspace_id, until);

--
-- Name: rollup_dirty_day; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX rollup_dirty_day ON public.rollup_dirty USING btree (workspace_id, day);

--
-- Name: sessions_admin; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_admin ON public.sessions USING btree (admin_id) WHERE (revoked_at IS NULL);

--
-- Name: sessions_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_expiry ON public.sessions USING btree (expires_at);

--
-- Name: sessions_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_user ON public.sessions USING btree (user_id) WHERE (revoked_at IS NULL);

--
-- Name: sign_in_failures_address; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sign_in_failures_address ON public.sign_in_failures USING btree (audience, address_hash);

--
-- Name: sign_in_failures_last; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sign_in_failures_last ON public.sign_in_failures USING btree (last_at);

--
-- Name: sink_invoices_checked; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sink_invoices_checked ON public.sink_invoices USING btree (checked_at);

--
-- Name: sink_invoices_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sink_invoices_due ON public.sink_invoices USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);

--
-- Name: sink_invoices_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sink_invoices_workspace ON public.sink_invoices USING btree (workspace_id);

--
-- Name: spend_alarms_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX spend_alarms_newest ON public.spend_alarms USING btree (raised_at);

--
-- Name: sso_domains_verified; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX sso_domains_verified ON public.sso_domains USING btree (domain) WHERE (verified_at IS NOT NULL);

--
-- Name: sso_flows_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sso_flows_expiry ON public.sso_flows USING btree (expires_at);

--
-- Name: sso_flows_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sso_flows_workspace ON public.sso_flows USING btree (workspace_id);

--
-- Name: sso_identities_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sso_identities_user ON public.sso_identities USING btree (user_id);

--
-- Name: test_cases_agent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX test_cases_agent ON public.test_cases USING btree (workspace_id, agent_id);

--
-- Name: test_cases_list; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX test_cases_list ON public.test_cases USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: test_cases_source; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX test_cases_source ON public.test_cases USING btree (source_call_id) WHERE (source_call_id IS NOT NULL);

--
-- Name: test_results_case; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX test_results_case ON public.test_results USING btree (case_id);

--
-- Name: test_runs_agent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX test_runs_agent ON public.test_runs USING btree (workspace_id, agent_id, created_at DESC);

--
-- Name: test_runs_list; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX test_runs_list ON public.test_runs USING btree (workspace_id, created_at DESC, id DESC);

--
-- Name: tool_runs_started; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tool_runs_started ON public.tool_runs USING btree (started_at);

--
-- Name: transfer_times_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX transfer_times_workspace ON public.transfer_times USING btree (workspace_id);

--
-- Name: usage_daily_day; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_daily_day ON public.usage_daily USING btree (day);

--
-- Name: usage_records_call; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_records_call ON ONLY public.usage_records USING btree (call_id) WHERE (call_id IS NOT NULL);

--
-- Name: usage_records_unpriced; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_records_unpriced ON ONLY public.usage_records USING btree (at) WHERE ((cost IS NULL) OR (price IS NULL));

--
-- Name: usage_records_default_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_records_default_at_idx ON public.usage_records_default USING btree (at) WHERE ((cost IS NULL) OR (price IS NULL));

--
-- Name: usage_records_default_call_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_records_default_call_id_idx ON public.usage_records_default USING btree (call_id) WHERE (call_id IS NOT NULL);

--
-- Name: usage_records_event; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX usage_records_event ON ONLY public.usage_records USING btree (call_id, seq, at) WHERE (seq IS NOT NULL);

--
-- Name: usage_records_default_call_id_seq_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX usage_records_default_call_id_seq_at_idx ON public.usage_records_default USING btree (call_id, seq, at) WHERE (seq IS NOT NULL);

--
-- Name: usage_records_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_records_workspace ON ONLY public.usage_records USING btree (workspace_id, at);

--
-- Name: usage_records_default_workspace_id_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_records_default_workspace_id_at_idx ON public.usage_records_default USING btree (workspace_id, at);

--
-- Name: users_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX users_created ON public.users USING btree (created_at DESC, id DESC);

--
-- Name: users_email; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX users_email ON public.users USING btree (email);

--
-- Name: users_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX users_identity ON public.users USING btree (public.email_identity(email)) WHERE (email_verified_at IS NOT NULL);

--
-- Name: users_search; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX users_search ON public.users USING gin (email public.gin_trgm_ops, name public.gin_trgm_ops);

--
-- Name: verified_numbers_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX verified_numbers_identity ON public.verified_numbers USING btree (public.phone_identity(phone_number));

--
-- Name: warm_transfers_leg; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX warm_transfers_leg ON public.warm_transfers USING btree (leg_id) WHERE (status = ANY (ARRAY['calling'::text, 'asking'::text, 'accepted'::text]));

--
-- Name: warm_transfers_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX warm_transfers_workspace ON public.warm_transfers USING btree (workspace_id);

--
-- Name: webhook_events_leg; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX webhook_events_leg ON public.webhook_events USING btree (((payload #>> '{data,payload,call_leg_id}'::text[]))) WHERE ((source = 'telnyx'::text) AND (event_type = 'call.initiated'::text));

--
-- Name: webhook_events_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX webhook_events_open ON public.webhook_events USING btree (received_at) WHERE (handled_at IS NULL);

--
-- Name: workspace_changes_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspace_changes_at ON public.workspace_changes USING btree (at);

--
-- Name: workspace_changes_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspace_changes_workspace ON public.workspace_changes USING btree (workspace_id, at DESC);

--
-- Name: workspace_daily_day; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspace_daily_day ON public.workspace_daily USING btree (day);

--
-- Name: workspace_exports_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspace_exports_expiry ON public.workspace_exports USING btree (expires_at) WHERE (status <> 'deleted'::text);

--
-- Name: workspace_exports_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspace_exports_newest ON public.workspace_exports USING btree (workspace_id, requested_at DESC, id DESC);

--
-- Name: workspace_members_owner; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspace_members_owner ON public.workspace_members USING btree (workspace_id, joined_at) WHERE (role = 'owner'::text);

--
-- Name: workspace_members_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspace_members_user ON public.workspace_members USING btree (user_id);

--
-- Name: workspace_monthly_workspace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspace_monthly_workspace ON public.workspace_monthly USING btree (workspace_id);

--
-- Name: workspaces_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspaces_created ON public.workspaces USING btree (created_at DESC, id DESC) WHERE (deleted_at IS NULL);

--
-- Name: workspaces_created_by; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspaces_created_by ON public.workspaces USING btree (created_by);

--
-- Name: workspaces_purge; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspaces_purge ON public.workspaces USING btree (purge_after) WHERE (purge_after IS NOT NULL);

--
-- Name: workspaces_search; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspaces_search ON public.workspaces USING gin (name public.gin_trgm_ops);

--
-- Name: workspaces_status; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspaces_status ON public.workspaces USING btree (status, created_at DESC) WHERE (deleted_at IS NULL);

--
-- Name: workspaces_stripe; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX workspaces_stripe ON public.workspaces USING btree (stripe_customer_id) WHERE (stripe_customer_id IS NOT NULL);

--
-- Name: workspaces_tier; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX workspaces_tier ON public.workspaces USING btree (tier_name);

--
-- Name: call_events_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.call_events_pkey ATTACH PARTITION public.call_events_default_pkey;

--
-- Name: usage_records_default_at_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_records_unpriced ATTACH PARTITION public.usage_records_default_at_idx;

--
-- Name: usage_records_default_call_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_records_call ATTACH PARTITION public.usage_records_default_call_id_idx;

--
-- Name: usage_records_default_call_id_seq_at_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_records_event ATTACH PARTITION public.usage_records_default_call_id_seq_at_idx;

--
-- Name: usage_records_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_records_pkey ATTACH PARTITION public.usage_records_default_pkey;

--
-- Name: usage_records_default_workspace_id_at_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_records_workspace ATTACH PARTITION public.usage_records_default_workspace_id_at_idx;

--
-- Name: agent_versions agent_versions_immutable; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER agent_versions_immutable BEFORE UPDATE ON public.agent_versions FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

--
-- Name: audit_log audit_log_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

--
-- Name: audit_sealed_rows audit_sealed_rows_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_sealed_rows_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_sealed_rows FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

--
-- Name: audit_seals audit_seals_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_seals_append_only BEFORE DELETE OR UPDATE OF number, entries, root, previous, reached, sealed_at OR TRUNCATE ON public.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

--
-- Name: calls calls_search_inserted; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER calls_search_inserted AFTER INSERT ON public.calls FOR EACH ROW WHEN ((new.transcription IS NOT NULL)) EXECUTE FUNCTION public.index_transcript();

--
-- Name: calls calls_search_updated; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER calls_search_updated AFTER UPDATE OF status, transcription ON public.calls FOR EACH ROW WHEN (((new.transcription IS DISTINCT FROM old.transcription) OR ((new.transcription IS NOT NULL) AND (new.status <> old.status)))) EXECUTE FUNCTION public.index_transcript();

--
-- Name: exchange_rates exchange_rates_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER exchange_rates_append_only BEFORE DELETE OR UPDATE ON public.exchange_rates FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

--
-- Name: invoice_lines invoice_lines_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER invoice_lines_append_only BEFORE DELETE OR UPDATE ON public.invoice_lines FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

--
-- Name: payments payments_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER payments_append_only BEFORE DELETE OR UPDATE ON public.payments FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

--
-- Name: plan_versions plan_versions_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER plan_versions_append_only BEFORE DELETE OR UPDATE ON public.plan_versions FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

--
-- Name: price_versions price_versions_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER price_versions_append_only BEFORE DELETE OR UPDATE ON public.price_versions FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

--
-- Name: tax_rates tax_rates_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER tax_rates_append_only BEFORE DELETE OR UPDATE ON public.tax_rates FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

--
-- Name: pgqueuer tg_pgqueuer_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER tg_pgqueuer_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.pgqueuer FOR EACH STATEMENT EXECUTE FUNCTION public.fn_pgqueuer_changed();

--
-- Name: usage_records usage_records_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER usage_records_append_only BEFORE DELETE OR UPDATE ON public.usage_records FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

--
-- Name: accruals accruals_period_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accruals
    ADD CONSTRAINT accruals_period_id_fkey FOREIGN KEY (period_id) REFERENCES public.billing_periods(id) ON DELETE CASCADE;

--
-- Name: address_registrations address_registrations_workspace_id_address_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.address_registrations
    ADD CONSTRAINT address_registrations_workspace_id_address_id_fkey FOREIGN KEY (workspace_id, address_id) REFERENCES public.business_addresses(workspace_id, id) ON DELETE CASCADE;

--
-- Name: admin_recovery_codes admin_recovery_codes_admin_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.admin_recovery_codes
    ADD CONSTRAINT admin_recovery_codes_admin_id_fkey FOREIGN KEY (admin_id) REFERENCES public.admins(id) ON DELETE CASCADE;

--
-- Name: agent_drafts agent_drafts_workspace_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent_drafts
    ADD CONSTRAINT agent_drafts_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES public.agents(workspace_id, id) ON DELETE CASCADE;

--
-- Name: agent_versions agent_versions_workspace_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent_versions
    ADD CONSTRAINT agent_versions_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES public.agents(workspace_id, id) ON DELETE CASCADE;

--
-- Name: agents agents_template_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_template_id_fkey FOREIGN KEY (template_id) REFERENCES public.agent_templates(id);

--
-- Name: agents agents_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: api_key_secrets api_key_secrets_holder_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_key_secrets
    ADD CONSTRAINT api_key_secrets_holder_id_fkey FOREIGN KEY (holder_id) REFERENCES public.users(id) ON DELETE CASCADE;

--
-- Name: api_key_secrets api_key_secrets_key_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_key_secrets
    ADD CONSTRAINT api_key_secrets_key_id_fkey FOREIGN KEY (key_id) REFERENCES public.api_keys(id) ON DELETE CASCADE;

--
-- Name: api_key_secrets api_key_secrets_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_key_secrets
    ADD CONSTRAINT api_key_secrets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: api_keys api_keys_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: appointments appointments_integration_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointments
    ADD CONSTRAINT appointments_integration_id_fkey FOREIGN KEY (integration_id) REFERENCES public.integrations(id) ON DELETE CASCADE;

--
-- Name: appointments appointments_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointments
    ADD CONSTRAINT appointments_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: audit_sealed_rows audit_sealed_rows_seal_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_sealed_rows
    ADD CONSTRAINT audit_sealed_rows_seal_fkey FOREIGN KEY (seal) REFERENCES public.audit_seals(number);

--
-- Name: billing_settings billing_settings_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.billing_settings
    ADD CONSTRAINT billing_settings_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: blocked_callers blocked_callers_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.blocked_callers
    ADD CONSTRAINT blocked_callers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: business_addresses business_addresses_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.business_addresses
    ADD CONSTRAINT business_addresses_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: call_exports call_exports_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_exports
    ADD CONSTRAINT call_exports_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: call_search call_search_call_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_search
    ADD CONSTRAINT call_search_call_id_fkey FOREIGN KEY (call_id) REFERENCES public.calls(id) ON DELETE CASCADE;

--
-- Name: call_supervisions call_supervisions_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_supervisions
    ADD CONSTRAINT call_supervisions_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: call_words call_words_call_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call_words
    ADD CONSTRAINT call_words_call_id_fkey FOREIGN KEY (call_id) REFERENCES public.calls(id) ON DELETE CASCADE;

--
-- Name: called_countries called_countries_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.called_countries
    ADD CONSTRAINT called_countries_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: caller_deletions caller_deletions_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.caller_deletions
    ADD CONSTRAINT caller_deletions_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: calls calls_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calls
    ADD CONSTRAINT calls_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: campaign_attempts campaign_attempts_recipient_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.campaign_attempts
    ADD CONSTRAINT campaign_attempts_recipient_id_fkey FOREIGN KEY (recipient_id) REFERENCES public.campaign_recipients(id) ON DELETE CASCADE;

--
-- Name: campaign_recipients campaign_recipients_campaign_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.campaign_recipients
    ADD CONSTRAINT campaign_recipients_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

--
-- Name: campaigns campaigns_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: contacts contacts_integration_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_integration_id_fkey FOREIGN KEY (integration_id) REFERENCES public.integrations(id) ON DELETE CASCADE;

--
-- Name: contacts contacts_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: do_not_call_numbers do_not_call_numbers_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.do_not_call_numbers
    ADD CONSTRAINT do_not_call_numbers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: exemptions exemptions_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exemptions
    ADD CONSTRAINT exemptions_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: http_tools http_tools_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.http_tools
    ADD CONSTRAINT http_tools_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: integration_sync_logs integration_sync_logs_integration_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.integration_sync_logs
    ADD CONSTRAINT integration_sync_logs_integration_id_fkey FOREIGN KEY (integration_id) REFERENCES public.integrations(id) ON DELETE CASCADE;

--
-- Name: integration_syncs integration_syncs_integration_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.integration_syncs
    ADD CONSTRAINT integration_syncs_integration_id_fkey FOREIGN KEY (integration_id) REFERENCES public.integrations(id) ON DELETE CASCADE;

--
-- Name: integration_syncs integration_syncs_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.integration_syncs
    ADD CONSTRAINT integration_syncs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: integrations integrations_integration_type_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.integrations
    ADD CONSTRAINT integrations_integration_type_fkey FOREIGN KEY (integration_type) REFERENCES public.integration_types(type);

--
-- Name: integrations integrations_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.integrations
    ADD CONSTRAINT integrations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: invitations invitations_invited_by_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invitations
    ADD CONSTRAINT invitations_invited_by_fkey FOREIGN KEY (invited_by) REFERENCES public.users(id) ON DELETE SET NULL;

--
-- Name: invitations invitations_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invitations
    ADD CONSTRAINT invitations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: invoice_lines invoice_lines_billing_period_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_billing_period_id_fkey FOREIGN KEY (billing_period_id) REFERENCES public.billing_periods(id);

--
-- Name: invoice_lines invoice_lines_grant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES public.credit_grants(id);

--
-- Name: invoice_lines invoice_lines_invoice_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id);

--
-- Name: invoice_lines invoice_lines_tax_rate_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_tax_rate_fkey FOREIGN KEY (tax_rate) REFERENCES public.tax_rates(id);

--
-- Name: invoices invoices_billing_period_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_billing_period_id_fkey FOREIGN KEY (billing_period_id) REFERENCES public.billing_periods(id);

--
-- Name: knowledge_chunks knowledge_chunks_document_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.knowledge_chunks
    ADD CONSTRAINT knowledge_chunks_document_id_fkey FOREIGN KEY (document_id) REFERENCES public.knowledge_documents(id) ON DELETE CASCADE;

--
-- Name: knowledge_documents knowledge_documents_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.knowledge_documents
    ADD CONSTRAINT knowledge_documents_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: knowledge_terms knowledge_terms_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.knowledge_terms
    ADD CONSTRAINT knowledge_terms_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: mcp_servers mcp_servers_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mcp_servers
    ADD CONSTRAINT mcp_servers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: message_emails message_emails_workspace_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_emails
    ADD CONSTRAINT message_emails_workspace_id_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES public.workspace_members(workspace_id, user_id) ON DELETE CASCADE;

--
-- Name: messages messages_call_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_call_id_fkey FOREIGN KEY (call_id) REFERENCES public.calls(id) ON DELETE CASCADE;

--
-- Name: oauth_states oauth_states_integration_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oauth_states
    ADD CONSTRAINT oauth_states_integration_id_fkey FOREIGN KEY (integration_id) REFERENCES public.integrations(id) ON DELETE CASCADE;

--
-- Name: oauth_states oauth_states_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oauth_states
    ADD CONSTRAINT oauth_states_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: one_time_tokens one_time_tokens_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

--
-- Name: outbound_webhook_attempts outbound_webhook_attempts_delivery_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbound_webhook_attempts
    ADD CONSTRAINT outbound_webhook_attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES public.outbound_webhook_deliveries(id) ON DELETE CASCADE;

--
-- Name: outbound_webhook_deliveries outbound_webhook_deliveries_event_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbound_webhook_deliveries
    ADD CONSTRAINT outbound_webhook_deliveries_event_id_fkey FOREIGN KEY (event_id) REFERENCES public.outbound_webhook_events(id) ON DELETE CASCADE;

--
-- Name: outbound_webhook_endpoints outbound_webhook_endpoints_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbound_webhook_endpoints
    ADD CONSTRAINT outbound_webhook_endpoints_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: outbound_webhook_events outbound_webhook_events_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbound_webhook_events
    ADD CONSTRAINT outbound_webhook_events_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: payments payments_invoice_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id);

--
-- Name: phone_codes phone_codes_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_codes
    ADD CONSTRAINT phone_codes_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: phone_numbers phone_numbers_workspace_id_address_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_numbers
    ADD CONSTRAINT phone_numbers_workspace_id_address_id_fkey FOREIGN KEY (workspace_id, address_id) REFERENCES public.business_addresses(workspace_id, id) ON DELETE SET NULL (address_id);

--
-- Name: phone_numbers phone_numbers_workspace_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_numbers
    ADD CONSTRAINT phone_numbers_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES public.agents(workspace_id, id) ON DELETE SET NULL (agent_id);

--
-- Name: phone_numbers phone_numbers_workspace_id_bundle_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_numbers
    ADD CONSTRAINT phone_numbers_workspace_id_bundle_id_fkey FOREIGN KEY (workspace_id, bundle_id) REFERENCES public.regulatory_bundles(workspace_id, id) ON DELETE SET NULL (bundle_id);

--
-- Name: phone_numbers phone_numbers_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_numbers
    ADD CONSTRAINT phone_numbers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: provider_figures provider_figures_provider_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.provider_figures
    ADD CONSTRAINT provider_figures_provider_fkey FOREIGN KEY (provider) REFERENCES public.providers(provider) ON DELETE CASCADE;

--
-- Name: provider_probes provider_probes_provider_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.provider_probes
    ADD CONSTRAINT provider_probes_provider_fkey FOREIGN KEY (provider) REFERENCES public.providers(provider) ON DELETE CASCADE;

--
-- Name: reference_attempts reference_attempts_call_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reference_attempts
    ADD CONSTRAINT reference_attempts_call_id_fkey FOREIGN KEY (call_id) REFERENCES public.calls(id) ON DELETE CASCADE;

--
-- Name: refresh_tokens refresh_tokens_session_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.sessions(id) ON DELETE CASCADE;

--
-- Name: refund_orders refund_orders_invoice_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refund_orders
    ADD CONSTRAINT refund_orders_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id);

--
-- Name: regulatory_bundles regulatory_bundles_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.regulatory_bundles
    ADD CONSTRAINT regulatory_bundles_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: retention_limits retention_limits_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.retention_limits
    ADD CONSTRAINT retention_limits_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: retention_progress retention_progress_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.retention_progress
    ADD CONSTRAINT retention_progress_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: sessions sessions_admin_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_admin_id_fkey FOREIGN KEY (admin_id) REFERENCES public.admins(id) ON DELETE CASCADE;

--
-- Name: sessions sessions_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

--
-- Name: sink_invoices sink_invoices_invoice_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sink_invoices
    ADD CONSTRAINT sink_invoices_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id);

--
-- Name: spend_alarms spend_alarms_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.spend_alarms
    ADD CONSTRAINT spend_alarms_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: spend_alerts spend_alerts_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.spend_alerts
    ADD CONSTRAINT spend_alerts_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: sso_connections sso_connections_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_connections
    ADD CONSTRAINT sso_connections_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: sso_domains sso_domains_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_domains
    ADD CONSTRAINT sso_domains_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: sso_flows sso_flows_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_flows
    ADD CONSTRAINT sso_flows_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: sso_identities sso_identities_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_identities
    ADD CONSTRAINT sso_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

--
-- Name: sso_identities sso_identities_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sso_identities
    ADD CONSTRAINT sso_identities_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: test_cases test_cases_source_call_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_cases
    ADD CONSTRAINT test_cases_source_call_id_fkey FOREIGN KEY (source_call_id) REFERENCES public.calls(id) ON DELETE CASCADE;

--
-- Name: test_cases test_cases_workspace_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_cases
    ADD CONSTRAINT test_cases_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES public.agents(workspace_id, id) ON DELETE CASCADE;

--
-- Name: test_results test_results_case_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_results
    ADD CONSTRAINT test_results_case_id_fkey FOREIGN KEY (case_id) REFERENCES public.test_cases(id) ON DELETE CASCADE;

--
-- Name: test_results test_results_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_results
    ADD CONSTRAINT test_results_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.test_runs(id) ON DELETE CASCADE;

--
-- Name: test_runs test_runs_workspace_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_runs
    ADD CONSTRAINT test_runs_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES public.agents(workspace_id, id) ON DELETE CASCADE;

--
-- Name: tier_prices tier_prices_tier_name_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tier_prices
    ADD CONSTRAINT tier_prices_tier_name_fkey FOREIGN KEY (tier_name) REFERENCES public.tiers(tier_name);

--
-- Name: tool_runs tool_runs_call_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tool_runs
    ADD CONSTRAINT tool_runs_call_id_fkey FOREIGN KEY (call_id) REFERENCES public.calls(id) ON DELETE CASCADE;

--
-- Name: transfer_times transfer_times_call_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.transfer_times
    ADD CONSTRAINT transfer_times_call_id_fkey FOREIGN KEY (call_id) REFERENCES public.calls(id) ON DELETE CASCADE;

--
-- Name: transfer_times transfer_times_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.transfer_times
    ADD CONSTRAINT transfer_times_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: user_recovery_codes user_recovery_codes_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_recovery_codes
    ADD CONSTRAINT user_recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

--
-- Name: verified_numbers verified_numbers_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.verified_numbers
    ADD CONSTRAINT verified_numbers_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

--
-- Name: voice_strategies voice_strategies_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.voice_strategies
    ADD CONSTRAINT voice_strategies_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: warm_transfers warm_transfers_call_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.warm_transfers
    ADD CONSTRAINT warm_transfers_call_id_fkey FOREIGN KEY (call_id) REFERENCES public.calls(id) ON DELETE CASCADE;

--
-- Name: warm_transfers warm_transfers_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.warm_transfers
    ADD CONSTRAINT warm_transfers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: workspace_exports workspace_exports_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_exports
    ADD CONSTRAINT workspace_exports_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: workspace_members workspace_members_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_members
    ADD CONSTRAINT workspace_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

--
-- Name: workspace_members workspace_members_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_members
    ADD CONSTRAINT workspace_members_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: workspace_providers workspace_providers_workspace_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspace_providers
    ADD CONSTRAINT workspace_providers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id) ON DELETE CASCADE;

--
-- Name: workspaces workspaces_tier_name_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workspaces
    ADD CONSTRAINT workspaces_tier_name_fkey FOREIGN KEY (tier_name) REFERENCES public.tiers(tier_name);

--
-- Name: accruals; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.accruals ENABLE ROW LEVEL SECURITY;

--
-- Name: address_registrations; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.address_registrations ENABLE ROW LEVEL SECURITY;

--
-- Name: admin_recovery_codes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.admin_recovery_codes ENABLE ROW LEVEL SECURITY;

--
-- Name: admins; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.admins ENABLE ROW LEVEL SECURITY;

--
-- Name: agent_daily; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.agent_daily ENABLE ROW LEVEL SECURITY;

--
-- Name: agent_drafts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.agent_drafts ENABLE ROW LEVEL SECURITY;

--
-- Name: agent_templates; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.agent_templates ENABLE ROW LEVEL SECURITY;

--
-- Name: agent_totals; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.agent_totals ENABLE ROW LEVEL SECURITY;

--
-- Name: agent_versions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.agent_versions ENABLE ROW LEVEL SECURITY;

--
-- Name: agents; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.agents ENABLE ROW LEVEL SECURITY;

--
-- Name: api_key_secrets; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.api_key_secrets ENABLE ROW LEVEL SECURITY;

--
-- Name: api_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log appends; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY appends ON public.audit_log FOR INSERT WITH CHECK (true);

--
-- Name: appointments; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.appointments ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_sealed_rows; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_sealed_rows ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_seals; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_seals ENABLE ROW LEVEL SECURITY;

--
-- Name: backup_runs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.backup_runs ENABLE ROW LEVEL SECURITY;

--
-- Name: billing_accounts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.billing_accounts ENABLE ROW LEVEL SECURITY;

--
-- Name: billing_periods; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.billing_periods ENABLE ROW LEVEL SECURITY;

--
-- Name: billing_settings; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.billing_settings ENABLE ROW LEVEL SECURITY;

--
-- Name: blocked_callers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.blocked_callers ENABLE ROW LEVEL SECURITY;

--
-- Name: business_addresses; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.business_addresses ENABLE ROW LEVEL SECURITY;

--
-- Name: call_events; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.call_events ENABLE ROW LEVEL SECURITY;

--
-- Name: call_events_default; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.call_events_default ENABLE ROW LEVEL SECURITY;

--
-- Name: call_exports; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.call_exports ENABLE ROW LEVEL SECURITY;

--
-- Name: call_intervals; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.call_intervals ENABLE ROW LEVEL SECURITY;

--
-- Name: call_search; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.call_search ENABLE ROW LEVEL SECURITY;

--
-- Name: call_supervisions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.call_supervisions ENABLE ROW LEVEL SECURITY;

--
-- Name: call_words; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.call_words ENABLE ROW LEVEL SECURITY;

--
-- Name: called_countries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.called_countries ENABLE ROW LEVEL SECURITY;

--
-- Name: caller_deletions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.caller_deletions ENABLE ROW LEVEL SECURITY;

--
-- Name: calls; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.calls ENABLE ROW LEVEL SECURITY;

--
-- Name: campaign_attempts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.campaign_attempts ENABLE ROW LEVEL SECURITY;

--
-- Name: campaign_recipients; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.campaign_recipients ENABLE ROW LEVEL SECURITY;

--
-- Name: campaigns; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.campaigns ENABLE ROW LEVEL SECURITY;

--
-- Name: contacts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.contacts ENABLE ROW LEVEL SECURITY;

--
-- Name: credit_grants; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.credit_grants ENABLE ROW LEVEL SECURITY;

--
-- Name: users deletes; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY deletes ON public.users FOR DELETE USING ((( SELECT public.is_accounts_scope() AS is_accounts_scope) OR (id = ( SELECT public.current_person() AS current_person))));

--
-- Name: do_not_call_numbers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.do_not_call_numbers ENABLE ROW LEVEL SECURITY;

--
-- Name: exchange_rates; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.exchange_rates ENABLE ROW LEVEL SECURITY;

--
-- Name: exemptions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.exemptions ENABLE ROW LEVEL SECURITY;

--
-- Name: http_tools; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.http_tools ENABLE ROW LEVEL SECURITY;

--
-- Name: users inserts; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY inserts ON public.users FOR INSERT WITH CHECK (( SELECT public.is_accounts_scope() AS is_accounts_scope));

--
-- Name: integration_sync_logs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.integration_sync_logs ENABLE ROW LEVEL SECURITY;

--
-- Name: integration_syncs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.integration_syncs ENABLE ROW LEVEL SECURITY;

--
-- Name: integration_types; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.integration_types ENABLE ROW LEVEL SECURITY;

--
-- Name: integrations; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.integrations ENABLE ROW LEVEL SECURITY;

--
-- Name: invitations; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.invitations ENABLE ROW LEVEL SECURITY;

--
-- Name: invoice_lines; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.invoice_lines ENABLE ROW LEVEL SECURITY;

--
-- Name: invoice_numbers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.invoice_numbers ENABLE ROW LEVEL SECURITY;

--
-- Name: invoices; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.invoices ENABLE ROW LEVEL SECURITY;

--
-- Name: knowledge_chunks; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.knowledge_chunks ENABLE ROW LEVEL SECURITY;

--
-- Name: knowledge_documents; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.knowledge_documents ENABLE ROW LEVEL SECURITY;

--
-- Name: knowledge_terms; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.knowledge_terms ENABLE ROW LEVEL SECURITY;

--
-- Name: mcp_servers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.mcp_servers ENABLE ROW LEVEL SECURITY;

--
-- Name: message_emails; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.message_emails ENABLE ROW LEVEL SECURITY;

--
-- Name: messages; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.messages ENABLE ROW LEVEL SECURITY;

--
-- Name: meter_days; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.meter_days ENABLE ROW LEVEL SECURITY;

--
-- Name: oauth_states; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.oauth_states ENABLE ROW LEVEL SECURITY;

--
-- Name: one_time_tokens; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.one_time_tokens ENABLE ROW LEVEL SECURITY;

--
-- Name: outbound_webhook_attempts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.outbound_webhook_attempts ENABLE ROW LEVEL SECURITY;

--
-- Name: outbound_webhook_deliveries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.outbound_webhook_deliveries ENABLE ROW LEVEL SECURITY;

--
-- Name: outbound_webhook_endpoints; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.outbound_webhook_endpoints ENABLE ROW LEVEL SECURITY;

--
-- Name: outbound_webhook_events; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.outbound_webhook_events ENABLE ROW LEVEL SECURITY;

--
-- Name: payments; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.payments ENABLE ROW LEVEL SECURITY;

--
-- Name: one_time_tokens person; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY person ON public.one_time_tokens USING ((( SELECT public.is_accounts_scope() AS is_accounts_scope) OR (user_id = ( SELECT public.current_person() AS current_person))));

--
-- Name: refresh_tokens person; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY person ON public.refresh_tokens USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (( SELECT public.is_accounts_scope() AS is_accounts_scope) AND (NOT public.is_staff_session(session_id))) OR public.is_own_session(session_id)));

--
-- Name: sessions person; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY person ON public.sessions USING ((( SELECT (public.current_scope() = 'platform'::text)) OR ((admin_id IS NULL) AND (( SELECT public.is_accounts_scope() AS is_accounts_scope) OR (user_id = ( SELECT public.current_person() AS current_person))))));

--
-- Name: user_recovery_codes person; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY person ON public.user_recovery_codes USING ((( SELECT public.is_accounts_scope() AS is_accounts_scope) OR (user_id = ( SELECT public.current_person() AS current_person))));

--
-- Name: phone_codes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.phone_codes ENABLE ROW LEVEL SECURITY;

--
-- Name: phone_numbers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.phone_numbers ENABLE ROW LEVEL SECURITY;

--
-- Name: plan_versions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.plan_versions ENABLE ROW LEVEL SECURITY;

--
-- Name: admin_recovery_codes platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.admin_recovery_codes USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: admins platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.admins USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: agent_templates platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.agent_templates USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: audit_sealed_rows platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.audit_sealed_rows USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: audit_seals platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.audit_seals USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: backup_runs platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.backup_runs FOR SELECT USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: exchange_rates platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.exchange_rates USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: integration_types platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.integration_types USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: invoice_numbers platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.invoice_numbers USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: plan_versions platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.plan_versions USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: platform_daily platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.platform_daily USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: platform_provider_daily platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.platform_provider_daily USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: price_versions platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.price_versions USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: providers platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.providers USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: revoked_media_passes platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.revoked_media_passes FOR SELECT USING (( SELECT (public.current_scope() = 'platform'::text)));

--
-- Name: settings platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.settings USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: tax_rates platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.tax_rates USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: tier_prices platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.tier_prices USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: tiers platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.tiers USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: voice_routing platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.voice_routing USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: webhook_events platform; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY platform ON public.webhook_events USING (( SELECT public.is_platform_scope() AS is_platform_scope));

--
-- Name: platform_daily; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.platform_daily ENABLE ROW LEVEL SECURITY;

--
-- Name: platform_provider_daily; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.platform_provider_daily ENABLE ROW LEVEL SECURITY;

--
-- Name: price_versions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.price_versions ENABLE ROW LEVEL SECURITY;

--
-- Name: provider_daily; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.provider_daily ENABLE ROW LEVEL SECURITY;

--
-- Name: providers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.providers ENABLE ROW LEVEL SECURITY;

--
-- Name: agent_templates reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.agent_templates FOR SELECT USING (true);

--
-- Name: audit_log reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.audit_log FOR SELECT USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: exchange_rates reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.exchange_rates FOR SELECT USING (true);

--
-- Name: integration_types reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.integration_types FOR SELECT USING (true);

--
-- Name: plan_versions reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.plan_versions FOR SELECT USING (true);

--
-- Name: providers reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.providers FOR SELECT USING (true);

--
-- Name: settings reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.settings FOR SELECT USING (true);

--
-- Name: tax_rates reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.tax_rates FOR SELECT USING (true);

--
-- Name: tier_prices reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.tier_prices FOR SELECT USING (true);

--
-- Name: tiers reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.tiers FOR SELECT USING (true);

--
-- Name: users reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.users FOR SELECT USING (true);

--
-- Name: voice_routing reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY reads ON public.voice_routing FOR SELECT USING (true);

--
-- Name: reference_attempts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.reference_attempts ENABLE ROW LEVEL SECURITY;

--
-- Name: refresh_tokens; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.refresh_tokens ENABLE ROW LEVEL SECURITY;

--
-- Name: refund_orders; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.refund_orders ENABLE ROW LEVEL SECURITY;

--
-- Name: regulatory_bundles; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.regulatory_bundles ENABLE ROW LEVEL SECURITY;

--
-- Name: rented_numbers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.rented_numbers ENABLE ROW LEVEL SECURITY;

--
-- Name: retention_limits; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.retention_limits ENABLE ROW LEVEL SECURITY;

--
-- Name: retention_progress; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.retention_progress ENABLE ROW LEVEL SECURITY;

--
-- Name: revoked_media_passes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.revoked_media_passes ENABLE ROW LEVEL SECURITY;

--
-- Name: rollup_dirty; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.rollup_dirty ENABLE ROW LEVEL SECURITY;

--
-- Name: sessions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;

--
-- Name: settings; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.settings ENABLE ROW LEVEL SECURITY;

--
-- Name: sink_customers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sink_customers ENABLE ROW LEVEL SECURITY;

--
-- Name: sink_invoices; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sink_invoices ENABLE ROW LEVEL SECURITY;

--
-- Name: spend_alarms; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.spend_alarms ENABLE ROW LEVEL SECURITY;

--
-- Name: spend_alerts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.spend_alerts ENABLE ROW LEVEL SECURITY;

--
-- Name: sso_connections; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sso_connections ENABLE ROW LEVEL SECURITY;

--
-- Name: sso_domains; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sso_domains ENABLE ROW LEVEL SECURITY;

--
-- Name: sso_flows; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sso_flows ENABLE ROW LEVEL SECURITY;

--
-- Name: sso_identities; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sso_identities ENABLE ROW LEVEL SECURITY;

--
-- Name: tax_rates; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.tax_rates ENABLE ROW LEVEL SECURITY;

--
-- Name: accruals tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.accruals USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: address_registrations tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.address_registrations USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: agent_daily tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.agent_daily USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: agent_drafts tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.agent_drafts USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: agent_totals tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.agent_totals USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: agent_versions tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.agent_versions USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: agents tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.agents USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: api_key_secrets tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.api_key_secrets USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: api_keys tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.api_keys USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: appointments tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.appointments USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: billing_accounts tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.billing_accounts USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: billing_periods tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.billing_periods USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: billing_settings tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.billing_settings USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: blocked_callers tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.blocked_callers USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: business_addresses tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.business_addresses USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: call_events tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.call_events USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: call_events_default tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.call_events_default USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: call_exports tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.call_exports USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: call_intervals tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.call_intervals USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: call_search tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.call_search USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: call_supervisions tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.call_supervisions USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: call_words tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.call_words USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: called_countries tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.called_countries USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: caller_deletions tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.caller_deletions USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: calls tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.calls USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: campaign_attempts tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.campaign_attempts USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: campaign_recipients tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.campaign_recipients USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: campaigns tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.campaigns USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: contacts tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.contacts USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: credit_grants tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.credit_grants USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: do_not_call_numbers tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.do_not_call_numbers USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: exemptions tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.exemptions USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: http_tools tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.http_tools USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: integration_sync_logs tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.integration_sync_logs USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: integration_syncs tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.integration_syncs USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: integrations tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.integrations USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: invitations tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.invitations USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: invoice_lines tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.invoice_lines USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: invoices tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.invoices USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: knowledge_chunks tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.knowledge_chunks USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: knowledge_documents tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.knowledge_documents USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: knowledge_terms tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.knowledge_terms USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: mcp_servers tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.mcp_servers USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: message_emails tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.message_emails USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: messages tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.messages USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: meter_days tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.meter_days USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: oauth_states tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.oauth_states USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: outbound_webhook_attempts tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.outbound_webhook_attempts USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: outbound_webhook_deliveries tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.outbound_webhook_deliveries USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: outbound_webhook_endpoints tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.outbound_webhook_endpoints USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: outbound_webhook_events tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.outbound_webhook_events USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: payments tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.payments USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: phone_codes tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.phone_codes USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: phone_numbers tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.phone_numbers USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: provider_daily tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.provider_daily USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: reference_attempts tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.reference_attempts USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: refund_orders tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.refund_orders USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: regulatory_bundles tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.regulatory_bundles USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: rented_numbers tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.rented_numbers USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: retention_limits tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.retention_limits USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: retention_progress tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.retention_progress USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: rollup_dirty tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.rollup_dirty USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: sink_customers tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.sink_customers USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: sink_invoices tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.sink_invoices USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: spend_alarms tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.spend_alarms USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: spend_alerts tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.spend_alerts USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: sso_connections tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.sso_connections USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: sso_domains tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.sso_domains USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: sso_flows tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.sso_flows USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: sso_identities tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.sso_identities USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: test_cases tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.test_cases USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: test_results tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.test_results USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: test_runs tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.test_runs USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: tool_runs tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.tool_runs USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: transfer_times tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.transfer_times USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: usage_daily tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.usage_daily USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: usage_intervals tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.usage_intervals USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: usage_records tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.usage_records USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: usage_records_default tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.usage_records_default USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: voice_strategies tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.voice_strategies USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: warm_transfers tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.warm_transfers USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: workspace_changes tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.workspace_changes USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: workspace_daily tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.workspace_daily USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: workspace_exports tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.workspace_exports USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: workspace_members tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.workspace_members USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace)) OR (user_id = ( SELECT public.current_person() AS current_person)))) WITH CHECK ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: workspace_monthly tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.workspace_monthly USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: workspace_providers tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.workspace_providers USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: workspace_totals tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.workspace_totals USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (workspace_id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: workspaces tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.workspaces USING ((( SELECT (public.current_scope() = 'platform'::text)) OR (id = ( SELECT public.current_workspace() AS current_workspace)) OR (id IN ( SELECT m.workspace_id
   FROM public.workspace_members m
  WHERE (m.user_id = ( SELECT public.current_person() AS current_person)))))) WITH CHECK ((( SELECT (public.current_scope() = 'platform'::text)) OR (id = ( SELECT public.current_workspace() AS current_workspace))));

--
-- Name: test_cases; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.test_cases ENABLE ROW LEVEL SECURITY;

--
-- Name: test_results; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.test_results ENABLE ROW LEVEL SECURITY;

--
-- Name: test_runs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.test_runs ENABLE ROW LEVEL SECURITY;

--
-- Name: tier_prices; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.tier_prices ENABLE ROW LEVEL SECURITY;

--
-- Name: tiers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.tiers ENABLE ROW LEVEL SECURITY;

--
-- Name: tool_runs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.tool_runs ENABLE ROW LEVEL SECURITY;

--
-- Name: transfer_times; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.transfer_times ENABLE ROW LEVEL SECURITY;

--
-- Name: users updates; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY updates ON public.users FOR UPDATE USING ((( SELECT public.is_accounts_scope() AS is_accounts_scope) OR (id = ( SELECT public.current_person() AS current_person))));

--
-- Name: usage_daily; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_daily ENABLE ROW LEVEL SECURITY;

--
-- Name: usage_intervals; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_intervals ENABLE ROW LEVEL SECURITY;

--
-- Name: usage_records; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_records ENABLE ROW LEVEL SECURITY;

--
-- Name: usage_records_default; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_records_default ENABLE ROW LEVEL SECURITY;

--
-- Name: user_recovery_codes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.user_recovery_codes ENABLE ROW LEVEL SECURITY;

--
-- Name: users; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

--
-- Name: voice_routing; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.voice_routing ENABLE ROW LEVEL SECURITY;

--
-- Name: voice_strategies; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.voice_strategies ENABLE ROW LEVEL SECURITY;

--
-- Name: warm_transfers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.warm_transfers ENABLE ROW LEVEL SECURITY;

--
-- Name: webhook_events; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.webhook_events ENABLE ROW LEVEL SECURITY;

--
-- Name: workspace_changes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.workspace_changes ENABLE ROW LEVEL SECURITY;

--
-- Name: workspace_daily; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.workspace_daily ENABLE ROW LEVEL SECURITY;

--
-- Name: workspace_exports; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.workspace_exports ENABLE ROW LEVEL SECURITY;

--
-- Name: workspace_members; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.workspace_members ENABLE ROW LEVEL SECURITY;

--
-- Name: workspace_monthly; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.workspace_monthly ENABLE ROW LEVEL SECURITY;

--
-- Name: workspace_providers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.workspace_providers ENABLE ROW LEVEL SECURITY;

--
-- Name: workspace_totals; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.workspace_totals ENABLE ROW LEVEL SECURITY;

--
-- Name: workspaces; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.workspaces ENABLE ROW LEVEL SECURITY;

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA public TO vocalized_app;
GRANT USAGE ON SCHEMA public TO vocalized_backup;

--
-- Name: TABLE sessions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sessions TO vocalized_app;
GRANT SELECT ON TABLE public.sessions TO vocalized_backup;

--
-- Name: FUNCTION prepare_knowledge_vectors(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.prepare_knowledge_vectors() FROM PUBLIC;
GRANT ALL ON FUNCTION public.prepare_knowledge_vectors() TO vocalized_app;

--
-- Name: FUNCTION rank_knowledge_chunks(searched uuid, wanted tsquery, terms tsquery[], weights double precision[], most integer, most_candidates integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.rank_knowledge_chunks(searched uuid, wanted tsquery, terms tsquery[], weights double precision[], most integer, most_candidates integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.rank_knowledge_chunks(searched uuid, wanted tsquery, terms tsquery[], weights double precision[], most integer, most_candidates integer) TO vocalized_app;

--
-- Name: TABLE calls; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.calls TO vocalized_app;
GRANT SELECT ON TABLE public.calls TO vocalized_backup;

--
-- Name: TABLE accruals; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.accruals TO vocalized_app;
GRANT SELECT ON TABLE public.accruals TO vocalized_backup;

--
-- Name: TABLE address_registrations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.address_registrations TO vocalized_app;
GRANT SELECT ON TABLE public.address_registrations TO vocalized_backup;

--
-- Name: TABLE admin_recovery_codes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.admin_recovery_codes TO vocalized_app;
GRANT SELECT ON TABLE public.admin_recovery_codes TO vocalized_backup;

--
-- Name: TABLE admins; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.admins TO vocalized_app;
GRANT SELECT ON TABLE public.admins TO vocalized_backup;

--
-- Name: COLUMN admins.password_hash; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(password_hash) ON TABLE public.admins TO vocalized_app;

--
-- Name: COLUMN admins.totp_secret; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(totp_secret) ON TABLE public.admins TO vocalized_app;

--
-- Name: COLUMN admins.totp_enabled_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(totp_enabled_at) ON TABLE public.admins TO vocalized_app;

--
-- Name: COLUMN admins.totp_last_step; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(totp_last_step) ON TABLE public.admins TO vocalized_app;

--
-- Name: COLUMN admins.last_login_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(last_login_at) ON TABLE public.admins TO vocalized_app;

--
-- Name: COLUMN admins.updated_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(updated_at) ON TABLE public.admins TO vocalized_app;

--
-- Name: TABLE agent_daily; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.agent_daily TO vocalized_app;
GRANT SELECT ON TABLE public.agent_daily TO vocalized_backup;

--
-- Name: TABLE agent_drafts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.agent_drafts TO vocalized_app;
GRANT SELECT ON TABLE public.agent_drafts TO vocalized_backup;

--
-- Name: TABLE agent_templates; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.agent_templates TO vocalized_app;
GRANT SELECT ON TABLE public.agent_templates TO vocalized_backup;

--
-- Name: TABLE agent_totals; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.agent_totals TO vocalized_app;
GRANT SELECT ON TABLE public.agent_totals TO vocalized_backup;

--
-- Name: TABLE agent_versions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.agent_versions TO vocalized_app;
GRANT SELECT ON TABLE public.agent_versions TO vocalized_backup;

--
-- Name: TABLE agents; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.agents TO vocalized_app;
GRANT SELECT ON TABLE public.agents TO vocalized_backup;

--
-- Name: TABLE api_key_secrets; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_key_secrets TO vocalized_app;
GRANT SELECT ON TABLE public.api_key_secrets TO vocalized_backup;

--
-- Name: TABLE api_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO vocalized_app;
GRANT SELECT ON TABLE public.api_keys TO vocalized_backup;

--
-- Name: TABLE appointments; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.appointments TO vocalized_app;
GRANT SELECT ON TABLE public.appointments TO vocalized_backup;

--
-- Name: TABLE audit_log; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.audit_log TO vocalized_app;
GRANT SELECT ON TABLE public.audit_log TO vocalized_backup;

--
-- Name: COLUMN audit_log.id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(id) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.actor; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(actor) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.actor_id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(actor_id) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.actor_email; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(actor_email) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.action; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(action) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.resource_type; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(resource_type) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.resource_id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(resource_id) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.workspace_id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(workspace_id) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.details; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(details) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.request_id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(request_id) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: COLUMN audit_log.address; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(address) ON TABLE public.audit_log TO vocalized_app;

--
-- Name: TABLE audit_sealed_rows; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_sealed_rows TO vocalized_app;
GRANT SELECT ON TABLE public.audit_sealed_rows TO vocalized_backup;

--
-- Name: TABLE audit_seals; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_seals TO vocalized_app;
GRANT SELECT ON TABLE public.audit_seals TO vocalized_backup;

--
-- Name: TABLE backup_runs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.backup_runs TO vocalized_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.backup_runs TO vocalized_backup;

--
-- Name: SEQUENCE backup_runs_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.backup_runs_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.backup_runs_id_seq TO vocalized_backup;

--
-- Name: TABLE billing_accounts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.billing_accounts TO vocalized_app;
GRANT SELECT ON TABLE public.billing_accounts TO vocalized_backup;

--
-- Name: TABLE billing_periods; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.billing_periods TO vocalized_app;
GRANT SELECT ON TABLE public.billing_periods TO vocalized_backup;

--
-- Name: TABLE billing_settings; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.billing_settings TO vocalized_app;
GRANT SELECT ON TABLE public.billing_settings TO vocalized_backup;

--
-- Name: TABLE blocked_callers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.blocked_callers TO vocalized_app;
GRANT SELECT ON TABLE public.blocked_callers TO vocalized_backup;

--
-- Name: TABLE business_addresses; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.business_addresses TO vocalized_app;
GRANT SELECT ON TABLE public.business_addresses TO vocalized_backup;

--
-- Name: TABLE call_events; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.call_events TO vocalized_app;
GRANT SELECT ON TABLE public.call_events TO vocalized_backup;

--
-- Name: TABLE call_events_default; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.call_events_default TO vocalized_app;
GRANT SELECT ON TABLE public.call_events_default TO vocalized_backup;

--
-- Name: TABLE call_exports; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.call_exports TO vocalized_app;
GRANT SELECT ON TABLE public.call_exports TO vocalized_backup;

--
-- Name: TABLE call_intervals; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.call_intervals TO vocalized_app;
GRANT SELECT ON TABLE public.call_intervals TO vocalized_backup;

--
-- Name: TABLE call_search; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.call_search TO vocalized_app;
GRANT SELECT ON TABLE public.call_search TO vocalized_backup;

--
-- Name: TABLE call_search_progress; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.call_search_progress TO vocalized_app;
GRANT SELECT ON TABLE public.call_search_progress TO vocalized_backup;

--
-- Name: TABLE call_supervisions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.call_supervisions TO vocalized_app;
GRANT SELECT ON TABLE public.call_supervisions TO vocalized_backup;

--
-- Name: TABLE call_words; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.call_words TO vocalized_app;
GRANT SELECT ON TABLE public.call_words TO vocalized_backup;

--
-- Name: TABLE called_countries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.called_countries TO vocalized_app;
GRANT SELECT ON TABLE public.called_countries TO vocalized_backup;

--
-- Name: TABLE caller_deletions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.caller_deletions TO vocalized_app;
GRANT SELECT ON TABLE public.caller_deletions TO vocalized_backup;

--
-- Name: TABLE campaign_attempts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.campaign_attempts TO vocalized_app;
GRANT SELECT ON TABLE public.campaign_attempts TO vocalized_backup;

--
-- Name: TABLE campaign_recipients; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.campaign_recipients TO vocalized_app;
GRANT SELECT ON TABLE public.campaign_recipients TO vocalized_backup;

--
-- Name: TABLE campaigns; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.campaigns TO vocalized_app;
GRANT SELECT ON TABLE public.campaigns TO vocalized_backup;

--
-- Name: TABLE contacts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.contacts TO vocalized_app;
GRANT SELECT ON TABLE public.contacts TO vocalized_backup;

--
-- Name: TABLE credit_grants; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.credit_grants TO vocalized_app;
GRANT SELECT ON TABLE public.credit_grants TO vocalized_backup;

--
-- Name: TABLE do_not_call_numbers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.do_not_call_numbers TO vocalized_app;
GRANT SELECT ON TABLE public.do_not_call_numbers TO vocalized_backup;

--
-- Name: TABLE exchange_rates; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.exchange_rates TO vocalized_app;
GRANT SELECT ON TABLE public.exchange_rates TO vocalized_backup;

--
-- Name: SEQUENCE exchange_rates_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.exchange_rates_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.exchange_rates_id_seq TO vocalized_backup;

--
-- Name: TABLE exemptions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.exemptions TO vocalized_app;
GRANT SELECT ON TABLE public.exemptions TO vocalized_backup;

--
-- Name: TABLE failed_sign_ins; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.failed_sign_ins TO vocalized_app;
GRANT SELECT ON TABLE public.failed_sign_ins TO vocalized_backup;

--
-- Name: TABLE former_users; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.former_users TO vocalized_app;
GRANT SELECT ON TABLE public.former_users TO vocalized_backup;

--
-- Name: TABLE http_tools; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.http_tools TO vocalized_app;
GRANT SELECT ON TABLE public.http_tools TO vocalized_backup;

--
-- Name: TABLE idempotency_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO vocalized_app;
GRANT SELECT ON TABLE public.idempotency_keys TO vocalized_backup;

--
-- Name: TABLE integration_sync_logs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.integration_sync_logs TO vocalized_app;
GRANT SELECT ON TABLE public.integration_sync_logs TO vocalized_backup;

--
-- Name: TABLE integration_syncs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.integration_syncs TO vocalized_app;
GRANT SELECT ON TABLE public.integration_syncs TO vocalized_backup;

--
-- Name: TABLE integration_types; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.integration_types TO vocalized_app;
GRANT SELECT ON TABLE public.integration_types TO vocalized_backup;

--
-- Name: TABLE integrations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.integrations TO vocalized_app;
GRANT SELECT ON TABLE public.integrations TO vocalized_backup;

--
-- Name: TABLE invitations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.invitations TO vocalized_app;
GRANT SELECT ON TABLE public.invitations TO vocalized_backup;

--
-- Name: TABLE invoice_lines; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.invoice_lines TO vocalized_app;
GRANT SELECT ON TABLE public.invoice_lines TO vocalized_backup;

--
-- Name: TABLE invoice_numbers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.invoice_numbers TO vocalized_app;
GRANT SELECT ON TABLE public.invoice_numbers TO vocalized_backup;

--
-- Name: TABLE invoices; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.invoices TO vocalized_app;
GRANT SELECT ON TABLE public.invoices TO vocalized_backup;

--
-- Name: TABLE knowledge_chunks; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.knowledge_chunks TO vocalized_app;
GRANT SELECT ON TABLE public.knowledge_chunks TO vocalized_backup;

--
-- Name: TABLE knowledge_documents; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.knowledge_documents TO vocalized_app;
GRANT SELECT ON TABLE public.knowledge_documents TO vocalized_backup;

--
-- Name: TABLE knowledge_terms; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.knowledge_terms TO vocalized_app;
GRANT SELECT ON TABLE public.knowledge_terms TO vocalized_backup;

--
-- Name: TABLE letter_counts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.letter_counts TO vocalized_app;
GRANT SELECT ON TABLE public.letter_counts TO vocalized_backup;

--
-- Name: TABLE mcp_servers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.mcp_servers TO vocalized_app;
GRANT SELECT ON TABLE public.mcp_servers TO vocalized_backup;

--
-- Name: TABLE message_emails; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_emails TO vocalized_app;
GRANT SELECT ON TABLE public.message_emails TO vocalized_backup;

--
-- Name: TABLE messages; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.messages TO vocalized_app;
GRANT SELECT ON TABLE public.messages TO vocalized_backup;

--
-- Name: TABLE meter_days; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.meter_days TO vocalized_app;
GRANT SELECT ON TABLE public.meter_days TO vocalized_backup;

--
-- Name: TABLE oauth_states; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.oauth_states TO vocalized_app;
GRANT SELECT ON TABLE public.oauth_states TO vocalized_backup;

--
-- Name: TABLE one_time_tokens; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.one_time_tokens TO vocalized_app;
GRANT SELECT ON TABLE public.one_time_tokens TO vocalized_backup;

--
-- Name: TABLE outbound_webhook_attempts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbound_webhook_attempts TO vocalized_app;
GRANT SELECT ON TABLE public.outbound_webhook_attempts TO vocalized_backup;

--
-- Name: TABLE outbound_webhook_deliveries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbound_webhook_deliveries TO vocalized_app;
GRANT SELECT ON TABLE public.outbound_webhook_deliveries TO vocalized_backup;

--
-- Name: TABLE outbound_webhook_endpoints; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbound_webhook_endpoints TO vocalized_app;
GRANT SELECT ON TABLE public.outbound_webhook_endpoints TO vocalized_backup;

--
-- Name: TABLE outbound_webhook_events; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbound_webhook_events TO vocalized_app;
GRANT SELECT ON TABLE public.outbound_webhook_events TO vocalized_backup;

--
-- Name: TABLE payments; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.payments TO vocalized_app;
GRANT SELECT ON TABLE public.payments TO vocalized_backup;

--
-- Name: TABLE pgqueuer; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.pgqueuer TO vocalized_app;
GRANT SELECT ON TABLE public.pgqueuer TO vocalized_backup;

--
-- Name: SEQUENCE pgqueuer_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.pgqueuer_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.pgqueuer_id_seq TO vocalized_backup;

--
-- Name: TABLE pgqueuer_log; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.pgqueuer_log TO vocalized_app;
GRANT SELECT ON TABLE public.pgqueuer_log TO vocalized_backup;

--
-- Name: SEQUENCE pgqueuer_log_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.pgqueuer_log_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.pgqueuer_log_id_seq TO vocalized_backup;

--
-- Name: TABLE pgqueuer_schedules; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.pgqueuer_schedules TO vocalized_app;
GRANT SELECT ON TABLE public.pgqueuer_schedules TO vocalized_backup;

--
-- Name: SEQUENCE pgqueuer_schedules_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.pgqueuer_schedules_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.pgqueuer_schedules_id_seq TO vocalized_backup;

--
-- Name: TABLE pgqueuer_statistics; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.pgqueuer_statistics TO vocalized_app;
GRANT SELECT ON TABLE public.pgqueuer_statistics TO vocalized_backup;

--
-- Name: SEQUENCE pgqueuer_statistics_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.pgqueuer_statistics_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.pgqueuer_statistics_id_seq TO vocalized_backup;

--
-- Name: TABLE phone_codes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.phone_codes TO vocalized_app;
GRANT SELECT ON TABLE public.phone_codes TO vocalized_backup;

--
-- Name: TABLE phone_numbers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.phone_numbers TO vocalized_app;
GRANT SELECT ON TABLE public.phone_numbers TO vocalized_backup;

--
-- Name: TABLE plan_versions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.plan_versions TO vocalized_app;
GRANT SELECT ON TABLE public.plan_versions TO vocalized_backup;

--
-- Name: SEQUENCE plan_versions_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.plan_versions_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.plan_versions_id_seq TO vocalized_backup;

--
-- Name: TABLE platform_calls; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.platform_calls TO vocalized_app;
GRANT SELECT ON TABLE public.platform_calls TO vocalized_backup;

--
-- Name: TABLE platform_daily; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.platform_daily TO vocalized_app;
GRANT SELECT ON TABLE public.platform_daily TO vocalized_backup;

--
-- Name: TABLE platform_provider_daily; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.platform_provider_daily TO vocalized_app;
GRANT SELECT ON TABLE public.platform_provider_daily TO vocalized_backup;

--
-- Name: TABLE price_versions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.price_versions TO vocalized_app;
GRANT SELECT ON TABLE public.price_versions TO vocalized_backup;

--
-- Name: SEQUENCE price_versions_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.price_versions_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.price_versions_id_seq TO vocalized_backup;

--
-- Name: TABLE provider_daily; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.provider_daily TO vocalized_app;
GRANT SELECT ON TABLE public.provider_daily TO vocalized_backup;

--
-- Name: TABLE provider_figures; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.provider_figures TO vocalized_app;
GRANT SELECT ON TABLE public.provider_figures TO vocalized_backup;

--
-- Name: TABLE provider_probes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.provider_probes TO vocalized_app;
GRANT SELECT ON TABLE public.provider_probes TO vocalized_backup;

--
-- Name: TABLE providers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.providers TO vocalized_app;
GRANT SELECT ON TABLE public.providers TO vocalized_backup;

--
-- Name: TABLE reference_attempts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.reference_attempts TO vocalized_app;
GRANT SELECT ON TABLE public.reference_attempts TO vocalized_backup;

--
-- Name: TABLE refresh_tokens; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.refresh_tokens TO vocalized_app;
GRANT SELECT ON TABLE public.refresh_tokens TO vocalized_backup;

--
-- Name: TABLE refund_orders; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.refund_orders TO vocalized_app;
GRANT SELECT ON TABLE public.refund_orders TO vocalized_backup;

--
-- Name: TABLE regulatory_bundles; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.regulatory_bundles TO vocalized_app;
GRANT SELECT ON TABLE public.regulatory_bundles TO vocalized_backup;

--
-- Name: TABLE rented_numbers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rented_numbers TO vocalized_app;
GRANT SELECT ON TABLE public.rented_numbers TO vocalized_backup;

--
-- Name: TABLE retention_limits; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retention_limits TO vocalized_app;
GRANT SELECT ON TABLE public.retention_limits TO vocalized_backup;

--
-- Name: TABLE retention_progress; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retention_progress TO vocalized_app;
GRANT SELECT ON TABLE public.retention_progress TO vocalized_backup;

--
-- Name: TABLE revoked_media_passes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.revoked_media_passes TO vocalized_app;
GRANT SELECT ON TABLE public.revoked_media_passes TO vocalized_backup;

--
-- Name: TABLE rollup_dirty; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rollup_dirty TO vocalized_app;
GRANT SELECT ON TABLE public.rollup_dirty TO vocalized_backup;

--
-- Name: SEQUENCE rollup_dirty_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.rollup_dirty_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.rollup_dirty_id_seq TO vocalized_backup;

--
-- Name: TABLE schema_migrations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.schema_migrations TO vocalized_backup;

--
-- Name: TABLE session_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.session_keys TO vocalized_backup;

--
-- Name: TABLE settings; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.settings TO vocalized_app;
GRANT SELECT ON TABLE public.settings TO vocalized_backup;

--
-- Name: TABLE sign_in_failures; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sign_in_failures TO vocalized_app;
GRANT SELECT ON TABLE public.sign_in_failures TO vocalized_backup;

--
-- Name: TABLE sink_customers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sink_customers TO vocalized_app;
GRANT SELECT ON TABLE public.sink_customers TO vocalized_backup;

--
-- Name: TABLE sink_invoices; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sink_invoices TO vocalized_app;
GRANT SELECT ON TABLE public.sink_invoices TO vocalized_backup;

--
-- Name: TABLE spend_alarms; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.spend_alarms TO vocalized_app;
GRANT SELECT ON TABLE public.spend_alarms TO vocalized_backup;

--
-- Name: TABLE spend_alerts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.spend_alerts TO vocalized_app;
GRANT SELECT ON TABLE public.spend_alerts TO vocalized_backup;

--
-- Name: TABLE sso_connections; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sso_connections TO vocalized_app;
GRANT SELECT ON TABLE public.sso_connections TO vocalized_backup;

--
-- Name: TABLE sso_domains; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sso_domains TO vocalized_app;
GRANT SELECT ON TABLE public.sso_domains TO vocalized_backup;

--
-- Name: TABLE sso_flows; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sso_flows TO vocalized_app;
GRANT SELECT ON TABLE public.sso_flows TO vocalized_backup;

--
-- Name: TABLE sso_identities; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sso_identities TO vocalized_app;
GRANT SELECT ON TABLE public.sso_identities TO vocalized_backup;

--
-- Name: TABLE tax_rates; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.tax_rates TO vocalized_app;
GRANT SELECT ON TABLE public.tax_rates TO vocalized_backup;

--
-- Name: SEQUENCE tax_rates_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.tax_rates_id_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.tax_rates_id_seq TO vocalized_backup;

--
-- Name: TABLE test_cases; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.test_cases TO vocalized_app;
GRANT SELECT ON TABLE public.test_cases TO vocalized_backup;

--
-- Name: TABLE test_results; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.test_results TO vocalized_app;
GRANT SELECT ON TABLE public.test_results TO vocalized_backup;

--
-- Name: TABLE test_runs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.test_runs TO vocalized_app;
GRANT SELECT ON TABLE public.test_runs TO vocalized_backup;

--
-- Name: TABLE tier_prices; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tier_prices TO vocalized_app;
GRANT SELECT ON TABLE public.tier_prices TO vocalized_backup;

--
-- Name: TABLE tiers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tiers TO vocalized_app;
GRANT SELECT ON TABLE public.tiers TO vocalized_backup;

--
-- Name: TABLE tool_runs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tool_runs TO vocalized_app;
GRANT SELECT ON TABLE public.tool_runs TO vocalized_backup;

--
-- Name: TABLE transfer_times; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.transfer_times TO vocalized_app;
GRANT SELECT ON TABLE public.transfer_times TO vocalized_backup;

--
-- Name: TABLE usage_daily; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_daily TO vocalized_app;
GRANT SELECT ON TABLE public.usage_daily TO vocalized_backup;

--
-- Name: TABLE usage_intervals; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_intervals TO vocalized_app;
GRANT SELECT ON TABLE public.usage_intervals TO vocalized_backup;

--
-- Name: TABLE usage_records; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.usage_records TO vocalized_app;
GRANT SELECT ON TABLE public.usage_records TO vocalized_backup;

--
-- Name: TABLE usage_records_default; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.usage_records_default TO vocalized_app;
GRANT SELECT ON TABLE public.usage_records_default TO vocalized_backup;

--
-- Name: TABLE user_recovery_codes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_recovery_codes TO vocalized_app;
GRANT SELECT ON TABLE public.user_recovery_codes TO vocalized_backup;

--
-- Name: TABLE user_trials; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_trials TO vocalized_app;
GRANT SELECT ON TABLE public.user_trials TO vocalized_backup;

--
-- Name: TABLE users; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.users TO vocalized_app;
GRANT SELECT ON TABLE public.users TO vocalized_backup;

--
-- Name: COLUMN users.name; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(name) ON TABLE public.users TO vocalized_app;

--
-- Name: COLUMN users.password_hash; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(password_hash) ON TABLE public.users TO vocalized_app;

--
-- Name: COLUMN users.email_verified_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(email_verified_at) ON TABLE public.users TO vocalized_app;

--
-- Name: COLUMN users.is_active; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(is_active) ON TABLE public.users TO vocalized_app;

--
-- Name: COLUMN users.last_login_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(last_login_at) ON TABLE public.users TO vocalized_app;

--
-- Name: COLUMN users.updated_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(updated_at) ON TABLE public.users TO vocalized_app;

--
-- Name: COLUMN users.totp_secret; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(totp_secret) ON TABLE public.users TO vocalized_app;

--
-- Name: COLUMN users.totp_enabled_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(totp_enabled_at) ON TABLE public.users TO vocalized_app;

--
-- Name: COLUMN users.totp_last_step; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(totp_last_step) ON TABLE public.users TO vocalized_app;

--
-- Name: TABLE verified_numbers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.verified_numbers TO vocalized_app;
GRANT SELECT ON TABLE public.verified_numbers TO vocalized_backup;

--
-- Name: TABLE voice_routing; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.voice_routing TO vocalized_app;
GRANT SELECT ON TABLE public.voice_routing TO vocalized_backup;

--
-- Name: TABLE voice_strategies; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.voice_strategies TO vocalized_app;
GRANT SELECT ON TABLE public.voice_strategies TO vocalized_backup;

--
-- Name: TABLE warm_transfers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.warm_transfers TO vocalized_app;
GRANT SELECT ON TABLE public.warm_transfers TO vocalized_backup;

--
-- Name: TABLE webhook_events; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_events TO vocalized_app;
GRANT SELECT ON TABLE public.webhook_events TO vocalized_backup;

--
-- Name: TABLE workspace_changes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspace_changes TO vocalized_app;
GRANT SELECT ON TABLE public.workspace_changes TO vocalized_backup;

--
-- Name: SEQUENCE workspace_changes_seq_seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,USAGE ON SEQUENCE public.workspace_changes_seq_seq TO vocalized_app;
GRANT SELECT ON SEQUENCE public.workspace_changes_seq_seq TO vocalized_backup;

--
-- Name: TABLE workspace_daily; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspace_daily TO vocalized_app;
GRANT SELECT ON TABLE public.workspace_daily TO vocalized_backup;

--
-- Name: TABLE workspace_exports; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspace_exports TO vocalized_app;
GRANT SELECT ON TABLE public.workspace_exports TO vocalized_backup;

--
-- Name: TABLE workspace_members; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspace_members TO vocalized_app;
GRANT SELECT ON TABLE public.workspace_members TO vocalized_backup;

--
-- Name: TABLE workspace_monthly; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspace_monthly TO vocalized_app;
GRANT SELECT ON TABLE public.workspace_monthly TO vocalized_backup;

--
-- Name: TABLE workspace_providers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspace_providers TO vocalized_app;
GRANT SELECT ON TABLE public.workspace_providers TO vocalized_backup;

--
-- Name: TABLE workspace_totals; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspace_totals TO vocalized_app;
GRANT SELECT ON TABLE public.workspace_totals TO vocalized_backup;

--
-- Name: TABLE workspaces; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspaces TO vocalized_app;
GRANT SELECT ON TABLE public.workspaces TO vocalized_backup;

--
-- Name: DEFAULT PRIVILEGES FOR SEQUENCES; Type: DEFAULT ACL; Schema: public; Owner: -
--

ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT,USAGE ON SEQUENCES TO vocalized_app;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT ON SEQUENCES TO vocalized_backup;

--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: public; Owner: -
--

ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO vocalized_app;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT ON TABLES TO vocalized_backup;

--
-- PostgreSQL database dump complete
--
