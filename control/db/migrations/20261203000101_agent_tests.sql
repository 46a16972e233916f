-- migrate:up
SET LOCAL lock_timeout = '5s';

-- What a caller says and does in a test of an agent, and what is expected of the agent. A case that was made from a
-- call holds words of its caller, so it is deleted with them.
CREATE TABLE test_cases (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    source_call_id uuid REFERENCES calls ON DELETE CASCADE,  -- the call that it was made from
    name text NOT NULL,
    script jsonb NOT NULL,                   -- control/agent_tests/rules.py (CaseScript)
    created_by uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES agents (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX test_cases_list ON test_cases (workspace_id, created_at DESC, id DESC);
CREATE INDEX test_cases_source ON test_cases (source_call_id) WHERE source_call_id IS NOT NULL;
CREATE INDEX test_cases_agent ON test_cases (workspace_id, agent_id);
ALTER TABLE test_cases ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON test_cases
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- A run of test cases against one version of an agent.
CREATE TABLE test_runs (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    agent_version integer NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES agents (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX test_runs_list ON test_runs (workspace_id, created_at DESC, id DESC);
CREATE INDEX test_runs_agent ON test_runs (workspace_id, agent_id, created_at DESC);
ALTER TABLE test_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON test_runs
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- What became of each case of a run. A report has the words of the caller, so it is deleted with its case.
CREATE TABLE test_results (
    run_id uuid NOT NULL REFERENCES test_runs ON DELETE CASCADE,
    case_id uuid NOT NULL REFERENCES test_cases ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'passed', 'failed', 'error')),
    report jsonb,                            -- control/agent_tests/rules.py (CaseReport)
    finished_at timestamptz,
    PRIMARY KEY (run_id, case_id)
);
CREATE INDEX test_results_case ON test_results (case_id);
ALTER TABLE test_results ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON test_results
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE test_results;
DROP TABLE test_runs;
DROP TABLE test_cases;
