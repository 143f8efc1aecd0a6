-- Who may use the server. Passwords are scrypt hashes; of sessions and tokens only SHA-256 is kept.
CREATE TABLE users (
  name       text PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('local', 'oidc')),
  password   text,
  -- Issuer and subject at the OpenID provider.
  subject    text UNIQUE,
  grants     jsonb NOT NULL,
  enabled    boolean NOT NULL DEFAULT true,
  created    timestamptz NOT NULL DEFAULT now(),
  last_login timestamptz
);

CREATE TABLE sessions (
  hash    text PRIMARY KEY,
  id      text NOT NULL UNIQUE,
  name    text NOT NULL REFERENCES users ON DELETE CASCADE,
  created timestamptz NOT NULL DEFAULT now(),
  seen    timestamptz NOT NULL DEFAULT now(),
  expires timestamptz NOT NULL
);

CREATE TABLE tokens (
  hash      text PRIMARY KEY,
  id        text NOT NULL UNIQUE,
  title     text NOT NULL,
  name      text NOT NULL REFERENCES users ON DELETE CASCADE,
  -- What it is limited to; null: all that its user may do.
  limits    jsonb,
  created   timestamptz NOT NULL DEFAULT now(),
  expires   timestamptz NOT NULL,
  last_used timestamptz
);

-- Answers to requests that carried an Idempotency-Key.
CREATE TABLE idempotency_keys (
  name    text NOT NULL,
  key     text NOT NULL,
  request text NOT NULL,
  status  integer,
  answer  jsonb,
  created timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, key)
);

-- Deliveries that came in: each is carried out once.
CREATE TABLE hook_deliveries (
  hook     text NOT NULL,
  delivery text NOT NULL,
  received timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (hook, delivery)
);

-- Where events go. Secrets are encrypted with the key of the server.
CREATE TABLE webhooks (
  id      text PRIMARY KEY,
  url     text NOT NULL,
  events  text[] NOT NULL,
  secrets jsonb NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  created timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE webhook_deliveries (
  id      text PRIMARY KEY,
  webhook text NOT NULL REFERENCES webhooks ON DELETE CASCADE,
  event   text NOT NULL,
  body    text NOT NULL,
  attempt integer NOT NULL DEFAULT 0,
  next    timestamptz DEFAULT now(),
  status  integer,
  error   text,
  tried   timestamptz,
  created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (next) WHERE next IS NOT NULL;

-- Small facts of the server, by name: the hash of the set-up token.
CREATE TABLE server_facts (
  name  text PRIMARY KEY,
  value jsonb NOT NULL
);
