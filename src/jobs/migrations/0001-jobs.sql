-- The queue. One row is one job; whoever holds (id, attempt) while the state is `running` may write to it, nobody else.
CREATE TABLE workers (
  id          text PRIMARY KEY,
  host        text NOT NULL,
  pid         integer NOT NULL,
  labels      text[] NOT NULL,
  concurrency integer NOT NULL,
  version     text NOT NULL,
  state       text NOT NULL CHECK (state IN ('up', 'draining', 'lost', 'gone')),
  -- Rises as long as it lives. Others watch that it does by their own clock, so that no clock needs to be right.
  beat        bigint NOT NULL DEFAULT 0,
  started     timestamptz NOT NULL DEFAULT now(),
  seen        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE jobs (
  id               text PRIMARY KEY,
  number           bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  request          jsonb NOT NULL,
  -- Digest of the request: while one is queued or running, the same is not queued again.
  dedupe           text NOT NULL,
  state            text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  requested_by     text NOT NULL,
  priority         integer NOT NULL,
  labels           text[] NOT NULL,
  timeout_minutes  integer NOT NULL,
  schedule         text,
  -- The fencing token: rises whenever somebody takes the job, and never falls.
  attempt          integer NOT NULL DEFAULT 0,
  failures         integer NOT NULL DEFAULT 0,
  recoveries       integer NOT NULL DEFAULT 0,
  worker           text,
  cancel_requested boolean NOT NULL DEFAULT false,
  cancelled_by     text,
  retry_from       text,
  step             text,
  progress         jsonb,
  plan_id          text,
  plan             jsonb,
  version          text,
  result           jsonb,
  error            jsonb,
  last_seq         bigint NOT NULL DEFAULT 0,
  created          timestamptz NOT NULL DEFAULT now(),
  not_before       timestamptz NOT NULL DEFAULT now(),
  started          timestamptz,
  finished         timestamptz
);
CREATE UNIQUE INDEX jobs_dedupe ON jobs (dedupe) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_waiting ON jobs (priority DESC, number) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (worker) WHERE state = 'running';
CREATE INDEX jobs_by_person ON jobs (requested_by, started DESC);

-- Milestones, numbered without a gap by the row of their job.
CREATE TABLE job_events (
  job     text NOT NULL REFERENCES jobs ON DELETE CASCADE,
  seq     bigint NOT NULL,
  time    timestamptz NOT NULL DEFAULT now(),
  attempt integer NOT NULL,
  event   jsonb NOT NULL,
  PRIMARY KEY (job, seq)
);

-- Pieces of logs of workers on other hosts; on the host itself the log is a file.
CREATE TABLE job_log_pieces (
  job      text NOT NULL REFERENCES jobs ON DELETE CASCADE,
  attempt  integer NOT NULL,
  position bigint NOT NULL,
  bytes    bytea NOT NULL,
  PRIMARY KEY (job, attempt, position)
);

-- Which version each image gets, over all hosts.
CREATE TABLE versions (
  template text NOT NULL,
  version  text NOT NULL,
  job      text NOT NULL UNIQUE REFERENCES jobs ON DELETE CASCADE,
  PRIMARY KEY (template, version)
);

-- How many jobs with a label may run at the same time, over all hosts.
CREATE TABLE label_limits (
  label text PRIMARY KEY,
  most  integer NOT NULL CHECK (most >= 0)
);

CREATE TABLE schedules (
  id           text PRIMARY KEY,
  cron         text NOT NULL,
  timezone     text NOT NULL,
  request      jsonb NOT NULL,
  requested_by text NOT NULL,
  priority     integer NOT NULL,
  labels       text[] NOT NULL,
  enabled      boolean NOT NULL,
  next         timestamptz,
  last         timestamptz,
  last_job     text
);
