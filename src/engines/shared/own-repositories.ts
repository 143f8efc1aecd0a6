import type { Plan } from '../../model/plan.ts';

/** A package repository of the template's own, as files of the image. */
export interface OwnRepository {
  name: string;
  /** The key that signs it: the file on this host, and its place in the image. */
  key: { from: string; to: string };
  sources: { to: string; text: string };
}

export function ownRepositories({ template, keys }: Pick<Plan, 'template' | 'keys'>): OwnRepository[] {
  return template.repositories.map(({ name, uri, suite, components }) => {
    const key = keys[name];
    if (key === undefined) throw new TypeError(`the repository ${name} has no key`);
    const to = `/etc/apt/keyrings/${key.file}`;
    return {
      name,
      key: { from: key.source, to },
      sources: { to: `/etc/apt/sources.list.d/${name}.sources`, text: aptSource(uri, [suite], components, to) },
    };
  });
}

/** A source of apt in the form of deb822 (sources.list(5)). A suite that ends in a slash is a folder, and has no components. */
export function aptSource(uri: string, suites: string[], components: string[], key: string): string {
  const parts = suites[0]?.endsWith('/') ? '' : `Components: ${components.join(' ')}\n`;
  return `Types: deb\nURIs: ${uri}\nSuites: ${suites.join(' ')}\n${parts}Signed-By: ${key}\n`;
}
