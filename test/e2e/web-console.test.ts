import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApiWorld, adminPassword, makeApiWorld } from '../api-world.ts';
import { needs } from '../tools.ts';
import { complaintsOf, faultsOf, openBrowser, pictureOf } from './web/browser.ts';
import { logIn } from './web/log-in.ts';
import { bundlePage } from './web/server.ts';

/** A job that tests a machine: a QEMU without a disk, whose BIOS says so on its screen, until the file `enough` is there. */
const job = `#!/bin/sh
read -r order
mkdir -p "$GABARIT_CONSOLES"
echo '{"type":"step.started","step":"boot","title":"Booting"}'
qemu-system-x86_64 -machine q35 -accel tcg -m 64 -nodefaults -vga std -display none \\
  -vnc "unix:$GABARIT_CONSOLES/clone-a.vnc,share=force-shared" >/dev/null 2>&1 </dev/null &
while [ ! -e "$HOME/enough" ]; do sleep 0.2; done
kill $!
echo '{"type":"step.finished","step":"boot","durationMs":1000,"reused":false}'
echo '{"type":"result","result":{"outcome":"done"}}'
`;

describe.skipIf(needs('chromium', 'qemu-system-x86_64'))('the console of a machine in the web page', () => {
  let world: ApiWorld;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    await bundlePage();
    world = await makeApiWorld({ concurrency: 1, command: ['sh', '-c', job] });
    await world.user('carl', [{ role: 'viewer', templates: '*', channels: '*' }]);
  });

  beforeEach(async () => {
    browser = await openBrowser();
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await pictureOf(page, 'console-failed');
    await writeFile(join(world.folder, 'enough'), '');
    await browser?.close();
  });

  afterAll(async () => {
    await world?.remove();
  });

  test('is live, sends keys only when that is switched on, and leaves pictures behind', { timeout: 120_000 }, async () => {
    const made = await world.call('POST /jobs', { body: { request: { kind: 'build', template: 'debian-12' } } });
    const path = `/jobs/${(made.body as { id: string }).id}`;
    page = await logIn(browser, world.url, path, ['admin', adminPassword]);
    const complaints = complaintsOf(page);
    await page.getByRole('heading', { name: 'Screens of the machines' }).waitFor();
    await page.getByRole('img', { name: /^Screen of clone-a at/ }).waitFor();
    await page.getByRole('button', { name: 'Open the live console' }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    // What the BIOS says is white on black.
    const isDrawn =
      "(() => { const canvas = document.querySelector('canvas'); const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); return data.some((value, at) => at % 4 !== 3 && value > 100); })()";
    await expect.poll(() => page.evaluate(isDrawn), { timeout: 20_000 }).toBe(true);
    await pictureOf(page, 'console-live');
    expect(await faultsOf(page)).toEqual([]);

    const control = page.waitForEvent('websocket', (socket) => socket.url().endsWith('mode=control'));
    await page.getByRole('switch', { name: 'Send keys and mouse' }).check();
    await page.getByText('What you type goes to the machine').waitFor();
    const sent: string[] = [];
    (await control).on('framesent', ({ payload }) => sent.push(Buffer.from(payload).toString('hex')));
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('canvas').click();
    await page.keyboard.press('x');
    // QEMU's key event: pressed, the letter x, and where it lies on the keyboard.
    await expect.poll(() => sent.join(' '), { timeout: 10_000 }).toContain('ff000001000000780000002d');
    await pictureOf(page, 'console-control');
    expect(await faultsOf(page)).toEqual([]);

    const carl = await logIn(browser, world.url, path, ['carl', 'password of carl is long']);
    await carl.getByRole('button', { name: 'Open the live console' }).click();
    await carl.getByText('Live', { exact: true }).waitFor();
    expect(await carl.getByRole('switch', { name: 'Send keys and mouse' }).count()).toBe(0);
    await carl.context().close();

    await writeFile(join(world.folder, 'enough'), '');
    await page.getByText('The image is built').waitFor();
    await page.getByText('The machines have ended.').waitFor();
    await page.reload();
    const picture = page.getByRole('img', { name: /^Screen of clone-a at/ });
    await picture.waitFor();
    await expect
      .poll(() => picture.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth))
      .toBeGreaterThan(300);
    await pictureOf(page, 'console-after');
    expect(await faultsOf(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
