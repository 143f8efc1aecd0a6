import type { Reporter, TestModule } from 'vitest/node';

/** Ends the output with `12 passed, 0 failed, 3 skipped`, alone on a line. A file that cannot be loaded counts as one failed test. */
export const countReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) {
        const { state } = test.result();
        counts[state === 'pending' ? 'skipped' : state] += 1;
      }
      if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed')) counts.failed += 1;
    }
    process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  },
};
