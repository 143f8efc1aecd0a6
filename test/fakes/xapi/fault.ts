/** An error as XAPI has it: a code and its parameters. */
export class XapiFault extends Error {
  readonly code: string;
  readonly parameters: string[];

  constructor(code: string, parameters: string[] = []) {
    super(`${code}(${parameters.join(', ')})`);
    this.name = 'XapiFault';
    this.code = code;
    this.parameters = parameters;
  }
}

/** What was thrown, as XAPI's error. */
export function faultOf(error: unknown): XapiFault {
  if (error instanceof XapiFault) return error;
  return new XapiFault('INTERNAL_ERROR', [error instanceof Error ? `${error.name}(${error.message})` : String(error)]);
}
