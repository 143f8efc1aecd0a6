/** Rules for secrets in files. They look for forms that nothing else has, or that only such files have. */

interface Rule {
  name: string;
  /** Some text that must be there for the pattern to fit; looked for first, because that is fast. */
  keywords: string[];
  pattern: RegExp;
}

const rules: Rule[] = [
  {
    name: 'a private key',
    keywords: ['PRIVATE KEY'],
    pattern: /-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----\s*(\w+: .*\s+)*[A-Za-z0-9+/=]{16}/,
  },
  { name: 'a PuTTY key', keywords: ['PuTTY-User-Key-File'], pattern: /PuTTY-User-Key-File-\d/ },
  { name: 'an age key', keywords: ['AGE-SECRET-KEY-1'], pattern: /AGE-SECRET-KEY-1[0-9A-Z]{20}/ },
  { name: 'an AWS access key', keywords: ['AKIA', 'ASIA'], pattern: /\b(AKIA|ASIA)[A-Z2-7]{16}\b/ },
  {
    name: 'an AWS secret',
    keywords: ['aws_secret', 'AWS_SECRET'],
    pattern: /aws_secret_access_key["']?\s*[=:]\s*["']?[A-Za-z0-9/+]{40}/i,
  },
  {
    name: 'a GitHub token',
    keywords: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
    pattern: /\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22})/,
  },
  { name: 'a GitLab token', keywords: ['glpat-'], pattern: /\bglpat-[\w-]{20}/ },
  { name: 'a Slack token', keywords: ['xox'], pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10}/ },
  { name: 'a Slack webhook', keywords: ['hooks.slack.com'], pattern: /hooks\.slack\.com\/services\/T\w+\/B\w+\/\w{16}/ },
  { name: 'an npm token', keywords: ['npm_', '_authToken'], pattern: /\bnpm_[A-Za-z0-9]{36}\b|_authToken\s*=\s*[^\s$]{8}/ },
  {
    name: 'a Google key',
    keywords: ['AIza', 'private_key_id'],
    pattern: /\bAIza[\w-]{35}\b|"private_key_id"\s*:\s*"[0-9a-f]{40}"/,
  },
  { name: 'a Stripe key', keywords: ['sk_live_'], pattern: /\bsk_live_[A-Za-z0-9]{20}/ },
  { name: 'a Vault token', keywords: ['hvs.'], pattern: /\bhvs\.[\w-]{24}/ },
  {
    name: 'a password hash',
    keywords: ['$1$', '$5$', '$6$', '$7$', '$y$', '$gy$', '$2a$', '$2b$', '$2y$'],
    pattern: /(^|[\s:"'=])\$(1|5|6|7|y|gy|2[aby])\$[./A-Za-z0-9$=,]{20}/m,
  },
  { name: 'a kubeconfig', keywords: ['client-key-data'], pattern: /client-key-data:\s*[A-Za-z0-9+/=]{40}/ },
  { name: 'a password of netrc', keywords: ['machine'], pattern: /^\s*machine\s+\S+\s+login\s+\S+\s+password\s+\S+/m },
  { name: 'a container registry login', keywords: ['"auths"'], pattern: /"auths"\s*:\s*\{[^}]*"auth"\s*:\s*"[A-Za-z0-9+/=]{8}/ },
  {
    name: 'a password in a URL',
    keywords: ['://'],
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/'"<>(){}$%]{1,64}:[^\s@/'"<>(){}$%]{3,128}@[\w.-]+/,
  },
];

/** Files that hold credentials by what they are, whatever they look like. */
const credentialFiles = [
  /(^|\/)\.(netrc|pgpass|git-credentials|pypirc|s3cfg|boto|vault-token|my\.cnf|mylogin\.cnf)$/,
  /(^|\/)\.aws\/credentials$/,
  /(^|\/)\.kube\/config$/,
  /(^|\/)\.docker\/config\.json$/,
  /(^|\/)(gcloud\/)?application_default_credentials\.json$/,
  /(^|\/)\.azure\/(accessTokens|msal_token_cache)\.(json|bin)$/,
  /(^|\/)\.config\/(rclone\/rclone\.conf|gh\/hosts\.yml)$/,
  /(^|\/)id_(rsa|dsa|ecdsa|ed25519)(_sk)?$/,
  /\.(kdbx|jks|keystore|ovpn)$/,
];

export interface FoundSecret {
  rule: string;
  /** From 1. */
  line: number;
}

/** The secrets in a file, one a rule; never the secret itself. */
export function secretsIn(path: string, bytes: Buffer): FoundSecret[] {
  if (bytes.length === 0) return [];
  const found: FoundSecret[] = credentialFiles.some((pattern) => pattern.test(path)) ? [{ rule: 'credentials', line: 1 }] : [];
  let text: string | undefined;
  for (const { name, keywords, pattern } of rules) {
    if (!keywords.some((keyword) => bytes.includes(keyword))) continue;
    text ??= bytes.toString('latin1');
    const match = pattern.exec(text);
    if (match) found.push({ rule: name, line: text.slice(0, match.index).split('\n').length });
  }
  return found;
}
