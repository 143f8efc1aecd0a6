import { defineConfig } from 'vitest/config';
import { countReporter } from './test/count-reporter.ts';

const slow = process.env['GABARIT_SLOW'] === undefined ? ['**/*.slow.test.ts'] : [];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    setupFiles: ['test/setup.ts'],
    globalSetup: ['test/global-setup.ts'],
    reporters: ['default', countReporter],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'web/**/*.test.ts', 'test/*.test.ts', 'test/{contracts,fakes}/**/*.test.ts'],
          exclude: slow,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Whole builds and machines: one file at a time, when all the others are done.
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: slow,
          fileParallelism: false,
          testTimeout: 15 * 60_000,
          hookTimeout: 15 * 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
