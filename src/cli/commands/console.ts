import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { portOf } from '../port-option.ts';

interface Options {
  target: string;
  screenshot?: string;
  port: number;
  viewOnly?: boolean;
}

export function consoleCommand(run: Run): Command {
  return new Command('console')
    .summary('see the screen of a machine on a pool')
    .description(
      'Shows the console of a machine that runs on a target: as a picture, or to any VNC viewer on this host. While it listens (on 127.0.0.1 only), every user of this host may connect; Ctrl-C ends it.',
    )
    .argument('<machine>', "the machine's name, or its UUID")
    .requiredOption('--target <name>', 'the target of the configuration that it runs on')
    .option('--screenshot <file>', 'write what it shows now as PNG, and end')
    .option('--port <port>', 'where to listen for viewers; 0 takes a free port', portOf, 0)
    .option('--view-only', 'keep keys and pointer of viewers away from the machine')
    .addHelpText(
      'after',
      examples(
        ['gabarit console web-1 --target lab --screenshot web-1.png', 'Where does it hang?'],
        ['gabarit console web-1 --target lab --port 5901', 'Then, for example: vncviewer 127.0.0.1:5901'],
      ),
    )
    .action((machine: string, { target, screenshot, port, viewOnly = false }: Options) =>
      run(async ({ openApp, answer, signal, style }) => {
        const app = await openApp({ kind: 'data' });
        if (screenshot !== undefined) {
          const { writeFile } = await import('node:fs/promises');
          await writeFile(screenshot, await app.photographConsole({ target, machine }, signal));
          answer({ target, machine, file: screenshot }, () => `${screenshot}\n`);
          return;
        }
        const onServing = (served: { machine: string; port: number }): void =>
          answer({ target, ...served, viewOnly }, () =>
            [
              `The console of ${style.name(served.machine)} is at ${style.strong(`127.0.0.1:${served.port}`)}${viewOnly ? ', to look at only' : ''}, for any VNC viewer.`,
              'Ctrl-C ends it.',
              '',
            ].join('\n'),
          );
        await app.serveConsole({ target, machine, port, viewOnly, onServing }, signal);
      }),
    );
}
