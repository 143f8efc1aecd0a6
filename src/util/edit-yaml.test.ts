import { describe, expect, it } from 'vitest';
import { editYaml } from './edit-yaml.ts';

const before = `# Ours.
cacheLimit: 10GiB # small disk

stores:
  # the archive
  ceph:
    url: s3://images/pre # its bucket
    credentials: { accessKey: "env:AK", secretKey: 'env:SK' }
mirrors:
  debian: https://mirror.example/debian
`;

describe('a YAML document', () => {
  it('gets keys, and keeps comments, order and quotes', () => {
    const after = editYaml(before, ['stores', 'ceph'], { region: 'garage', url: 's3://images/new' });
    expect(after).toBe(before.replace('images/pre', 'images/new').replace("'env:SK' }\n", "'env:SK' }\n    region: garage\n"));
  });

  it('gets what is missing on the way', () => {
    expect(editYaml('', ['stores', 'a'], { x: 1 })).toBe('stores:\n  a:\n    x: 1\n');
    expect(editYaml('# only words\n', ['stores', 'a'], { x: 1 })).toBe('# only words\n\nstores:\n  a:\n    x: 1\n');
    expect(editYaml('stores:\n', ['stores', 'a'], { x: { y: [1] } })).toBe('stores:\n  a:\n    x:\n      y:\n        - 1\n');
    expect(editYaml(before, ['stores', 'b'], { x: 1 })).toContain("'env:SK' }\n  b:\n    x: 1\nmirrors:");
  });

  it('is not touched when it is none', () => {
    expect(() => editYaml('a: [', ['stores'], { x: 1 })).toThrow('not YAML that can be changed');
    expect(() => editYaml('- a\n', ['stores'], { x: 1 })).toThrow('not a map');
  });
});
