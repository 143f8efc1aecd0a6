import { describe, expect, test } from 'vitest';
import { defineTemplate, provisionSchema, templateSchema } from './template.ts';

const least = { name: 't', distro: 'debian', release: 12 } as const;

test('a filled-in template is itself a good definition, and stays the same', () => {
  const template = templateSchema.parse({ ...least, disk: { size: '8 GiB' }, sizeBudget: { artifact: '300MiB' } });
  expect(templateSchema.parse(template)).toEqual(template);
});

describe('paths of own files', () => {
  const accepts = (script: string): boolean => provisionSchema.safeParse({ script }).success;
  test.each(['a', 'a/b.sh', './a', '..a', 'a../b', 'a b', 'é'])('may be %j', (path) => expect(accepts(path)).toBe(true));
  test.each(['', '/a', '..', '../a', 'a/..', 'a/../b', './../a', 'a\0b', 'a\nb', 'a\n/../b'])('may not be %j', (path) => {
    expect(accepts(path)).toBe(false);
  });
});

describe('paths in the image', () => {
  const accepts = (to: string): boolean => provisionSchema.safeParse({ file: 'f', to }).success;
  test.each(['/etc/f', '/a', '/..a/b', '/a b'])('may be %j', (path) => expect(accepts(path)).toBe(true));
  test.each(['', '/', 'etc/f', '/etc/', '/..', '/../a', '/a/..', '/a/../b', '/a\nb'])('may not be %j', (path) => {
    expect(accepts(path)).toBe(false);
  });
});

test('defineTemplate knows what a definition needs', () => {
  const child = { name: 't', extends: 'base', disk: { size: '8GiB' } };
  expect(defineTemplate(child)).toBe(child);
  expect(defineTemplate({ ...least, platforms: ['kvm'] }).platforms).toEqual(['kvm']);
  // @ts-expect-error neither a release nor a template to extend
  expect(defineTemplate({ name: 't', distro: 'debian' }).name).toBe('t');
});
