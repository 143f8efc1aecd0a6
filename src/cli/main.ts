import { tolerateClosedPipes } from './closed-pipes.ts';
import { runCli } from './program.ts';

tolerateClosedPipes();
const code = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  createApp: async (flags) => (await import('../app.ts')).createApp(flags),
});
process.exit(code);
