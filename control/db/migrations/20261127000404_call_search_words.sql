-- migrate:up transaction:false
-- Rows wait in a list until there is a MiB of them, because a transcript's words one by one cost its transaction more. A
-- search reads the list as well, so it is short.
CREATE INDEX CONCURRENTLY call_search_words ON call_search USING gin (words) WITH (gin_pending_list_limit = 1024);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY call_search_words;
