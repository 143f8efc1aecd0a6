import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isSignedWebhook } from '../../src/api/webhook-signature.ts';
import { type ApiWorld, adminPassword, makeApiWorld } from '../api-world.ts';
import { needs } from '../tools.ts';
import { complaintsOf, faultsOf, openBrowser, pictureOf } from './web/browser.ts';
import { logIn } from './web/log-in.ts';
import { bundlePage } from './web/server.ts';

/** What an administrator does in the page: schedules, webhooks, users, tokens, the own password, the audit log. */
describe.skipIf(needs('chromium'))('administration in the web page', () => {
  let world: ApiWorld;
  let browser: Browser;
  let page: Page;
  let complaints: string[];
  let receiver: Server;
  const received: { headers: IncomingHttpHeaders; body: string }[] = [];

  beforeAll(async () => {
    await bundlePage();
    world = await makeApiWorld({ config: 'server: { allowNetworks: [127.0.0.0/8] }\n' });
    receiver = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => (body += part));
      request.on('end', () => {
        received.push({ headers: request.headers, body });
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
  });

  beforeEach(async () => {
    browser = await openBrowser();
    page = await logIn(browser, world.url, '/settings', ['admin', adminPassword]);
    complaints = complaintsOf(page);
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await pictureOf(page, 'administration-failed');
    await browser?.close();
  });

  afterAll(async () => {
    await world?.remove();
    await new Promise((done) => receiver.close(done));
  });

  test('a schedule is made, changed, run and removed', async () => {
    await page.getByRole('link', { name: 'Schedules' }).click();
    await page.getByRole('button', { name: 'New schedule' }).click();
    await page.getByLabel('Name').fill('nightly');
    await page.getByRole('combobox', { name: 'Template' }).fill('debian-12');
    await page.getByRole('option', { name: 'debian-12', exact: true }).click();
    await page.getByLabel('When').fill('99 * * * *');
    await page.getByRole('combobox', { name: 'Publish to' }).click();
    await page.getByRole('option', { name: 'main' }).click();
    await page.getByLabel('Promote to channel').fill('dev');
    await page.getByRole('button', { name: 'Save' }).click();
    // What is wrong is said where it was written.
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await pictureOf(page, 'schedule-fault');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('When').fill('30 2 * * *');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name: /nightly Build debian-12 30 2 \* \* \* UTC/ }).waitFor();
    expect((await world.call('GET /schedules')).body).toMatchObject([
      { id: 'nightly', cron: '30 2 * * *', request: { template: 'debian-12', onlyIfChanged: true, publish: { channel: 'dev' } } },
    ]);
    await page.getByRole('button', { name: 'Edit nightly' }).click();
    await page.getByLabel('On', { exact: true }).uncheck();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name: /nightly .* Off/ }).waitFor();
    await page.getByRole('button', { name: 'Run now: nightly' }).click();
    await page.getByText('Started: build debian-12').waitFor();
    await page.getByRole('link', { name: 'its job' }).waitFor();
    await pictureOf(page, 'schedules');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Remove nightly' }).click();
    await pictureOf(page, 'schedule-remove');
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('No schedules').waitFor();
    expect(complaints).toEqual([]);
  });

  test('a webhook is made, its secret shown once, tested and removed', async () => {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    await page.getByLabel('Address').fill('http://169.254.169.254/latest');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('alert').waitFor();
    await pictureOf(page, 'webhook-refused');
    await page.getByLabel('Address').fill(url);
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByText('Its secret, shown this once:').waitFor();
    const secret = (await page.getByRole('status').locator('code').last().textContent()) ?? '';
    await page.getByRole('button', { name: 'Test' }).click();
    await page.getByText('It answered 204').waitFor();
    expect(received).toHaveLength(1);
    expect(isSignedWebhook(received[0]?.body ?? '', String(received[0]?.headers['gabarit-signature']), secret, new Date())).toBe(
      true,
    );
    await pictureOf(page, 'webhooks');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('row', { name: /hook/ }).getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('row', { name: /hook/ }).waitFor({ state: 'detached' });
    expect(complaints).toEqual([]);
  });

  test('a user is made with rights on some templates, sees those alone, changes the password, and is shut out', async () => {
    await page.getByRole('link', { name: 'Users' }).click();
    await page.getByRole('button', { name: 'New user' }).click();
    await page.getByLabel('Name').fill('dora');
    await page.getByLabel('First password').fill('a first password');
    await page.getByRole('combobox', { name: 'Role' }).click();
    await page.getByRole('option', { name: 'Builder' }).click();
    await page.getByLabel('Templates').fill('debian-13*');
    await pictureOf(page, 'user-new');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('dora is saved').waitFor();
    await page.getByRole('row', { name: /dora password Builder of debian-13\*/ }).waitFor();
    await pictureOf(page, 'users');

    const dora = await logIn(browser, world.url, '/', ['dora', 'a first password']);
    await dora.getByRole('link', { name: 'debian-13' }).waitFor();
    expect(await dora.getByRole('link', { name: 'debian-12' }).count()).toBe(0);
    expect(await dora.getByRole('link', { name: 'Users' }).count()).toBe(0);
    await dora.getByRole('link', { name: 'Settings' }).click();
    await dora.getByLabel('The one now').fill('a first password');
    await dora.getByLabel('New password').fill('the second password');
    await dora.getByRole('button', { name: 'Change it' }).click();
    await dora.getByText('The password is changed').waitFor();

    await page.getByRole('button', { name: 'Edit dora' }).click();
    await page.getByLabel('May log in').uncheck();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name: /dora .* Disabled/ }).waitFor();
    // The session that was open is closed, and the page asks for a login.
    await dora.getByRole('link', { name: 'Catalog', exact: true }).click();
    await dora.getByRole('heading', { name: 'Log in' }).waitFor();
    await pictureOf(dora, 'shut-out');
    await dora.context().close();

    await page.getByRole('button', { name: 'Edit dora' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('dialog', { name: 'Remove dora' }).getByRole('button', { name: 'Remove' }).click();
    await page.getByText('dora is removed').waitFor();
    expect(complaints).toEqual([]);
  });

  test('a token is made, works, and is ended; the audit log tells all of it', async () => {
    await page.getByRole('link', { name: 'Tokens' }).click();
    await page.getByRole('button', { name: 'New token' }).click();
    await page.getByLabel('Name').fill('pipeline');
    await page.getByRole('combobox', { name: 'Role' }).click();
    await page.getByRole('option', { name: 'Viewer' }).click();
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('Copy it now: it is shown this once.').waitFor();
    await pictureOf(page, 'token-made');
    expect(await faultsOf(page)).toEqual([]);
    const token = (await page.getByRole('dialog').locator('code').textContent()) ?? '';
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
    expect((await world.call('GET /images', { as: token })).status).toBe(200);
    expect((await world.call('POST /users', { as: token, body: { name: 'x', grants: [] } })).status).toBe(403);
    await page.getByRole('row', { name: /pipeline Viewer/ }).waitFor();
    await page.getByRole('button', { name: 'End the token pipeline' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click();
    await page.getByText('The token is ended').waitFor();
    expect((await world.call('GET /images', { as: token })).status).toBe(401);

    await page.getByRole('link', { name: 'Audit' }).click();
    await page
      .getByRole('row', { name: /admin in a browser revokeToken/ })
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Check the chain' }).click();
    await page.getByText(/The chain is whole: \d+ entries/).waitFor();
    await pictureOf(page, 'audit');
    expect(await faultsOf(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
