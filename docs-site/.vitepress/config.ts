import { cp, mkdir } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

const library = (path: string): string => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Token {
  type: string;
  children: Token[] | null;
  attrs: [string, string][] | null;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}

/** The documents as a site: the same files as in docs/, README and main guides in two languages, a search that needs no service. */

/** Where pages lie that are not where their file is. */
const pages: Record<string, string> = { 'README.md': 'index.md', 'README.fr.md': 'fr/index.md' };
for (const name of readdirSync(join(root, 'docs/fr'))) pages[`docs/fr/${name}`] = `fr/docs/${name}`;
const sources = new Map(Object.entries(pages).map(([file, page]) => [page, file]));

/** What a relative link of a page leads to on the site; undefined for files that are only in the repository. */
function onSite(page: string, target: string): string | undefined {
  const [path = '', anchor] = target.split('#');
  const file = normalize(join(dirname(sources.get(page) ?? page), path));
  const end = anchor === undefined ? '' : `#${anchor}`;
  if (file.endsWith('.json') && file.startsWith('docs/reference/')) return `/${file}`;
  if (!file.endsWith('.md')) return undefined;
  return `/${(pages[file] ?? file).replace(/(index)?\.md$/, '')}${end}`;
}

const guides = [
  { text: 'A first template', link: '/docs/first-template' },
  { text: 'Running it every day', link: '/docs/local-runs' },
  { text: 'Definitions', link: '/docs/definitions' },
  { text: 'Provisioning', link: '/docs/provisioning' },
  { text: 'Installers and cloud images', link: '/docs/installers' },
  { text: 'Packer', link: '/docs/packer' },
  { text: 'Building by CI', link: '/docs/ci' },
  { text: 'The server', link: '/docs/server' },
  { text: 'The web page', link: '/docs/web' },
  { text: 'Jobs and workers', link: '/docs/jobs' },
  { text: 'XCP-ng and XenServer', link: '/docs/xcp-ng' },
  { text: 'S3', link: '/docs/s3' },
  { text: 'The S3 doctor', link: '/docs/s3-doctor' },
  { text: 'The catalog', link: '/docs/catalog' },
  { text: 'Signatures', link: '/docs/signing' },
  { text: 'Formats', link: '/docs/formats' },
  { text: 'Hardening', link: '/docs/hardening' },
  { text: 'The list of components', link: '/docs/sbom' },
  { text: 'Threat model', link: '/docs/threat-model' },
];
const reference = [
  { text: 'Command line', link: '/docs/reference/cli' },
  { text: 'Keys of definitions', link: '/docs/reference/template' },
  { text: 'Configuration', link: '/docs/configuration' },
  { text: 'Operating systems', link: '/docs/reference/operating-systems' },
  { text: 'Errors and exit codes', link: '/docs/reference/errors' },
  { text: 'When Packer fails', link: '/docs/packer-errors' },
  { text: 'What "ci lint" finds', link: '/docs/reference/ci-lint' },
  { text: 'Words', link: '/docs/glossary' },
];
const more = [
  { text: 'Benchmarks', link: '/docs/benchmarks' },
  { text: 'ASVS 5.0', link: '/docs/asvs' },
  { text: 'Decisions', link: '/docs/decisions/README' },
  { text: 'Adding to Gabarit', link: '/docs/adding' },
  { text: 'Contributing', link: '/CONTRIBUTING' },
  { text: 'Changes', link: '/CHANGELOG' },
];
const frenchGuides = [
  { text: 'Un premier modèle', link: '/fr/docs/first-template' },
  { text: 'Construire par la CI', link: '/fr/docs/ci' },
  { text: 'XCP-ng et XenServer', link: '/fr/docs/xcp-ng' },
  { text: 'Le serveur', link: '/fr/docs/server' },
];

export default defineConfig({
  title: 'Gabarit',
  description: 'Makes hardened, tested VM templates from a short definition',
  srcDir: '..',
  outDir: 'dist',
  cacheDir: '.cache',
  srcExclude: ['**/node_modules/**', 'docs-site/**', 'templates/**', 'test/**', 'web/**', 'out/**'],
  rewrites: pages,
  cleanUrls: true,
  // Browsers ask for one otherwise.
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  markdown: {
    // Headings have the names that GitHub gives them, so that links hold in both places.
    anchor: {
      slugify: (title: string) =>
        title
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
          .trim()
          .replaceAll(/\s/g, '-'),
    },
    // Some pages lie elsewhere than their file, and files of the sources are in the repository only: those links are plain text.
    config: (md) => {
      // Documents of GitHub Actions are full of curly brackets: none of them is for Vue.
      const textRule = md.renderer.rules.text;
      md.renderer.rules.text = (...given) => (textRule?.(...given) ?? '').replaceAll('{{', '&#123;&#123;');
      md.core.ruler.push('links', ({ env, tokens }: { env: { relativePath?: string }; tokens: Token[] }) => {
        for (const token of tokens.flatMap((block) => [block, ...(block.children ?? [])])) {
          if (token.type === 'code_inline') token.attrSet('v-pre', '');
          const target = token.attrGet('href');
          if (!target || /^([a-z]+:|[/#])/.test(target)) continue;
          const href = onSite(env.relativePath ?? '', target);
          if (href === undefined) token.attrs = [];
          else token.attrSet('href', href);
        }
      });
    },
  },
  buildEnd: async ({ outDir }) => {
    const folder = join(outDir, 'docs/reference');
    await mkdir(folder, { recursive: true });
    const schemas = readdirSync(join(root, 'docs/reference')).filter((name) => name.endsWith('.json'));
    for (const name of schemas) await cp(join(root, 'docs/reference', name), join(folder, name));
  },
  // The pages lie outside of this folder; the library is found in it.
  vite: {
    resolve: {
      alias: [
        { find: /^vue\/server-renderer$/, replacement: library('@vue/server-renderer/dist/server-renderer.esm-bundler.js') },
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
      themeConfig: {
        nav: [
          { text: 'Commencer', link: '/fr/docs/first-template' },
          { text: 'Référence (en anglais)', link: '/docs/reference/cli' },
        ],
        sidebar: [
          { text: 'Guides', items: frenchGuides },
          { text: 'Guides en anglais', items: guides.slice(1), collapsed: true },
          { text: 'Référence en anglais', items: reference, collapsed: true },
        ],
        outline: { level: [2, 3], label: 'Sur cette page' },
        docFooter: { prev: 'Page précédente', next: 'Page suivante' },
        darkModeSwitchLabel: 'Apparence',
        lightModeSwitchTitle: 'Passer au thème clair',
        darkModeSwitchTitle: 'Passer au thème sombre',
        sidebarMenuLabel: 'Menu',
        returnToTopLabel: 'Retour en haut',
        langMenuLabel: 'Changer de langue',
        skipToContentLabel: 'Aller au contenu',
        notFound: {
          title: 'PAGE INTROUVABLE',
          quote: 'Cette page n\u2019existe pas en français, ou n\u2019existe plus.',
          linkLabel: 'aller à l\u2019accueil',
          linkText: 'Accueil',
        },
      },
    },
  },
  themeConfig: {
    // Most pages are in one language only; those in both name each other.
    i18nRouting: false,
    search: {
      provider: 'local',
      options: {
        locales: {
          fr: {
            translations: {
              button: { buttonText: 'Rechercher', buttonAriaLabel: 'Rechercher' },
              modal: {
                displayDetails: 'Montrer le détail',
                resetButtonTitle: 'Effacer',
                backButtonTitle: 'Fermer',
                noResultsText: 'Rien trouvé pour',
                footer: { selectText: 'choisir', navigateText: 'parcourir', closeText: 'fermer' },
              },
            },
          },
        },
      },
    },
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
