import type { App } from '../../app.ts';
import { type LocalServer, readLocalServer } from '../../api/access/local-access.ts';
import { type ApiClient, openClient } from '../../api/client.ts';
import { pinnedFetch } from '../../api/pinned-fetch.ts';
import { localAccessFile } from '../../api/local-access-file.ts';
import { AppError } from '../../util/errors.ts';
import type { ServerOptions } from '../server-option.ts';

export interface FoundServer {
  url: string;
  client: ApiClient;
}

/**
 * The server that a command is to talk to: the one that is named, else the one that runs on this machine and has the state folder. Undefined
 * when there is none, or when DATABASE_URL names a database that everybody may open.
 * @throws AppError USAGE, CONFIG_INVALID; NOT_FOUND for `local` where none runs
 */
export async function findServer(app: App, { server, tokenFile }: ServerOptions): Promise<FoundServer | undefined> {
  const { stateDir, databaseUrl } = app.config;
  if (server === undefined && databaseUrl !== undefined) return undefined;
  const local = await readLocalServer(localAccessFile(stateDir));
  if (server === undefined) return local && here(local);
  if (server === 'local') {
    if (local) return here(local);
    throw new AppError('NOT_FOUND', `No server runs on this machine with the state folder ${stateDir}`, {
      hint: 'Start it (gabarit serve), or name another one: --server https://gabarit.example.',
    });
  }
  const url = URL.parse(server);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new AppError('USAGE', `"${server}" is no URL of a server`, {
      hint: 'For example https://gabarit.example, or "local" for the one on this machine.',
    });
  const given = tokenFile === undefined ? await tokenOfEnvironment(app, url, local) : await app.credential(`file:${tokenFile}`);
  if (given === undefined && local) return here(local);
  return { url: url.origin, client: openClient({ url: url.origin, token: given }) };
}

function here({ url, token, certificate }: LocalServer): FoundServer {
  const fetch = certificate === undefined ? {} : { fetch: pinnedFetch(certificate) };
  return { url, client: openClient({ url, token, ...fetch }) };
}

/** Undefined when it is the server of this machine, which has another way to know who asks. */
async function tokenOfEnvironment(app: App, url: URL, local: LocalServer | undefined): Promise<string | undefined> {
  try {
    return await app.credential('env:GABARIT_TOKEN');
  } catch (cause) {
    if (!(cause instanceof AppError) || cause.code !== 'CONFIG_INVALID') throw cause;
    if (local && new URL(local.url).origin === url.origin) return undefined;
    throw new AppError('CONFIG_INVALID', `${url.origin} wants to know who asks: ${cause.message}`, {
      cause,
      hint: 'Make an API token (Tokens in the web page), and set GABARIT_TOKEN or give --token-file FILE.',
    });
  }
}
