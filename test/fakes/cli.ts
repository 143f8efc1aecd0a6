import { tolerateClosedPipes } from '../../src/cli/closed-pipes.ts';
import type { Io } from '../../src/cli/context.ts';
import { runCli } from '../../src/cli/program.ts';
import { fakeApp } from './app.ts';

/** The real command line over the fake application: run by the tests of terminals and signals. */
const io: Io = { stdout: process.stdout, stderr: process.stderr, environment: process.env, createApp: async () => fakeApp(400) };
tolerateClosedPipes();
process.exit(await runCli(process.argv.slice(2), io));
