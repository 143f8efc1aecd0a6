export { bootstrapEngine } from './bootstrap/index.ts';
export { removeTrees } from './bootstrap/layers.ts';
export { findMirrors } from './bootstrap/mirrors.ts';
