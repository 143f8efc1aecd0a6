/** Bad definitions; what is said about each stands in test/golden/bad-definitions.txt. */

export interface BadDefinition {
  title: string;
  /** Files by name. The one that is read is t.yaml. */
  files: Record<string, string>;
}

/** Three good lines, so that what a case adds begins on line 4. */
const head = 'name: t\ndistro: debian\nrelease: 12\n';

/** A case that adds lines to a good definition. */
function added(title: string, text: string, files: Record<string, string> = {}): BadDefinition {
  return { title, files: { 't.yaml': `${head}${text}\n`, ...files } };
}

/** A case that is a whole file. */
function whole(title: string, text: string, files: Record<string, string> = {}): BadDefinition {
  return { title, files: { 't.yaml': text, ...files } };
}

const script = '#!/bin/sh\ntrue\n';
const base = 'name: base\nabstract: true\ndistro: debian\n';
const waiver = 'hardening:\n  waivers:\n    - { control: ssh, owner: me, ';

export const badDefinitions: BadDefinition[] = [
  // Keys
  added('unknown key', 'platfroms: [kvm]'),
  added('unknown key like no other', 'colour: blue'),
  added('unknown key deeper', 'disk:\n  sise: 3GiB\n  layuot: flat'),
  added('unknown key in an item', 'provisioning:\n  - script: a.sh\n    enviroment: {}', { 'a.sh': script }),
  added('the same key twice', 'kernel: full\nkernel: cloud'),
  added('a key that is a number', '12: x'),
  added('a key that is a list', '? [a, b]\n: x'),
  added('merge key', 'disk:\n  <<: { size: 3GiB }'),
  added('prototype keys', '__proto__: { polluted: true }\nengine:\n  options: { constructor: 1, prototype: 2 }'),
  whole('missing keys', 'name: t\n'),
  whole('missing name', 'distro: debian\nrelease: 12\n'),
  // Types
  added('a text where a list belongs', 'platforms: kvm'),
  added('a list where a map belongs', 'disk: [3GiB]'),
  added('a map where a text belongs', 'description: { en: x }'),
  added('a number where a text belongs', 'locale: 12'),
  added('an octal number where a text belongs', 'provisioning:\n  - { file: f, to: /etc/f, mode: 0644 }', { f: 'x' }),
  added('yes where true belongs', 'provisioning:\n  - { step: ssh, enabled: yes }'),
  added('empty values', 'packages:\nplatforms: []\nformats:\n  -'),
  added('a parameter that is a map', 'provisioning:\n  - { step: ssh, with: { port: { a: 1 } } }'),
  // Values
  whole('unknown distro', 'name: t\ndistro: debain\nrelease: 12\n'),
  whole('unknown release', 'name: t\ndistro: debian\nrelease: bokworm\n'),
  whole('a number near that of a release', 'name: t\ndistro: ubuntu\nrelease: 24.10\n'),
  whole('a release of nobody, and another fault', 'name: t\ndistro: debian\nrelease: 11\nkernal: full\n'),
  whole(
    'what a distribution has not',
    'name: t\ndistro: rocky\nrelease: 9\nkernel: cloud\nsnapshot: 20261101T000000Z\nrepositories:\n  - { name: v, uri: "https://packages.example", suite: x, key: k.asc }\n',
    { 'k.asc': '-----BEGIN PGP PUBLIC KEY BLOCK-----' },
  ),
  whole(
    'a cloud kernel where it does not serve',
    'name: t\ndistro: ubuntu\nrelease: noble\nplatforms: [kvm, xen]\nkernel: cloud\n',
  ),
  whole('a cloud image of what has only packages', 'name: t\ndistro: rocky\nrelease: 9\nengine:\n  name: bootstrap\n'),
  whole('an engine that is not there', 'name: t\ndistro: rocky\nrelease: 9\nengine:\n  name: installer\n'),
  whole('release in the future', 'name: t\ndistro: debian\nrelease: 99\n'),
  added('unknown platform', 'platforms: [kvm, zen]'),
  added('platform twice', 'platforms: [kvm, xen, kvm]'),
  added('unknown format', 'formats: [qcow]'),
  added('decimal size', 'disk:\n  size: 3GB'),
  added('negative size', 'disk:\n  size: -1'),
  added('a disk too small', 'disk:\n  size: 512MiB'),
  added('a disk that is no whole number of MiB', 'disk:\n  size: 3000000000'),
  added('bad package names', 'packages:\n  add: [Nginx, "a b", x]'),
  added('package both added and removed', 'packages:\n  add: [nginx, vim]\n  remove: [vim]'),
  added('kernel arguments with quotes and spaces', "kernelArguments: [quiet, 'a b', '$(reboot)']"),
  added('bad time zone and locale', 'timezone: ../../etc/passwd\nlocale: "fr_FR.UTF-8; reboot"'),
  added('bad snapshot', 'snapshot: 2026-11-01'),
  added('a description of two lines', 'description: |\n  one\n  two'),
  whole('bad name', 'name: T\ndistro: debian\nrelease: 12\n'),
  whole('name of another file', 'name: other\ndistro: debian\nrelease: 12\n'),
  added('control characters in a value', 'description: "a\\u0000b\\e[31m"'),
  // Provisioning
  added('unknown step', 'provisioning:\n  - step: hardning'),
  added('neither step, script nor file', 'provisioning:\n  - stepp: ssh\n  - ssh\n  - {}'),
  added('two kinds in one item', 'provisioning:\n  - { step: ssh, script: a.sh }', { 'a.sh': script }),
  added('a file without a destination', 'provisioning:\n  - file: f', { f: 'x' }),
  added('a bad destination and owner', 'provisioning:\n  - { file: f, to: /etc/../f, owner: "root root" }', { f: 'x' }),
  added('the same step twice', 'provisioning:\n  - step: ssh\n  - step: base\n  - step: ssh'),
  added('unknown parameters', 'provisioning:\n  - { step: ssh, with: { prot: 22, "a b": 1 } }'),
  added(
    'bad parameters',
    'provisioning:\n  - { step: ssh, with: { port: 70000 } }\n  - { step: hardening, with: { umask: 027 } }',
  ),
  added('bad variable names', 'provisioning:\n  - { script: a.sh, environment: { A-B: x, OK: 1 } }', { 'a.sh': script }),
  added('a script that is not there', 'provisioning:\n  - script: scripts/nope.sh'),
  added('scripts outside', 'provisioning:\n  - script: ../a.sh\n  - script: /etc/passwd\n  - script: a/../../b'),
  added('a script that is a folder', 'provisioning:\n  - script: d', { 'd/x': '' }),
  added('a script without #!', 'provisioning:\n  - script: a.sh', { 'a.sh': 'true\n' }),
  added('a script with Windows line ends', 'provisioning:\n  - script: a.sh', { 'a.sh': '#!/bin/sh\ntrue\r\n' }),
  // Repositories
  added('a repository with too little', 'repositories:\n  - name: vendor\n    url: https://packages.example'),
  added('a repository by ftp', 'repositories:\n  - { name: v, uri: "ftp://packages.example", suite: x, key: k.asc }', {
    'k.asc': '-----BEGIN PGP PUBLIC KEY BLOCK-----',
  }),
  added(
    'repositories of one name, with bad keys',
    'repositories:\n  - { name: v, uri: "https://packages.example", suite: x, key: a.asc }\n  - { name: v, uri: "https://packages.example", suite: y, key: b.asc }',
    { 'a.asc': 'hello', 'b.asc': '-----BEGIN PGP PRIVATE KEY BLOCK-----' },
  ),
  // Waivers
  added('an expired waiver', `${waiver}reason: not needed here, expires: 2026-01-31 }`),
  added('a waiver without a reason or a date', `${waiver}reason: no, expires: soon }`),
  // YAML
  whole('empty file', ''),
  whole('only comments', '# nothing\n'),
  whole('a list', '- a\n- b\n'),
  whole('a text', 'hello\n'),
  added('tabs', 'disk:\n\tsize: 3GiB'),
  added('an open bracket', 'platforms: [kvm\nkernel: full'),
  added('an open quote', 'description: "open'),
  added('bad indentation', 'disk:\n  size: 3GiB\n firmware: both'),
  added('aliases', 'packages:\n  add: &a [nginx]\n  remove: *a'),
  added('an alias of nothing', 'description: *nothing'),
  added('tags', 'description: !!binary aGVsbG8=\nlocale: !mine x\ndisk: !!map { size: 3GiB }'),
  whole('two documents', `${head}---\n${head}`),
  whole('a directive', `%YAML 1.1\n---\n${head}`),
  added('Windows line ends', 'kernel: full\r\nkernal: cloud\r'),
  // Layers
  whole('extends nothing', 'name: t\nextends: debian-21\n', { 'debian-12.yaml': 'name: debian-12\n', 'debian-13.yaml': '' }),
  whole('extends a path', 'name: t\nextends: ../base\n'),
  whole('extends itself', 'name: t\nextends: t\n'),
  whole('extends in a circle', 'name: t\nextends: a\n', { 'a.yaml': 'name: a\nextends: b\n', 'b.yaml': 'name: b\nextends: t\n' }),
  whole('faults of a parent', 'name: t\nextends: base\nrelease: 12\n', {
    'base.yaml': `${base}disk:\n  size: 3GB\nprovisioning:\n  - script: gone.sh\n`,
  }),
  whole('faults of both', 'name: t\nextends: base\nkernal: cloud\n', { 'base.yaml': `${base}lcoale: x\n` }),
  whole('a parent that is not YAML', 'name: t\nextends: base\nlcoale: x\n', { 'base.yaml': 'name: [base\n' }),
  whole('a parent without a name', 'name: t\nextends: base\nrelease: 12\n', { 'base.yaml': 'distro: debian\n' }),
  whole('an abstract template', 'name: t\nabstract: true\n'),
  // Many at once
  whole(
    'many faults',
    'name: Bad\ndistro: debain\nplatfroms: [kvm]\nplatforms: [zen]\ndisk:\n  size: 3GB\nprovisioning:\n  - step: sssh\n  - script: ../x\n',
  ),
];
