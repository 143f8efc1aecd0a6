import { tolerateClosedPipes, written } from './closed-pipes.ts';
import { runCli } from './program.ts';

tolerateClosedPipes();
const code = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  createApp: async (flags) => (await import('../app.ts')).createApp(flags),
});
// A pipe takes 64 KiB at a time, and an exit would throw away what waits for it.
await Promise.all([process.stdout, process.stderr].map(written));
process.exit(code);
