import { formatValue, parseXml, valueOf } from './xml-value.ts';

/** What a call came to: a value, or XAPI's error (a code and its parameters). */
export type Answer = { value: unknown } | { error: string; parameters: string[] };

/** How calls and answers are written: JSON-RPC on hosts of today, XML-RPC on old ones. */
export interface Wire {
  path: string;
  contentType: string;
  format(method: string, parameters: readonly unknown[]): string;
  /** @throws SyntaxError when the text is no answer */
  parse(text: string): Answer;
}

function errorOf(code: unknown, parameters: unknown): Answer {
  return { error: String(code), parameters: Array.isArray(parameters) ? parameters.map(String) : [] };
}

/** XAPI wants 64-bit integers as strings, and reads a number without a point as an integer. */
function integersAsStrings(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return String(value);
  if (Array.isArray(value)) return value.map(integersAsStrings);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, integersAsStrings(item)]));
}

export const jsonWire: Wire = {
  path: '/jsonrpc',
  contentType: 'application/json',
  format: (method, parameters) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: parameters.map(integersAsStrings) }),
  parse(text) {
    const answer = JSON.parse(text) as { result?: unknown; error?: { message?: unknown; data?: unknown } | unknown[] } | null;
    if (typeof answer !== 'object' || answer === null) throw new SyntaxError('not an object');
    const { error } = answer;
    // Hosts before JSON-RPC 2.0 send the code and its parameters as one list.
    if (Array.isArray(error)) return errorOf(error[0], error.slice(1));
    if (error !== undefined && error !== null) return errorOf(error.message, error.data);
    if (!('result' in answer)) throw new SyntaxError('neither a result nor an error');
    return { value: answer.result };
  },
};

export const xmlWire: Wire = {
  path: '/',
  contentType: 'text/xml',
  format(method, parameters) {
    const params = parameters.map((parameter) => `<param>${formatValue(parameter)}</param>`).join('');
    return `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${params}</params></methodCall>`;
  },
  parse(text) {
    const { methodResponse } = parseXml(text) as { methodResponse?: { params?: unknown; fault?: { value?: unknown } } };
    if (methodResponse?.fault) {
      const fault = valueOf(methodResponse.fault.value) as { faultString?: unknown };
      return errorOf('INTERNAL_ERROR', [fault.faultString ?? 'fault']);
    }
    const param = (methodResponse?.params as { param?: { value?: unknown }[] } | undefined)?.param?.[0];
    if (param === undefined) throw new SyntaxError('neither a value nor a fault');
    const value = valueOf(param.value);
    if (typeof value !== 'object' || !('Status' in value)) return { value };
    if (value['Status'] === 'Success') return { value: value['Value'] };
    const [code, ...parameters] = Array.isArray(value['ErrorDescription']) ? value['ErrorDescription'] : [];
    return errorOf(code ?? 'INTERNAL_ERROR', parameters);
  },
};
