/** Licences as Debian's machine-readable copyright files (DEP-5) name them, and as SPDX does. */

const format =
  /^Format:\s*https?:\/\/(?:www\.debian\.org\/doc\/packaging-manuals\/copyright-format|dep\.debian\.net|svn\.debian\.org|anonscm\.debian\.org)/im;

/** The short names in a copyright file, sorted, each once; none when the file is written for people only. */
export function licencesOf(text: string): string[] {
  if (!format.test(text.slice(0, 2000))) return [];
  const names = [...text.matchAll(/^License:[ \t]*(\S.*)$/gim)].flatMap(([, line = '']) => alternativesIn(line));
  return [...new Set(names)].toSorted();
}

/** `GPL-2+ or Artistic, and BSD-3-clause` names three; exceptions stay with their licence. */
function alternativesIn(line: string): string[] {
  return line
    .split(/,?\s+(?:and\/or|and|or)\s+|\s*[|,]\s*/i)
    .map((name) => name.trim())
    .filter((name) => /^[\w.+~-]+(?: with .+ exceptions?)?$/i.test(name));
}

/** The SPDX identifier of a Debian short name, or undefined where there is none for certain. */
export function spdxOf(name: string): string | undefined {
  const gnu = /^(GPL|LGPL|AGPL|GFDL|FDL)-?v?(\d)(?:\.(\d))?(\+)?$/i.exec(name);
  if (gnu) {
    const [, family = '', major = '', minor = '0', orLater] = gnu;
    const known = families[family.toUpperCase()];
    return known?.versions.includes(`${major}.${minor}`)
      ? `${known.id}-${major}.${minor}-${orLater ? 'or-later' : 'only'}`
      : undefined;
  }
  return sameByAnotherName[name.toLowerCase()];
}

const families: Record<string, { id: string; versions: string[] }> = {
  GPL: { id: 'GPL', versions: ['1.0', '2.0', '3.0'] },
  LGPL: { id: 'LGPL', versions: ['2.0', '2.1', '3.0'] },
  AGPL: { id: 'AGPL', versions: ['3.0'] },
  GFDL: { id: 'GFDL', versions: ['1.1', '1.2', '1.3'] },
  FDL: { id: 'GFDL', versions: ['1.1', '1.2', '1.3'] },
};

const sameByAnotherName: Record<string, string> = {
  expat: 'MIT',
  'apache-2': 'Apache-2.0',
  'apache-2.0': 'Apache-2.0',
  'artistic-2': 'Artistic-2.0',
  'artistic-2.0': 'Artistic-2.0',
  'bsd-2-clause': 'BSD-2-Clause',
  'bsd-3-clause': 'BSD-3-Clause',
  'bsl-1.0': 'BSL-1.0',
  'cc0-1.0': 'CC0-1.0',
  isc: 'ISC',
  'mit-0': 'MIT-0',
  'mpl-1.1': 'MPL-1.1',
  'mpl-2.0': 'MPL-2.0',
  openssl: 'OpenSSL',
  'psf-2': 'PSF-2.0',
  zlib: 'Zlib',
};
