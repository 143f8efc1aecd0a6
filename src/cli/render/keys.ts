import type { KeyFacts } from '../../keys/open-keys.ts';
import { type KeySet, keysWith } from '../../model/key-set.ts';
import type { Style } from '../style.ts';
import { shortPath, table } from './words.ts';

export function madeKeyText({ key, path, signs }: KeyFacts, style: Style): string {
  const lines = [
    `Made the key ${style.strong(key.name)}`,
    `  fingerprint  ${key.id}`,
    `  secret half  ${shortPath(path)}`,
    '',
    'Tell the fingerprint to those who use your images, and keep a copy of the file in a safe place.',
  ];
  if (signs) lines.push('It signs from now on what is built and published here.');
  return `${lines.join('\n')}\n`;
}

export function ownKeysText(keys: readonly KeyFacts[], style: Style): string {
  if (keys.length === 0) return 'There are no keys: gabarit key new makes one\n';
  const rows = keys.map(({ name, key, path, signs }) => [
    name ?? '-',
    signs ? 'signs' : '-',
    key.created.slice(0, 10),
    key.id,
    path,
  ]);
  const [head = '', ...lines] = table([['NAME', 'USE', 'CREATED', 'FINGERPRINT', 'FILE'], ...rows]);
  return `${[style.faint(head), ...lines].join('\n')}\n`;
}

export function storeKeysText(url: string, keys: KeySet | undefined, by: string | undefined, style: Style): string {
  if (!keys) return `${url} has no keys yet: the first gabarit publish puts them there\n`;
  const rows = keys.keys.map(({ key, status, since, reason }) => [key.name, status, since.slice(0, 10), key.id, reason ?? '']);
  const [head = '', ...lines] = table([['NAME', 'STATUS', 'SINCE', 'FINGERPRINT', 'REASON'], ...rows]);
  const how = by === undefined ? '' : `, trusted ${trustedBy(by)}`;
  return `${[style.faint(head), ...lines, style.faint(`number ${keys.version} of the keys of ${url}${how}; good until ${keys.expires.slice(0, 10)}`)].join('\n')}\n`;
}

export function trustText(trusted: { url: string; keys: KeySet; by: string; isFirstUse: boolean }, style: Style): string {
  const { url, keys, by, isFirstUse } = trusted;
  const ids = keysWith(keys, 'active').map(({ id, name }) => `  ${id}  ${name}`);
  const head = `${isFirstUse ? 'From now on this machine trusts' : 'This machine trusts'} ${url} ${style.faint(`(${trustedBy(by)})`)}`;
  const last =
    by === 'first-use' && isFirstUse
      ? ['', 'Compare the fingerprint with what its publisher says. If it is another one: gabarit key forget']
      : [];
  return `${[head, ...ids, ...last].join('\n')}\n`;
}

function trustedBy(by: string): string {
  if (by === 'fingerprint') return 'by a fingerprint that was given';
  return by === 'own-key' ? 'by a key of this user' : 'since its first use';
}
