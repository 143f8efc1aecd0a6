import { AppError, toAppError } from '../../util/errors.ts';
import { writeFileAtomic } from '../../util/files.ts';
import { registerSecret } from '../../util/redact.ts';

/** Writes the identity token of the job into a file that only this user can read. @throws AppError CONFIG_INVALID, STORE_DENIED, TIMEOUT */
export async function writeIdToken(
  file: string,
  audience: string,
  variables: Readonly<NodeJS.ProcessEnv>,
  signal: AbortSignal,
): Promise<void> {
  const token = (await fetchIdToken(audience, variables, signal)).trim();
  // Three parts in base64url: anything else is an error page, or a variable that was masked.
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token))
    throw new AppError('CONFIG_INVALID', 'What the CI system gave as identity token is none');
  registerSecret(token);
  await writeFileAtomic(file, token, 0o600).catch((error: unknown) => {
    throw toAppError(error, 'CONFIG_INVALID', `${file} cannot be written`);
  });
}

async function fetchIdToken(audience: string, variables: Readonly<NodeJS.ProcessEnv>, signal: AbortSignal): Promise<string> {
  if (variables['GITLAB_CI'] === 'true') {
    const token = variables['GABARIT_ID_TOKEN'];
    if (token) return token;
    throw new AppError('CONFIG_INVALID', 'There is no identity token: the variable GABARIT_ID_TOKEN is not set', {
      hint: `In .gitlab-ci.yml: id_tokens: { GABARIT_ID_TOKEN: { aud: ${audience} } }`,
    });
  }
  const [address, bearer] = [variables['ACTIONS_ID_TOKEN_REQUEST_URL'], variables['ACTIONS_ID_TOKEN_REQUEST_TOKEN']];
  if (!address || !bearer || !URL.canParse(address)) {
    throw new AppError(
      'CONFIG_INVALID',
      'This job gets no identity token: ACTIONS_ID_TOKEN_REQUEST_URL or its TOKEN is not set',
      {
        hint: 'Give the job the right "id-token: write". Pull requests from forks never have it.',
      },
    );
  }
  registerSecret(bearer);
  const url = new URL(address);
  url.searchParams.set('audience', audience);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(30_000)]);
  try {
    const response = await fetch(url, { headers: { authorization: `Bearer ${bearer}` }, redirect: 'error', signal: limit });
    if (!response.ok) throw new AppError('STORE_DENIED', `The CI system refuses an identity token: status ${response.status}`);
    const { value } = (await response.json()) as { value?: unknown };
    return typeof value === 'string' ? value : '';
  } catch (error) {
    if (limit.aborted && !signal.aborted)
      throw new AppError('TIMEOUT', 'The CI system gave no identity token within 30 s', { cause: error });
    throw toAppError(error, 'CONFIG_INVALID', `No identity token from ${url.host}`);
  }
}
