-- migrate:up
-- Workspaces that buy phone numbers without a payment method at the sink, such as those that pay by bank transfer. A
-- program before this one lets all of them buy.
SET LOCAL lock_timeout = '5s';
ALTER TABLE billing_accounts ADD COLUMN is_payment_method_exempt boolean NOT NULL DEFAULT false;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE billing_accounts DROP COLUMN is_payment_method_exempt;
