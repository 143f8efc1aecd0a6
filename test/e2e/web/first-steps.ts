import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { faultsOf, pictureOf } from './browser.ts';
import type { WebServer } from './server.ts';

/** Makes the first account, and so logs in. */
export async function setUp(page: Page, { url, setupToken }: WebServer): Promise<void> {
  await page.goto(url);
  await page.getByLabel('First-run token').fill(setupToken);
  await page.getByLabel('Name').fill('anna');
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByRole('heading', { name: 'Catalog' }).waitFor();
}

/** Opens the definition of a small Debian where builds are started, and gives it a description of its own. */
export async function chooseTemplate(page: Page, description: string): Promise<void> {
  await page.getByRole('link', { name: 'Build an image' }).click();
  await page.getByRole('combobox', { name: 'Template' }).fill('debian-12-minimal');
  await page.getByRole('option', { name: /debian-12-minimal/ }).click();
  const yaml = page.getByRole('textbox', { name: 'YAML' });
  await yaml.getByText('name: debian-12-minimal').waitFor();
  // What is changed in the form shows in the text.
  await page.getByLabel('Description').fill(description);
  await page.getByLabel('Description').press('Enter');
  await yaml.getByText(description).waitFor();
}

/** Points a new channel at the image that is shown. */
export async function promoteToStable(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Promote' }).click();
  await page.getByRole('combobox', { name: 'Channel' }).fill('stable');
  await page.getByText('There is no channel stable yet').waitFor();
  await pictureOf(page, 'promote');
  expect(await faultsOf(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Promote' }).click();
  await page.getByText('stable points at the image now').waitFor();
}
