import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { Scope } from '../../src/util/scope.ts';
import { startPostgres } from '../postgres.ts';
import { needs, needsRoot } from '../tools.ts';
import { complaintsOf, faultsOf, openBrowser, pictureOf } from './web/browser.ts';
import { chooseTemplate, promoteToStable, setUp } from './web/first-steps.ts';
import { startServer, type WebServer } from './web/server.ts';

/**
 * The same way as web-page.test.ts on PostgreSQL: the server carries nothing out, two workers do, each with a state folder of its own as on
 * another host. What the page shows of the build comes through the database.
 */
describe.skipIf(needs('chromium', 'unshare', 'apt-get', 'createdb', 'setpriv') || needsRoot())(
  'the web page with workers',
  () => {
    let page: Page;

    /** All of it is started by the test itself: PostgreSQL has a process for each connection, and a test must leave none behind. */
    async function onPostgres(work: (server: WebServer) => Promise<void>): Promise<void> {
      await using scope = new Scope();
      const postgres = await startPostgres();
      scope.defer(() => postgres.stop());
      const server = await startServer({ databaseUrl: await postgres.database('web'), workers: [['kvm', 'uefi'], ['kvm']] });
      scope.defer(() => server.stop());
      const browser = await openBrowser();
      scope.defer(() => browser.close());
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en' });
      page = await context.newPage();
      page.setDefaultTimeout(60_000);
      try {
        await work(server);
      } catch (error) {
        await pictureOf(page, 'workers-failed');
        throw error;
      }
    }

    test('set up, build on a worker, watch live, publish, promote', { timeout: 8 * 60_000 }, () =>
      onPostgres(async (server) => {
        const complaints = complaintsOf(page);
        await setUp(page, server);
        await page.getByRole('link', { name: 'Workers' }).click();
        await page.getByRole('row', { name: /Up kvm ?uefi/ }).waitFor();
        await page.getByRole('row', { name: /Up kvm 0/ }).waitFor();
        await pictureOf(page, 'workers');
        expect(await faultsOf(page)).toEqual([]);

        await chooseTemplate(page, 'Made on a worker');
        await page.getByLabel('Promote to channel').fill('dev');
        await page.getByRole('button', { name: 'Save and build' }).click();
        await page.waitForURL(/\/jobs\//);
        // Live: while the job runs, lines come from the host that runs it.
        const log = page.getByRole('log');
        await log.locator('time').first().waitFor();
        await page.getByRole('button', { name: 'Cancel' }).waitFor();
        await pictureOf(page, 'workers-live');
        await page.getByRole('link', { name: 'To the image' }).waitFor({ timeout: 5 * 60_000 });
        await page.getByLabel('Search in the log').fill('Name it in the index');
        await log.locator('mark').first().waitFor();
        await pictureOf(page, 'workers-done');

        // Its files lie with one of the workers, and with nobody else.
        const job = page.url().split('/').at(-1) ?? '';
        const hosts = await Promise.all(
          ['server', 'worker-1', 'worker-2'].map((host) =>
            readdir(join(server.folder, host, 'state/jobs', job)).catch((): string[] => []),
          ),
        );
        expect(hosts.filter((files) => files.includes('1.jsonl'))).toHaveLength(1);
        expect(hosts[0]).toEqual([]);

        await page.getByRole('link', { name: 'To the image' }).click();
        await page.getByRole('heading', { name: /debian-12-minimal \d/ }).waitFor();
        await page.getByText('Made on a worker').waitFor();
        await promoteToStable(page);
        await page.getByRole('link', { name: 'Channels' }).click();
        await page.getByRole('row', { name: /stable/ }).waitFor();
        expect(complaints).toEqual([]);
      }),
    );
  },
);
