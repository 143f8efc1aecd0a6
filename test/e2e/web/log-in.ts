import type { Browser, Page } from 'playwright-core';

/** A window of its own, in which somebody has logged in and looks at a page. `as` is a name and a password. */
export async function logIn(
  browser: Browser,
  url: string,
  path: string,
  [name, password]: readonly [string, string],
): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', locale: 'en' });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(new URL(`/login?to=${encodeURIComponent(path)}`, url).href);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('navigation').waitFor();
  return page;
}
