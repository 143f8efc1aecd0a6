import { certificateSwitches, certificatesNotChecked, envFile, hypervisorCredential, pipeToShell } from '../patterns.ts';
import { type PipelineRule, pipelineVariables, scriptFindings } from './pipeline.ts';

/** Texts that people outside write. A shell that reads them as a program runs them. */
const foreign =
  /\b(eval|(ba|da|z)?sh\s+-c)\b[^\n]*\$\{?CI_(COMMIT_(MESSAGE|TITLE|DESCRIPTION|BRANCH|REF_NAME|TAG|TAG_MESSAGE|AUTHOR)|MERGE_REQUEST_(TITLE|DESCRIPTION|LABELS|SOURCE_BRANCH_NAME))\b/;
const secretName = /(PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_KEY|SIGNING_KEY|ACCESS_KEY)$/;

/** What stands in scripts and variables. */
export const pipelineScriptRules: PipelineRule[] = [
  {
    id: 'foreign-text-in-script',
    hint: 'Write the commands out, and hand the text to them as an argument in double quotes.',
    find: (pipeline) =>
      scriptFindings(
        pipeline,
        foreign,
        ({ id }) => `The job "${id}" makes a program of a text that anybody with a branch may write`,
      ),
  },
  {
    id: 'input-in-script',
    hint: 'Hand it over as a variable (variables: TEMPLATE: $[[ inputs.template ]]) and write "$TEMPLATE" in the script.',
    find: (pipeline) =>
      scriptFindings(
        pipeline,
        /\$\[\[\s*inputs\.[^\]]*\]\]/,
        (_, found) => `${found} becomes part of the script, whatever it holds`,
      ),
  },
  {
    id: 'pipe-to-shell',
    hint: 'Keep the script in the repository, or compare its SHA-256 before it runs.',
    find: (pipeline) => scriptFindings(pipeline, pipeToShell, ({ id }) => `The job "${id}" runs whatever a web server answers`),
  },
  {
    id: 'env-file',
    hint: 'Name each variable in the settings of the project. Gabarit reads no .env in CI either.',
    find: (pipeline) =>
      scriptFindings(
        pipeline,
        envFile,
        ({ id }) => `The job "${id}" takes variables from a file: what is missing there is missed silently`,
      ),
  },
  {
    id: 'certificates-not-checked',
    hint: 'Trust the authority instead: stores: NAME: ca: FILE.',
    find: (pipeline) => [
      ...scriptFindings(pipeline, certificatesNotChecked, ({ id }) => `The job "${id}" talks to whoever answers`),
      ...pipelineVariables(pipeline)
        .filter(({ name, value }) => certificateSwitches[name]?.test(value) === true)
        .map(({ name, place }) => ({ place, message: `${name} switches off the checking of certificates` })),
    ],
  },
  {
    id: 'token-in-address',
    hint: 'Let git ask for it: its "credential.helper", or the job\'s own clone, which needs no token in the address.',
    find: (pipeline) =>
      scriptFindings(
        pipeline,
        /:\/\/[^/\s:@]*:\$\{?\w*(TOKEN|PASSWORD|SECRET)\w*\}?@/,
        ({ id }) =>
          `The job "${id}" puts a secret into an address: it is among the arguments of a process, and stays in .git/config`,
      ),
  },
  {
    id: 'secret-in-file',
    hint: 'Put it into the settings of the project (CI/CD, Variables), protected and masked; then make a new one, for this one is known.',
    find: (pipeline) =>
      pipelineVariables(pipeline)
        .filter(({ name, value }) => secretName.test(name) && value !== '' && !/^(\$|env:|file:)/.test(value))
        .map(({ name, place }) => ({ place, message: `${name} stands here for all who can read the repository` })),
  },
  {
    id: 'hypervisor-credentials',
    hint: 'Let the job publish only; deploy from a machine that no repository can run programs on.',
    find: (pipeline) =>
      pipelineVariables(pipeline)
        .filter(({ name, value }) => hypervisorCredential.test(name) && value.startsWith('$'))
        .map(({ name, place }) => ({ place, message: `${name} gives the runner a credential of the hypervisor` })),
  },
  {
    id: 'variables-in-log',
    hint: 'Remove it: with it the log shows every variable, secrets too.',
    find: (pipeline) =>
      pipelineVariables(pipeline)
        .filter(({ name, value }) => /^CI_DEBUG_(TRACE|SERVICES)$/.test(name) && !/^(false|)$/.test(value))
        .map(({ name, place }) => ({ place, message: `${name} writes variables into the log` })),
  },
];
