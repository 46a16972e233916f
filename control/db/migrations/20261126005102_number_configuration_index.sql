-- migrate:up transaction:false
-- The duty that configures numbers looks at those in service, the longest untried first.
CREATE INDEX CONCURRENTLY phone_numbers_configure ON phone_numbers (carrier, configure_tried_at NULLS FIRST)
    WHERE status = 'active';

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY phone_numbers_configure;
