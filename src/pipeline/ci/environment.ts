import type { CiEnvironment, CiEvent } from '../../model/ci.ts';

type Variables = Readonly<NodeJS.ProcessEnv>;

/** What GitHub, Gitea and Forgejo write into the file that GITHUB_EVENT_PATH names: what is read of it. */
interface GithubEvent {
  before?: string;
  repository?: { full_name?: string };
  pull_request?: { base?: { sha?: string }; head?: { repo?: { full_name?: string } | null } };
}

/** Tells by its documented variables which CI system runs us, and why. `readEvent` reads the file with what happened. */
export async function readCiEnvironment(
  variables: Variables,
  readEvent: (path: string) => Promise<string>,
): Promise<CiEnvironment> {
  if (variables['GITLAB_CI'] === 'true') return gitlab(variables);
  // Gitea and Forgejo say that they are GitHub, too.
  const isGitea = variables['GITEA_ACTIONS'] === 'true' || variables['FORGEJO_ACTIONS'] === 'true';
  if (!isGitea && variables['GITHUB_ACTIONS'] !== 'true') return { kind: 'local', event: 'other', fork: false };
  const path = variables['GITHUB_EVENT_PATH'];
  const event = path ? parseEvent(await readEvent(path).catch(() => '')) : {};
  return { kind: isGitea ? 'gitea' : 'github', ...github(variables, event) };
}

/** A damaged file tells nothing: whoever needs the base is told that it is missing. */
function parseEvent(text: string): GithubEvent {
  try {
    return (JSON.parse(text) as GithubEvent | null) ?? {};
  } catch {
    return {};
  }
}

function github(variables: Variables, event: GithubEvent): Omit<CiEnvironment, 'kind'> {
  const events: Record<string, CiEvent> = {
    push: 'push',
    pull_request: 'pull-request',
    pull_request_target: 'pull-request',
    schedule: 'schedule',
    workflow_dispatch: 'manual',
  };
  const head = event.pull_request?.head?.repo;
  const [summaryFile, outputFile] = [variables['GITHUB_STEP_SUMMARY'], variables['GITHUB_OUTPUT']];
  return {
    event: events[variables['GITHUB_EVENT_NAME'] ?? ''] ?? 'other',
    // A head without a repository is that of a fork that was deleted meanwhile.
    fork: event.pull_request !== undefined && head?.full_name !== event.repository?.full_name,
    ...commit(event.pull_request?.base?.sha ?? event.before),
    ...(summaryFile ? { summaryFile } : {}),
    ...(outputFile ? { outputFile } : {}),
  };
}

function gitlab(variables: Variables): CiEnvironment {
  const events: Record<string, CiEvent> = {
    push: 'push',
    merge_request_event: 'pull-request',
    external_pull_request_event: 'pull-request',
    schedule: 'schedule',
    web: 'manual',
    api: 'manual',
    trigger: 'manual',
  };
  const source = variables['CI_MERGE_REQUEST_SOURCE_PROJECT_PATH'];
  return {
    kind: 'gitlab',
    event: events[variables['CI_PIPELINE_SOURCE'] ?? ''] ?? 'other',
    fork: source !== undefined && source !== variables['CI_MERGE_REQUEST_PROJECT_PATH'],
    ...commit(variables['CI_MERGE_REQUEST_DIFF_BASE_SHA'] || variables['CI_COMMIT_BEFORE_SHA']),
  };
}

/** A new branch has nothing before it: then all digits are zero. */
function commit(base: string | undefined): { base?: string } {
  return base !== undefined && /^[0-9a-f]{40,64}$/.test(base) && !/^0+$/.test(base) ? { base } : {};
}
