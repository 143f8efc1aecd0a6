-- Whose turn it is, without asking a clock; and which worker's process can be looked for on this host.
ALTER TABLE jobs ADD COLUMN turn bigint;
CREATE INDEX jobs_turn ON jobs (turn);
DROP INDEX jobs_by_person;
CREATE INDEX jobs_by_person ON jobs (requested_by, turn);
ALTER TABLE workers ADD COLUMN host_key text NOT NULL DEFAULT '';
