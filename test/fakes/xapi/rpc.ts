import { setTimeout as sleep } from 'node:timers/promises';
import { faultOf, XapiFault } from './fault.ts';
import type { CallContext } from './method.ts';
import { callMethod, methodNames } from './methods.ts';
import type { FakePool } from './pool.ts';
import { checkPermission } from './sessions.ts';
import { parseXmlCall, type Value, writeXmlAnswer } from './xml.ts';

export interface RpcAnswer {
  contentType: string;
  text: string;
  /** The method that was called. */
  method: string;
}

/** Carries out a call that came as JSON-RPC, and writes the answer as XAPI does. */
export async function answerJson(pool: FakePool, host: number, body: string): Promise<RpcAnswer> {
  const { id, method, params, jsonrpc } = JSON.parse(body) as {
    id: unknown;
    method: string;
    params: unknown[];
    jsonrpc?: string;
  };
  const write = (rest: object): RpcAnswer => ({
    contentType: 'application/json',
    text: JSON.stringify({ jsonrpc: '2.0', ...rest, id }),
    method,
  });
  if (jsonrpc !== '2.0') return write({ error: { code: 1, message: 'INTERNAL_ERROR', data: ['JSON-RPC 2.0 is expected here'] } });
  try {
    return write({ result: (await dispatch(pool, host, method, params)) ?? '' });
  } catch (error) {
    const { code, parameters } = faultOf(error);
    return write({ error: { code: 1, message: code, data: parameters } });
  }
}

/** The same as XML-RPC. */
export async function answerXml(pool: FakePool, host: number, body: string): Promise<RpcAnswer> {
  let method = '';
  const write = (value: Value): RpcAnswer => ({ contentType: 'text/xml', text: writeXmlAnswer(value), method });
  try {
    const call = parseXmlCall(body);
    method = call.method;
    const value = (await dispatch(pool, host, method, call.parameters)) ?? '';
    return write(method === 'system.listMethods' ? value : { Status: 'Success', Value: value });
  } catch (error) {
    const { code, parameters } = faultOf(error);
    return write({ Status: 'Failure', ErrorDescription: [code, ...parameters] });
  }
}

async function dispatch(pool: FakePool, host: number, method: string, parameters: unknown[]): Promise<Value | undefined> {
  pool.log.push({ host, name: method });
  if (method === 'system.listMethods') return methodNames();
  if (host !== pool.master) throw new XapiFault('HOST_IS_SLAVE', [pool.addressOf(pool.master)]);
  const [first, ...rest] = parameters;
  if (method === 'session.login_with_password') {
    await pool.faults.beforeCall?.(method, []);
    if (rest.length < 1 || rest.length > 3)
      throw new XapiFault('MESSAGE_PARAMETER_COUNT_MISMATCH', [method, '4', String(parameters.length)]);
    return pool.sessions.logIn(String(first), String(rest[0]), typeof rest[2] === 'string' ? rest[2] : '');
  }
  if (typeof first !== 'string') throw new XapiFault('SESSION_INVALID', [String(first)]);
  const session = pool.sessions.get(first);
  if (method === 'session.logout') {
    pool.sessions.logOut(first);
    return undefined;
  }
  const isAsync = method.startsWith('Async.');
  const called = isAsync ? method.slice('Async.'.length) : method;
  checkPermission(session, called);
  await pool.faults.beforeCall?.(method, rest);
  const context = { pool, session };
  if (!isAsync) return callMethod(context, called, rest);
  const task = pool.tasks.create(session.user.name, method);
  void runTask(context, task, called, rest);
  return task;
}

async function runTask(context: CallContext, task: string, method: string, parameters: unknown[]): Promise<void> {
  const { pool } = context;
  const running = pool.tasks.running(task);
  const stop = AbortSignal.any([pool.closing.signal, ...(pool.faults.ignoreCancel ? [] : [running.cancelled])]);
  try {
    running.progress(0.1);
    if (pool.faults.taskStuck?.(method) && !stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve));
    else await sleep(pool.faults.taskMs, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) throw new XapiFault('TASK_CANCELLED', [task]);
    const value = await callMethod({ ...context, task: running }, method, parameters);
    pool.tasks.complete(task, value);
  } catch (error) {
    pool.tasks.fail(task, error);
  }
}
