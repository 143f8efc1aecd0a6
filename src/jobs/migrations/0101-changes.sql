-- By which transaction a job changed last in a way that people see: whoever was cut off from the feed of all jobs asks for what came after.
ALTER TABLE jobs ADD COLUMN changed xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX jobs_changed ON jobs (changed);
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.changed := pg_current_xact_id();
  RETURN NEW;
END
$$;
CREATE TRIGGER jobs_inserted BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION note_change();
-- Each step and each change of state is a milestone; progress is not.
CREATE TRIGGER jobs_updated BEFORE UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.last_seq <> NEW.last_seq OR OLD.state <> NEW.state) EXECUTE FUNCTION note_change();
