import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { apiPrefix } from '../model/api/contract.ts';
import { jobsContract } from '../model/api/jobs.ts';
import type { RouteContract } from '../model/api/contract-type.ts';
import { AppError } from '../util/errors.ts';
import { may, type Caller } from './access/caller.ts';
import { readRequest } from './http/read-request.ts';
import type { Parts } from './parts.ts';
import { aboutOf } from './routes/jobs.ts';
import { type Admission, admit } from './server.ts';

const key = 'GET /jobs/:job/consoles/:machine';
const route: RouteContract = jobsContract[key];
/** How many screens may be watched at once. */
const mostOpen = 50;

interface Asked {
  params: { job: string; machine: string };
  query: { mode: 'view' | 'control' };
}

/** The console of a machine, over a WebSocket: browsers send cookies to it from any site, so that its origin is proven first. */
export async function addConsoleRoute(server: FastifyInstance, parts: Parts, admission: Admission): Promise<void> {
  await server.register(websocket, { options: { maxPayload: 256 * 1024, clientTracking: true } });
  let open = 0;
  const asked = new WeakMap<FastifyRequest, Asked>();
  server.get(
    apiPrefix + key.slice('GET '.length),
    {
      websocket: true,
      // All that can be refused is refused before the connection changes its protocol.
      preValidation: async (request) => {
        const caller = (await admit(route, request, admission)) as Caller;
        if (caller.by === 'session') parts.origins.checkSite(request, { mustHaveOrigin: true });
        if (request.headers.origin !== undefined) parts.origins.checkSite(request, { mustHaveOrigin: true });
        const read = readRequest(route, request) as unknown as Asked;
        const job = await parts.jobs.get(read.params.job);
        if (!may(caller, 'viewer', aboutOf(job))) throw new AppError('NOT_FOUND', `There is no job ${read.params.job}`);
        if (read.query.mode === 'control' && !may(caller, 'builder', aboutOf(job))) {
          throw new AppError('FORBIDDEN', `${caller.name} may only look at this machine`);
        }
        if (!(await parts.consoles.list(read.params.job)).includes(read.params.machine)) {
          throw new AppError('NOT_FOUND', `Job ${read.params.job} tests no machine ${read.params.machine} on this host`);
        }
        if (open >= mostOpen) throw new AppError('RATE_LIMITED', 'Too many consoles are open', { details: { retryAfter: 60 } });
        asked.set(request, read);
      },
    },
    async (socket, request) => {
      const { params, query } = asked.get(request) as Asked;
      open += 1;
      socket.once('close', () => (open -= 1));
      try {
        await parts.consoles.bridge(params.job, params.machine, socket, { control: query.mode === 'control' });
      } catch {
        socket.close(1011, 'the machine is gone');
      }
    },
  );
}
