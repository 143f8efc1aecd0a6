import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Debian's Chromium, with an empty profile of its own and nothing that it would say to the network by itself. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

const wcag = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** What axe has against a page as it is now: `label: <button …>`. */
export async function faultsOf(page: Page): Promise<string[]> {
  // A picture of a fading element has the contrast of neither state. What turns for ever is not waited for.
  await page.evaluate(
    'Promise.race([Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => undefined))), new Promise((resolve) => setTimeout(resolve, 1000))]).then(() => undefined)',
  );
  // The further rules of axe are about landmarks, and do not know that what is behind a dialog is out of reach.
  const rules = (await page.getByRole('dialog').count()) > 0 ? wcag : [...wcag, 'best-practice'];
  const { violations, passes } = await new AxeBuilder({ page }).withTags(rules).analyze();
  if (passes.length < 10) throw new Error(`axe has looked at next to nothing on ${page.url()}`);
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${new URL(page.url()).pathname} ${id}: ${html.slice(0, 200)}`),
  );
}

/**
 * Everything that a page complains about: faults of scripts, refusals by the content security policy, and pages that broke while they were
 * drawn. What the server refuses is none of it: a page shows that.
 */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !text.startsWith('Failed to load resource')) complaints.push(text);
  });
  return complaints;
}

/** Waits until a page has got what it asked for. One that follows events is never idle: then two seconds are enough. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState('networkidle', { timeout: 2000 }).catch(() => undefined);
  await page.locator('main [aria-busy="true"]').first().waitFor({ state: 'detached' });
}

/** For a person who wants to see what a test saw: with GABARIT_PICTURES=FOLDER, a picture of the page as it is now. */
export async function pictureOf(page: Page, name: string): Promise<void> {
  const folder = process.env['GABARIT_PICTURES'];
  if (folder === undefined) return;
  const fullPage = (await page.getByRole('dialog').count()) === 0;
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
}
