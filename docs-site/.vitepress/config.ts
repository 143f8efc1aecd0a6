import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

const library = (path: string): string => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));

interface Token {
  children: Token[] | null;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}

/** The documents as a site: the same files as in docs/, README in two languages, a search that needs no service. */

const guides = [
  { text: 'A first template', link: '/docs/first-template' },
  { text: 'Running it every day', link: '/docs/local-runs' },
  { text: 'Definitions', link: '/docs/definitions' },
  { text: 'Installers and cloud images', link: '/docs/installers' },
  { text: 'Building by CI', link: '/docs/ci' },
  { text: 'Operating the server', link: '/docs/server' },
  { text: 'Jobs and workers', link: '/docs/jobs' },
  { text: 'XCP-ng and XenServer', link: '/docs/xcp-ng' },
  { text: 'S3', link: '/docs/s3' },
  { text: 'The S3 doctor', link: '/docs/s3-doctor' },
  { text: 'The catalog', link: '/docs/catalog' },
  { text: 'Signatures', link: '/docs/signing' },
  { text: 'Formats', link: '/docs/formats' },
  { text: 'Provisioning', link: '/docs/provisioning' },
  { text: 'Hardening', link: '/docs/hardening' },
  { text: 'The list of components', link: '/docs/sbom' },
  { text: 'Threat model', link: '/docs/threat-model' },
];
const reference = [
  { text: 'Command line', link: '/docs/reference/cli' },
  { text: 'Keys of definitions', link: '/docs/reference/template' },
  { text: 'Configuration', link: '/docs/configuration' },
  { text: 'Errors and exit codes', link: '/docs/reference/errors' },
  { text: 'What "ci lint" finds', link: '/docs/reference/ci-lint' },
  { text: 'Words', link: '/docs/glossary' },
];
const more = [
  { text: 'Benchmarks', link: '/docs/benchmarks' },
  { text: 'Decisions', link: '/docs/decisions/README' },
  { text: 'Adding to Gabarit', link: '/docs/adding' },
  { text: 'Contributing', link: '/CONTRIBUTING' },
  { text: 'Changes', link: '/CHANGELOG' },
];

export default defineConfig({
  title: 'Gabarit',
  description: 'Makes hardened, tested VM templates from a short definition',
  srcDir: '..',
  outDir: 'dist',
  cacheDir: '.cache',
  srcExclude: ['**/node_modules/**', 'docs-site/**', 'templates/**', 'test/**', 'web/**', 'out/**'],
  rewrites: { 'README.md': 'index.md', 'README.fr.md': 'fr/index.md' },
  cleanUrls: true,
  // Files of the sources are in the repository, not on the site; test/docs.test.ts follows all links.
  ignoreDeadLinks: [/\/src\//, /\.schema\.json$/, /README(\.fr)?$/, /index$/, /openapi/],
  // Documents of GitHub Actions are full of curly brackets: none of them is for Vue.
  vue: { template: { compilerOptions: { delimiters: ['\u27e6', '\u27e7'] } } },
  markdown: {
    // README.fr.md lies at the root of the repository, and its page one level below that of the site.
    config: (md) =>
      md.core.ruler.push('french', ({ env, tokens }: { env: { relativePath?: string }; tokens: Token[] }) => {
        if (env.relativePath !== 'fr/index.md') return;
        for (const token of tokens.flatMap((block) => [block, ...(block.children ?? [])])) {
          const target = token.attrGet('href');
          if (target && !/^([a-z]+:|[/#])/.test(target)) token.attrSet('href', `../${target}`);
        }
      }),
  },
  // The pages lie outside of this folder; the library is found in it.
  vite: {
    resolve: {
      alias: [
        { find: /^vue\/server-renderer$/, replacement: library('vue/server-renderer/index.mjs') },
        { find: /^vue$/, replacement: library('vue/dist/vue.runtime.esm-bundler.js') },
      ],
    },
  },
  locales: {
    root: { label: 'English', lang: 'en' },
    fr: {
      label: 'Français',
      lang: 'fr',
      description: 'Fabrique des modèles de machines virtuelles à partir d\u2019une courte définition',
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Begin', link: '/docs/first-template' },
      { text: 'Reference', link: '/docs/reference/cli' },
    ],
    sidebar: [
      { text: 'Guides', items: guides },
      { text: 'Reference', items: reference },
      { text: 'More', items: more },
    ],
    outline: [2, 3],
  },
});
