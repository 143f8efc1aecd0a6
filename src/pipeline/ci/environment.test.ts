import { describe, expect, it } from 'vitest';
import type { CiEnvironment } from '../../model/ci.ts';
import { readCiEnvironment } from './environment.ts';

const sha = 'a'.repeat(40);
const read = (variables: Record<string, string>, event?: unknown): Promise<CiEnvironment> =>
  readCiEnvironment(variables, () =>
    event === undefined
      ? Promise.reject(new Error('no file'))
      : Promise.resolve(typeof event === 'string' ? event : JSON.stringify(event)),
  );

const github = { GITHUB_ACTIONS: 'true', GITHUB_EVENT_PATH: '/event.json', GITHUB_EVENT_NAME: 'push' };

describe('the CI system', () => {
  it('is none at a terminal', async () => {
    expect(await read({ CI: 'true', HOME: '/root' })).toEqual({ kind: 'local', event: 'other', fork: false });
  });

  it('is GitHub, with the files that it reads afterwards and the commit before a push', async () => {
    const files = { GITHUB_STEP_SUMMARY: '/s', GITHUB_OUTPUT: '/o' };
    expect(await read({ ...github, ...files }, { before: sha })).toEqual({
      kind: 'github',
      event: 'push',
      fork: false,
      base: sha,
      summaryFile: '/s',
      outputFile: '/o',
    });
    // A new branch has nothing before it.
    expect(await read(github, { before: '0'.repeat(40) })).toEqual({ kind: 'github', event: 'push', fork: false });
    expect(await read({ ...github, GITHUB_EVENT_NAME: 'schedule' }, {})).toMatchObject({ event: 'schedule' });
    expect(await read({ ...github, GITHUB_EVENT_NAME: 'workflow_dispatch' }, {})).toMatchObject({ event: 'manual' });
    expect(await read({ ...github, GITHUB_EVENT_NAME: 'release' }, {})).toMatchObject({ event: 'other' });
  });

  it('tells a fork from the repository itself, also one that was deleted', async () => {
    const pull = (head: unknown): unknown => ({ repository: { full_name: 'we/images' }, pull_request: { base: { sha }, head } });
    const name = { ...github, GITHUB_EVENT_NAME: 'pull_request' };
    expect(await read(name, pull({ repo: { full_name: 'we/images' } }))).toMatchObject({
      event: 'pull-request',
      fork: false,
      base: sha,
    });
    expect(await read(name, pull({ repo: { full_name: 'they/images' } }))).toMatchObject({ fork: true });
    expect(await read(name, pull({ repo: null }))).toMatchObject({ fork: true });
  });

  it('is Gitea or Forgejo, although they say GitHub too', async () => {
    expect(await read({ ...github, GITEA_ACTIONS: 'true' }, { before: sha })).toMatchObject({
      kind: 'gitea',
      event: 'push',
      base: sha,
    });
    expect(await read({ ...github, FORGEJO_ACTIONS: 'true' }, {})).toMatchObject({ kind: 'gitea' });
  });

  it('is GitLab', async () => {
    const gitlab = { GITLAB_CI: 'true', CI_PIPELINE_SOURCE: 'push', CI_COMMIT_BEFORE_SHA: sha };
    expect(await read(gitlab)).toEqual({ kind: 'gitlab', event: 'push', fork: false, base: sha });
    const merge = {
      ...gitlab,
      CI_PIPELINE_SOURCE: 'merge_request_event',
      CI_COMMIT_BEFORE_SHA: '0'.repeat(40),
      CI_MERGE_REQUEST_DIFF_BASE_SHA: sha,
      CI_MERGE_REQUEST_PROJECT_PATH: 'we/images',
    };
    expect(await read({ ...merge, CI_MERGE_REQUEST_SOURCE_PROJECT_PATH: 'we/images' })).toEqual({
      kind: 'gitlab',
      event: 'pull-request',
      fork: false,
      base: sha,
    });
    expect(await read({ ...merge, CI_MERGE_REQUEST_SOURCE_PROJECT_PATH: 'they/images' })).toMatchObject({ fork: true });
  });

  it.each(['', 'not JSON', 'null', '[]', '{"before":"main; rm -rf /"}'])(
    'takes no base from a damaged event: %j',
    async (event) => {
      expect(await read(github, event)).toEqual({ kind: 'github', event: 'push', fork: false });
    },
  );

  it('takes no base when the file cannot be read', async () => {
    expect(await read(github)).toEqual({ kind: 'github', event: 'push', fork: false });
  });
});
