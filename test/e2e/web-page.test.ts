import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../tools.ts';
import { complaintsOf, faultsOf, openBrowser, pictureOf, settled } from './web/browser.ts';
import { chooseTemplate, promoteToStable, setUp } from './web/first-steps.ts';
import { startServer, type WebServer } from './web/server.ts';

/** From the first-run token to a promoted image, in a real browser against the real server. */
describe.skipIf(needs('chromium', 'unshare', 'apt-get'))('the web page', () => {
  let server: WebServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    server = await startServer();
  });

  // A browser for each test: its processes are among what a test must not leave behind.
  beforeEach(async () => {
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', locale: 'en' });
    page = await context.newPage();
    page.setDefaultTimeout(60_000);
    complaints = complaintsOf(page);
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await pictureOf(page, 'web-failed');
    await browser?.close();
  });

  afterAll(async () => {
    await server?.stop();
  });

  /** Everything in one test: what it leaves is checked at the end of each, and the server outlives none. */
  test('set up, build, watch, publish, promote; axe on every page in both themes, French, and on a phone', {
    timeout: 8 * 60_000,
  }, async () => {
    await page.goto(server.url);
    expect(await faultsOf(page)).toEqual([]);
    await pictureOf(page, 'set-up');
    await setUp(page, server);
    await pictureOf(page, 'catalog-empty');

    // The tour leads to the first build.
    await chooseTemplate(page, 'Made in the page');
    await pictureOf(page, 'build-form');
    // Fields within others have their names, too.
    await page.getByLabel('Default user').waitFor();
    // A fault shows at the field and at the text.
    await page.getByLabel('Time zone').fill('no such zone!');
    await page.getByLabel('Time zone').press('Enter');
    await page.getByText('1 fault', { exact: true }).waitFor();
    await pictureOf(page, 'build-fault');
    expect(await page.getByRole('button', { name: 'Save and build' }).isDisabled()).toBe(true);
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('Time zone').fill('');
    await page.getByLabel('Time zone').press('Enter');
    await page.getByText('1 fault', { exact: true }).waitFor({ state: 'hidden' });

    await page.getByRole('button', { name: 'Show the plan' }).click();
    await page.getByRole('region', { name: 'Plan' }).waitFor({ timeout: 180_000 });
    expect(await page.getByRole('region', { name: 'Plan' }).textContent()).toContain('Debian 12');
    await pictureOf(page, 'build-plan');
    await page.getByLabel('Promote to channel').fill('dev');
    await page.getByRole('button', { name: 'Save and build' }).click();

    // Live: steps come one after the other, and the log grows.
    await page.waitForURL(/\/jobs\//);
    await page.locator('ol > li', { hasText: 'Planning' }).waitFor({ timeout: 120_000 });
    await pictureOf(page, 'job-start');
    const log = page.getByRole('log');
    await log.locator('time').first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('link', { name: 'To the image' }).waitFor({ timeout: 600_000 });
    await pictureOf(page, 'job-done');
    await page.getByLabel('Search in the log').fill('packages');
    await log.locator('mark').first().waitFor();
    expect(await log.locator('mark').first().textContent()).toBe('packages');

    await pictureOf(page, 'job-search');
    // The image, on all its tabs; a download is what its digest says (the server proves it), and has the size that is shown.
    await page.getByRole('link', { name: 'To the image' }).click();
    await page.getByRole('heading', { name: /debian-12-minimal \d/ }).waitFor();
    for (const tab of ['Packages', 'Checks', 'Contents', 'Provenance', 'Compare', 'Overview']) {
      await page.getByRole('tab', { name: tab }).click();
      await page.getByRole('tabpanel', { name: tab }).waitFor();
      await settled(page);
      await pictureOf(page, `image-${tab}`);
      expect(await faultsOf(page), tab).toEqual([]);
    }
    await pictureOf(page, 'image');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download inventory.json' }).click(),
    ]);
    expect(await download.failure()).toBeNull();

    await promoteToStable(page);
    await page.getByRole('link', { name: 'Channels' }).click();
    await page.getByRole('row', { name: /stable/ }).waitFor();
    await page.getByText('That is the whole way').waitFor();

    await pictureOf(page, 'channels');
    const paths =
      '/ /?view=versions /templates/debian-12-minimal /build?template=debian-12 /jobs /schedules /channels /targets /workers /audit /users /tokens /settings';
    for (const [colorScheme, width] of [
      ['light', 1280],
      ['dark', 1280],
      ['dark', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      for (const path of paths.split(' ')) {
        await page.goto(new URL(path, server.url).href);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await settled(page);
        expect(await faultsOf(page), `${colorScheme} ${width} ${path}`).toEqual([]);
        await pictureOf(page, `${colorScheme}-${width}${path.replaceAll(/[/?]/g, '_')}`);
        // Nothing is wider than the screen.
        const overhang = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
        expect(overhang, `${width} ${path}`).toBeLessThanOrEqual(0);
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByRole('button', { name: 'Français' }).click();
    await page.getByRole('heading', { name: 'Réglages' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('fr');

    expect(complaints).toEqual([]);
  });
});
