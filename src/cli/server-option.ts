import { type Command, Option } from 'commander';

/** Which server a command talks to. */
export interface ServerOptions {
  server?: string;
  tokenFile?: string;
}

/** `--server`, or GABARIT_SERVER; and who asks there, by GABARIT_TOKEN or a file: a token on the command line would be seen by everybody. */
export function withServerOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--server <url>',
        'the server, with the API token in GABARIT_TOKEN; "local" is the one that runs on this machine, which needs none',
      ).env('GABARIT_SERVER'),
    )
    .addOption(new Option('--token-file <file>', 'a file with the API token').env('GABARIT_TOKEN_FILE'));
}
