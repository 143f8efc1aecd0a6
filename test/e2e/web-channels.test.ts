import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApiWorld, adminPassword, makeApiWorld } from '../api-world.ts';
import { needs } from '../tools.ts';
import { complaintsOf, faultsOf, openBrowser, pictureOf } from './web/browser.ts';
import { logIn } from './web/log-in.ts';
import { bundlePage } from './web/server.ts';

/** What people do with images that are published: promote, approve, roll back, revoke, compare. Two people, each in a window of their own. */
describe.skipIf(needs('chromium'))('channels in the web page', () => {
  let world: ApiWorld;
  let browser: Browser;
  let admin: Page;

  beforeAll(async () => {
    await bundlePage();
    world = await makeApiWorld({ config: 'catalog: { approvals: { stable: 2 } }\n' });
    await world.user('berta', [{ role: 'publisher', templates: '*', channels: '*' }]);
    await world.user('carl', [{ role: 'viewer', templates: '*', channels: '*' }]);
  });

  // A browser for each test: its processes are among what a test must not leave behind.
  beforeEach(async () => {
    browser = await openBrowser();
    admin = await logIn(browser, world.url, '/channels', ['admin', adminPassword]);
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await pictureOf(admin, 'channels-failed');
    await browser?.close();
  });

  afterAll(async () => {
    await world?.remove();
  });

  const password = (name: string): [string, string] => [name, `password of ${name} is long`];

  test('a channel moves when a second person has approved, with the differences in view', async () => {
    const [older, newer] = world.versions;
    const complaints = complaintsOf(admin);
    // The channel stable is new: it takes two people, too.
    await admin.goto(new URL(`/images/debian-12/${older}`, world.url).href);
    await admin.getByRole('button', { name: 'Promote' }).click();
    await admin.getByRole('combobox', { name: 'Channel' }).fill('stable');
    await admin.getByText('There is no channel stable yet').waitFor();
    await pictureOf(admin, 'channels-propose');
    await admin.getByRole('dialog').getByRole('button', { name: 'Promote' }).click();
    await admin.getByText('Proposed; 2 people must approve').waitFor();
    await admin.getByRole('link', { name: 'Channels' }).click();
    await admin.getByText('debian-12: stable to 20261101.1').waitFor();
    await pictureOf(admin, 'channels-waiting');
    expect(await faultsOf(admin)).toEqual([]);

    const berta = await logIn(browser, world.url, '/channels', password('berta'));
    await berta.getByRole('button', { name: 'Approve' }).click();
    await pictureOf(berta, 'channels-approve');
    expect(await faultsOf(berta)).toEqual([]);
    await berta.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await berta.getByText('stable points at the image now').waitFor();
    await berta
      .getByRole('row', { name: /stable/ })
      .getByRole('link', { name: older })
      .waitFor();

    // The next move shows what its users get; the one who proposes is not asked to approve.
    await berta.getByRole('button', { name: 'Promote the newest image of debian-12 to stable' }).click();
    await berta
      .getByRole('dialog')
      .getByRole('row', { name: /openssl:amd64 3\.0\.15-1 3\.0\.16-1/ })
      .waitFor();
    await berta.getByRole('dialog').getByText('2 people must approve.').waitFor();
    await pictureOf(berta, 'channels-promote-diff');
    await berta.getByRole('dialog').getByRole('button', { name: 'Promote' }).click();
    await berta.getByText('debian-12: stable to 20261102.1').waitFor();
    await berta.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(await berta.getByRole('button', { name: 'Approve' }).count()).toBe(0);

    await admin.reload();
    await admin.getByRole('button', { name: 'Approve' }).click();
    await admin
      .getByRole('dialog')
      .getByRole('row', { name: /openssl/ })
      .waitFor();
    await admin.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await admin
      .getByRole('row', { name: /stable/ })
      .getByRole('link', { name: newer })
      .waitFor();
    expect((await world.call('GET /channels')).body).toContainEqual(
      expect.objectContaining({ channel: 'stable', version: newer }),
    );
    expect(complaints).toEqual([]);
    await berta.context().close();
  });

  test('goes back to an older image, and a revoked one says why and leaves its channels', async () => {
    const [older, newer] = world.versions;
    await admin.goto(new URL('/channels', world.url).href);
    await admin.getByRole('button', { name: 'Roll back stable of debian-12' }).click();
    await admin
      .getByRole('dialog')
      .getByRole('row', { name: /openssl:amd64 3\.0\.16-1 3\.0\.15-1/ })
      .waitFor();
    await pictureOf(admin, 'channels-roll-back');
    expect(await faultsOf(admin)).toEqual([]);
    await admin.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
    // Going back takes two people, too.
    await admin.getByText('Proposed; 2 people must approve').waitFor();
    const berta = await logIn(browser, world.url, '/channels', password('berta'));
    await berta.getByRole('button', { name: 'Approve' }).click();
    await berta.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await berta
      .getByRole('row', { name: /stable/ })
      .getByRole('link', { name: older })
      .waitFor();
    // One for which nobody is asked.
    await berta.getByRole('button', { name: 'Promote the newest image of debian-12 to dev' }).click();
    await berta.getByRole('dialog').getByRole('button', { name: 'Promote' }).click();
    await berta.getByText('dev points at the image now').waitFor();
    await berta.getByRole('button', { name: 'Roll back dev of debian-12' }).click();
    await berta.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
    await berta.getByText(`dev points at ${older} again`).waitFor();
    await berta.context().close();

    await admin.goto(new URL(`/images/debian-12/${newer}`, world.url).href);
    await admin.getByRole('button', { name: 'More' }).click();
    await admin.getByRole('menuitem', { name: 'Revoke' }).click();
    await admin.getByLabel('Reason').fill('CVE-2026-1234 in openssl');
    await pictureOf(admin, 'image-revoke');
    expect(await faultsOf(admin)).toEqual([]);
    await admin.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await admin.getByText('1 image revoked').waitFor();
    await admin.getByText('This image must not be used any more').waitFor();
    await admin.getByText(/CVE-2026-1234 in openssl \(admin/).waitFor();
    await pictureOf(admin, 'image-revoked');
    expect(await faultsOf(admin)).toEqual([]);

    const carl = await logIn(browser, world.url, `/images/debian-12/${newer}`, password('carl'));
    await carl.getByText(/CVE-2026-1234 in openssl/).waitFor();
    expect(await carl.getByRole('button', { name: 'Allow again' }).count()).toBe(0);
    await carl.context().close();

    await admin.getByRole('button', { name: 'Allow again' }).click();
    await admin.getByText('The image may be used again').waitFor();
    await admin.getByRole('button', { name: 'Promote' }).waitFor();
  });

  test('two images are compared side by side; one shows how it booted', async () => {
    await admin.goto(new URL(`/images/debian-12/${world.versions[1]}?tab=compare`, world.url).href);
    await admin.getByRole('row', { name: /changed openssl:amd64 3\.0\.15-1 3\.0\.16-1/ }).waitFor();
    await admin.getByRole('row', { name: /\/usr .*1,000 B .*\+/ }).waitFor();
    await pictureOf(admin, 'image-compare');
    expect(await faultsOf(admin)).toEqual([]);
    // How long its machines took to come up stands beside its checks.
    await admin.getByRole('tab', { name: 'Checks' }).click();
    await admin.getByRole('row', { name: /clone-a bios · kvm .*login after 8\.1 s · cloud-init done after 10 s/ }).waitFor();
    await pictureOf(admin, 'image-boots');
    expect(await faultsOf(admin)).toEqual([]);
  });
});
