/** Everything that can go wrong in a known way. Errors, exit codes, `gabarit explain` and docs/reference/errors.md are made from it. */

export interface ErrorFacts {
  /** The exit code of the process. */
  exit: number;
  /** The status of an answer of the API. */
  http: number;
  /** Whether the same call may work later. */
  retry: boolean;
  happened: string;
  /** What to do about it; commands stand in double quotes. */
  todo: string;
}

export const errorTable = {
  USAGE: {
    exit: 2,
    http: 400,
    retry: false,
    happened: 'The command line is wrong: an unknown command or option, a missing argument',
    todo: 'Ask "gabarit COMMAND --help"',
  },
  CONFIG_INVALID: {
    exit: 2,
    http: 400,
    retry: false,
    happened: 'The configuration file or a GABARIT_* variable is wrong',
    todo: 'Correct the place that the message names',
  },
  TEMPLATE_INVALID: {
    exit: 3,
    http: 422,
    retry: false,
    happened: 'The definition has faults; all are listed with file, line and column',
    todo: 'Correct them; "gabarit plan NAME" checks without building',
  },
  TEMPLATE_NOT_FOUND: {
    exit: 3,
    http: 404,
    retry: false,
    happened: 'No definition of that name or path',
    todo: '"gabarit templates" lists them',
  },
  PLAN_INVALID: {
    exit: 3,
    http: 422,
    retry: false,
    happened: 'A plan file is damaged, or its files have changed since',
    todo: 'Make it again with "gabarit plan NAME --json"',
  },
  PACKAGE_NOT_FOUND: {
    exit: 3,
    http: 422,
    retry: false,
    happened: 'The repositories have no such package, or the packages exclude each other',
    todo: 'See the near matches in the message',
  },
  HOST_NOT_READY: {
    exit: 4,
    http: 503,
    retry: false,
    happened: 'This host cannot do it: no user namespaces, no root, too little memory',
    todo: '"gabarit doctor" says what is missing, and how to get it',
  },
  TOOL_MISSING: {
    exit: 4,
    http: 503,
    retry: false,
    happened: 'A command or file of the host is missing',
    todo: 'The line in the message installs it',
  },
  DISK_FULL: {
    exit: 4,
    http: 507,
    retry: false,
    happened: 'A disk is full; nothing half-written was left',
    todo: 'Free some with "gabarit cache prune", or let GABARIT_CACHE name a folder on a larger disk',
  },
  MIRROR_UNREACHABLE: {
    exit: 5,
    http: 502,
    retry: true,
    happened: 'A mirror did not answer, or answered with an error, several times',
    todo: 'Check the network and the address of the mirror; "gabarit doctor" asks it',
  },
  SIGNATURE_INVALID: {
    exit: 5,
    http: 502,
    retry: false,
    happened: 'A signature does not fit its key, or there is none',
    todo: 'Do not go on: check the mirror and the keys',
  },
  NOT_TRUSTED: {
    exit: 5,
    http: 502,
    retry: false,
    happened: 'A key is not one that this machine trusts for that store, or there is no key to sign with',
    todo: 'Compare fingerprints: "gabarit key trust"; to publish, "gabarit key new"',
  },
  CATALOG_EXPIRED: {
    exit: 5,
    http: 502,
    retry: true,
    happened: 'A catalog was not signed again in time: somebody may be hiding newer images',
    todo: 'The publisher runs "gabarit catalog refresh"',
  },
  CATALOG_ROLLED_BACK: {
    exit: 5,
    http: 502,
    retry: false,
    happened: 'A store shows an older catalog than this machine has seen before',
    todo: 'Do not use it: find out who put it back',
  },
  DIGEST_MISMATCH: {
    exit: 5,
    http: 502,
    retry: true,
    happened: 'Bytes are not the ones that were promised; they were not used',
    todo: 'Trying again may help; else distrust the source',
  },
  TLS_UNTRUSTED: {
    exit: 5,
    http: 502,
    retry: false,
    happened: 'A host showed a certificate that nobody vouches for, or another one than before; nothing was sent to it',
    todo: "Compare the fingerprints in the message with the host's own",
  },
  BUILD_FAILED: {
    exit: 1,
    http: 500,
    retry: false,
    happened: 'A build step failed',
    todo: "See the step's last lines in the message",
  },
  SCRIPT_FAILED: {
    exit: 1,
    http: 422,
    retry: false,
    happened: 'A provisioning script failed; its name, line and last output are in the message',
    todo: 'Correct the script',
  },
  COMMAND_FAILED: {
    exit: 1,
    http: 500,
    retry: false,
    happened: 'A tool of the host failed',
    todo: 'See its last lines in the message',
  },
  IMAGE_INVALID: {
    exit: 6,
    http: 422,
    retry: false,
    happened: 'A file is not the image that it should be',
    todo: 'Build or download it again',
  },
  CHECK_FAILED: {
    exit: 6,
    http: 422,
    retry: false,
    happened: 'The image was made, and a check says that it is not fit',
    todo: 'See the report beside the image',
  },
  BOOT_FAILED: {
    exit: 6,
    http: 422,
    retry: false,
    happened: 'The image does not boot, or not as far as it must',
    todo: 'See the serial log and screenshot beside the report',
  },
  NOT_REPRODUCIBLE: {
    exit: 6,
    http: 422,
    retry: false,
    happened: 'Two builds of one plan differ; the files are listed',
    todo: 'Usually a script of your own: dates, random names, the network',
  },
  NOT_FOUND: {
    exit: 7,
    http: 404,
    retry: false,
    happened: 'No such image, version or object in the store',
    todo: '"gabarit catalog ls" lists what there is',
  },
  CONFLICT: {
    exit: 7,
    http: 409,
    retry: true,
    happened: 'Somebody else changed it meanwhile, or it is there already with other content',
    todo: 'Look again, then try again',
  },
  REVOKED: {
    exit: 7,
    http: 410,
    retry: false,
    happened: 'The image must not be used any more; the reason is in the message',
    todo: 'Use another version',
  },
  SUPPORT_ENDED: {
    exit: 7,
    http: 410,
    retry: false,
    happened: 'Nobody repairs the operating system any more: it is not built, and no channel may point at its image',
    todo: 'Use a newer release; --allow-end-of-life (plan, build) or --unsupported (promote) insists',
  },
  STORE_FAILED: {
    exit: 7,
    http: 502,
    retry: true,
    happened: 'The store refused or did not answer',
    todo: 'See the message; "gabarit store doctor" tries out the way to the store',
  },
  STORE_DENIED: {
    exit: 7,
    http: 403,
    retry: false,
    happened: 'The store does not know these credentials, or not for this',
    todo: 'Grant the right that the message names, or use other credentials',
  },
  TARGET_UNREACHABLE: {
    exit: 7,
    http: 502,
    retry: true,
    happened: 'A pool or host does not answer, or the connection to it broke',
    todo: 'Check address and network; trying again may help',
  },
  TARGET_DENIED: {
    exit: 7,
    http: 403,
    retry: false,
    happened: 'The target refuses the user, or what the user may not do',
    todo: 'Check the credential, or ask for the role in the message',
  },
  TARGET_FULL: {
    exit: 7,
    http: 507,
    retry: false,
    happened: 'The storage of the target has no room for it',
    todo: 'Free room there, or name another storage',
  },
  TARGET_FAILED: {
    exit: 7,
    http: 502,
    retry: false,
    happened: 'The target refused or gave up; its own words are in the message',
    todo: 'See the message',
  },
  DATABASE_FAILED: {
    exit: 4,
    http: 503,
    retry: true,
    happened: 'The database of the server cannot be opened or reached',
    todo: 'Look whether it runs, and whether DATABASE_URL is right; or restore a backup',
  },
  DATABASE_IN_USE: {
    exit: 4,
    http: 503,
    retry: true,
    happened: "Another process has the server's database open",
    todo: 'Stop that one, or talk to it by its URL',
  },
  DATABASE_TOO_NEW: {
    exit: 4,
    http: 503,
    retry: false,
    happened: 'The tables were made by a newer Gabarit',
    todo: 'Use that one, or restore a backup from before the upgrade',
  },
  FENCED: {
    exit: 7,
    http: 409,
    retry: false,
    happened: 'A worker that was believed dead woke up: another one has its job, and it published nothing',
    todo: 'Nothing: see the job',
  },
  WORKER_LOST: {
    exit: 1,
    http: 500,
    retry: false,
    happened: "A job's workers died again and again",
    todo: 'Look why: memory, power, the log of the job',
  },
  NOT_LOGGED_IN: {
    exit: 7,
    http: 401,
    retry: false,
    happened: 'The server does not know who asks: no session or token, or it has ended',
    todo: 'Log in, or make a new token',
  },
  FORBIDDEN: {
    exit: 7,
    http: 403,
    retry: false,
    happened: 'The server knows who asks, and that he may not',
    todo: 'An admin gives rights',
  },
  RATE_LIMITED: {
    exit: 7,
    http: 429,
    retry: true,
    happened: 'Too many requests, or too many wrong passwords',
    todo: 'Wait as long as the message says',
  },
  TOO_LARGE: {
    exit: 7,
    http: 413,
    retry: false,
    happened: 'A request is larger than the server takes',
    todo: 'Send less',
  },
  AUDIT_BROKEN: {
    exit: 7,
    http: 500,
    retry: false,
    happened: 'The audit log of the server was changed, or entries are missing',
    todo: 'Keep the file as evidence; "gabarit audit verify" names the line',
  },
  TIMEOUT: {
    exit: 8,
    http: 504,
    retry: true,
    happened: 'Something took longer than it may',
    todo: 'Trying again may help; on a slow host raise the limit',
  },
  CANCELLED: {
    exit: 130,
    http: 499,
    retry: false,
    happened: 'Ctrl-C or SIGTERM; finished steps are kept',
    todo: 'Run the same command again to go on',
  },
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof errorTable;

/** What a failure without a code is. */
export const bug = {
  exit: 1,
  http: 500,
  retry: false,
  happened: 'Something failed that Gabarit did not expect: a bug',
  todo: 'Report it: the message, the command, and what "gabarit version" and "gabarit doctor" say',
} as const satisfies ErrorFacts;

export type ExitCode = (typeof errorTable)[ErrorCode]['exit'];

/** What the exit codes have in common that are not 0. */
export const exitTable: Record<ExitCode, string> = {
  1: 'The work failed',
  2: 'The command line or the configuration is wrong',
  3: 'The definition or the plan is wrong',
  4: 'This machine cannot do it',
  5: 'What came from outside did not come, or cannot be trusted',
  6: 'The image is not fit',
  7: 'A store, a target or a server refused',
  8: 'It took too long',
  130: 'It was cancelled',
};
