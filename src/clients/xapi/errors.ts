import { AppError, type ErrorCode } from '../../util/errors.ts';

interface Meaning {
  code: ErrorCode;
  hint?: string;
}

/** What XAPI's codes mean to us; a code that ends in `*` stands for all that begin so. Others are TARGET_FAILED. */
const meanings: Record<string, Meaning> = {
  SESSION_AUTHENTICATION_FAILED: { code: 'TARGET_DENIED', hint: 'Check the user and the credential of this pool.' },
  SESSION_INVALID: { code: 'TARGET_DENIED' },
  RBAC_PERMISSION_DENIED: {
    code: 'TARGET_DENIED',
    hint: 'The user needs a role that has this permission: give it one, or use another user.',
  },
  SR_FULL: { code: 'TARGET_FULL', hint: 'Free room in that storage, or name another one.' },
  SR_BACKEND_FAILURE_44: { code: 'TARGET_FULL', hint: 'Free room in that storage, or name another one.' },
  HANDLE_INVALID: { code: 'NOT_FOUND' },
  UUID_INVALID: { code: 'NOT_FOUND' },
  VM_BAD_POWER_STATE: { code: 'CONFLICT' },
  OTHER_OPERATION_IN_PROGRESS: { code: 'CONFLICT' },
  VDI_IN_USE: { code: 'CONFLICT' },
  MAP_DUPLICATE_KEY: { code: 'CONFLICT' },
  IMPORT_INCOMPATIBLE_VERSION: {
    code: 'TARGET_FAILED',
    hint: 'The host is older than this XVA allows for: update the host.',
  },
  'IMPORT_ERROR*': { code: 'IMAGE_INVALID' },
  TASK_CANCELLED: { code: 'CANCELLED' },
  CANNOT_CONTACT_HOST: { code: 'TARGET_UNREACHABLE' },
  HOST_OFFLINE: { code: 'TARGET_UNREACHABLE' },
  HOST_STILL_BOOTING: { code: 'TARGET_UNREACHABLE', hint: 'The host is still starting: try again in a moment.' },
};

function meaningOf(xapiCode: string): Meaning {
  const group = Object.keys(meanings).find((key) => key.endsWith('*') && xapiCode.startsWith(key.slice(0, -1)));
  return meanings[xapiCode] ?? (group === undefined ? undefined : meanings[group]) ?? { code: 'TARGET_FAILED' };
}

/**
 * XAPI's error as ours: `what` says what was asked of whom.
 * `details.xapi` keeps XAPI's code and `details.parameters` its parameters, but never a session.
 */
export function xapiError(what: string, code: string, parameters: readonly string[]): AppError {
  const meaning = meaningOf(code);
  const shown = code === 'SESSION_INVALID' ? [] : parameters.filter((parameter) => parameter !== '');
  const words = shown.length > 0 ? `${code}: ${shown.join(', ')}` : code;
  return new AppError(meaning.code, `${what} failed: ${words}`, {
    ...(meaning.hint === undefined ? {} : { hint: meaning.hint }),
    details: { xapi: code, parameters: shown },
  });
}

/** XAPI's code in one of our errors (`SR_FULL`), or undefined. */
export function xapiErrorOf(error: unknown): string | undefined {
  const code = error instanceof AppError ? error.details['xapi'] : undefined;
  return typeof code === 'string' ? code : undefined;
}
