import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApiWorld, adminPassword, makeApiWorld } from '../api-world.ts';
import { needs } from '../tools.ts';
import { complaintsOf, faultsOf, openBrowser, pictureOf } from './web/browser.ts';
import { logIn } from './web/log-in.ts';
import { bundlePage } from './web/server.ts';

/** Stands for a build: it fails as long as there is a file `broken`, and takes long as long as there is a file `slow`. */
const job = `#!/bin/sh
read -r order
echo '{"type":"step.started","step":"plan","title":"Planning"}'
echo '{"type":"step.finished","step":"plan","durationMs":10,"reused":false}'
echo '{"type":"step.started","step":"provision","title":"Provisioning"}'
printf '%s\\n' '{"type":"log","level":"warn","message":"\\u001b[31mred\\u001b[0m <b>not bold</b>"}'
while [ -e "$HOME/slow" ]; do sleep 0.2; done
if [ -e "$HOME/broken" ]; then
  echo '{"type":"step.failed","step":"provision","message":"site.sh ended with 3"}'
  echo '{"type":"error","code":"COMMAND_FAILED","message":"site.sh ended with 3","hint":"Look at what it says."}'
  exit 1
fi
echo '{"type":"step.finished","step":"provision","durationMs":10,"reused":false}'
echo '{"type":"result","result":{"outcome":"done","version":"20261126.1"}}'
`;

describe.skipIf(needs('chromium'))('jobs in the web page', () => {
  let world: ApiWorld;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    await bundlePage();
    world = await makeApiWorld({ concurrency: 1, command: ['sh', '-c', job] });
  });

  beforeEach(async () => {
    browser = await openBrowser();
    page = await logIn(browser, world.url, '/jobs', ['admin', adminPassword]);
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await pictureOf(page, 'jobs-failed');
    for (const name of ['slow', 'broken']) await rm(join(world.folder, name), { force: true });
    await browser?.close();
  });

  afterAll(async () => {
    await world?.remove();
  });

  test('a failed one says why and goes on, a done one is asked for again, a running one is stopped', async () => {
    const complaints = complaintsOf(page);
    await page.getByText('No jobs').waitFor();
    await writeFile(join(world.folder, 'broken'), '');
    const request = { kind: 'build', template: 'debian-12', publish: { channel: 'dev' } };
    await world.call('POST /jobs', { body: { request } });
    await page.getByRole('link', { name: 'Build debian-12' }).click();
    await page.getByRole('alert').getByText('Look at what it says.').waitFor();
    await page.getByRole('img', { name: 'failed' }).waitFor();
    // What a guest writes is text, whatever it looks like.
    await page.getByRole('log').getByText('red', { exact: true }).waitFor();
    await page.getByRole('log').getByText('<b>not bold</b>').waitFor();
    await pictureOf(page, 'job-failed');
    expect(await faultsOf(page)).toEqual([]);

    await rm(join(world.folder, 'broken'));
    await page.getByRole('button', { name: 'Go on from the failed step' }).click();
    await page.getByText('The image is built').waitFor();
    await page.getByText(/attempt 2/).waitFor();
    const first = page.url();

    await writeFile(join(world.folder, 'slow'), '');
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Again, reusing finished steps' }).click();
    await page.waitForURL((url) => url.href !== first && url.pathname.startsWith('/jobs/'));
    await page.getByText('Working: Provisioning').waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Cancelled', { exact: true }).waitFor();
    await pictureOf(page, 'job-cancelled');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('link', { name: 'Jobs' }).click();
    await page.getByRole('row', { name: /Build debian-12 Cancelled/ }).waitFor();
    await page.getByRole('row', { name: /Build debian-12 Done/ }).waitFor();
    await page.getByRole('combobox', { name: 'State' }).click();
    await page.getByRole('option', { name: 'Cancelled' }).click();
    await page.waitForURL(/state=cancelled/);
    await page.getByRole('row', { name: /Build debian-12 Done/ }).waitFor({ state: 'detached' });
    expect(complaints).toEqual([]);
  });
});
