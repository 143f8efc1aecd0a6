/** What another Node that runs our files must be told: how to read TypeScript, where the launcher had to tell us (see src/strip-types.mjs). */
export const nodeFlags: readonly string[] = process.execArgv.filter((flag) => /^--import=.*\/strip-types\.mjs$/.test(flag));
