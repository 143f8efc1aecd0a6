import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ApiWorld, adminPassword, makeApiWorld } from '../api-world.ts';
import { type DeployWorld, deployWorld } from '../deploy-world.ts';
import { needs } from '../tools.ts';
import { complaintsOf, faultsOf, openBrowser, pictureOf } from './web/browser.ts';
import { logIn } from './web/log-in.ts';
import { bundlePage } from './web/server.ts';

/** From an image to a pool and back, in the page. The pool is one that follows XAPI's rules, over TLS; jobs are carried out by the real worker. */
describe.skipIf(needs('chromium', 'openssl'))('targets in the web page', () => {
  let pool: DeployWorld;
  let world: ApiWorld;
  let browser: Browser;
  let page: Page;
  const versions = ['20261123.1', '20261124.1'] as const;

  beforeAll(async () => {
    await bundlePage();
    pool = await deployWorld();
    const target = { kind: 'xcp-ng', user: 'env:POOL_USER', password: 'env:POOL_PASSWORD' };
    const [host] = pool.pool.hosts;
    const targets = {
      lab: { ...target, hosts: host?.address, fingerprints: host?.fingerprint },
      gone: { ...target, hosts: '127.0.0.1:9' },
    };
    const environment = { POOL_USER: pool.pool.user, POOL_PASSWORD: pool.pool.password };
    world = await makeApiWorld({ config: stringify({ targets }), environment, runJobs: true });
    const { signal } = new AbortController();
    const store = `file:${join(world.folder, 'store')}`;
    for (const version of versions)
      await world.app.publish(await pool.build(version, { template: 'small' }), store, { by: 'setup' }, signal);
  });

  beforeEach(async () => {
    browser = await openBrowser();
    page = await logIn(browser, world.url, '/targets', ['admin', adminPassword]);
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await pictureOf(page, 'targets-failed');
    await browser?.close();
  });

  afterAll(async () => {
    await world?.remove();
    await pool?.[Symbol.asyncDispose]();
  });

  async function deploy(version: string): Promise<void> {
    await page.goto(new URL(`/images/small/${version}`, world.url).href);
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Deploy' }).click();
    await page.getByRole('checkbox', { name: 'lab' }).check();
    await page.getByRole('button', { name: 'What would happen' }).click();
    await page.getByRole('dialog').getByText('will be brought there').waitFor();
    await pictureOf(page, `deploy-${version}`);
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy' }).click();
    await page.waitForURL(/\/jobs\//);
    await page.getByText('The image is deployed').waitFor({ timeout: 60_000 });
    await pictureOf(page, `deployed-${version}`);
  }

  test('an image is deployed after one saw what would happen, the older one is kept, and comes back', {
    timeout: 120_000,
  }, async () => {
    const complaints = complaintsOf(page);
    await page.getByText('127.0.0.1:9 cannot be reached').waitFor();
    await page.getByText('Nothing of ours lies here').waitFor();
    await pictureOf(page, 'targets-empty');
    expect(await faultsOf(page)).toEqual([]);

    await deploy(versions[0]);
    await deploy(versions[1]);
    expect(pool.left()).toMatchObject({ templates: ['small', 'small (20261123.1)'], disks: 2, tasks: 0, sessions: 0 });

    // Somebody renames it on the pool: the page says so.
    const vms = pool.pool.db.all('VM');
    const kept = vms.find(({ record }) => record['name_label'] === 'small (20261123.1)');
    pool.pool.db.set('VM', kept?.ref ?? '', { name_label: 'old one' });
    await page.getByRole('link', { name: 'Targets' }).click();
    await page.getByRole('row', { name: /small 20261124\.1 small Current/ }).waitFor();
    await page.getByText('it is called "old one" instead of "small (20261123.1)"').waitFor();
    await pictureOf(page, 'targets-drift');
    expect(await faultsOf(page)).toEqual([]);

    await page
      .getByRole('row', { name: /20261123\.1/ })
      .getByRole('button', { name: 'Make current' })
      .click();
    await page.getByText('The older deployment is current again').waitFor();
    await page.getByRole('row', { name: /small 20261123\.1 old one Current/ }).waitFor();
    await pictureOf(page, 'targets-back');

    await page.goto(new URL(`/images/small/${versions[0]}`, world.url).href);
    await page.getByRole('row', { name: /lab old one Current/ }).waitFor();
    await page.getByText('Not known, as they do not answer: gone').waitFor();
    await pictureOf(page, 'image-deployed');
    expect(complaints).toEqual([]);
  });
});
