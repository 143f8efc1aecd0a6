import { errnoOf } from '../util/errors.ts';
import { runCli } from './program.ts';

// A reader that has seen enough (`| head`) closes the pipe: that is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (errnoOf(error) !== 'EPIPE') throw error;
  });
}

const code = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  createApp: async (flags) => (await import('../app.ts')).createApp(flags),
});
process.exit(code);
