// Node runs TypeScript as it is, but not below node_modules, where npm puts us. There the launcher loads this first: it takes the types
// out of our own files, and of nobody else's. Plain JavaScript, because nothing takes the types out of this one.
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

const own = new URL('.', import.meta.url).href;

registerHooks({
  load(url, context, next) {
    const path = url.split('?')[0] ?? url;
    if (!path.startsWith(own) || !path.endsWith('.ts')) return next(url, context);
    const source = stripTypeScriptTypes(readFileSync(fileURLToPath(path), 'utf8'));
    return { format: 'module', source, shortCircuit: true };
  },
});
