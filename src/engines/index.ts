export { bootstrapEngine } from './bootstrap/index.ts';
export { cloudImageEngine } from './cloud-image/index.ts';
export { installerEngine } from './installer/index.ts';
export { removeTrees } from './bootstrap/layers.ts';
export { findMirrors } from './bootstrap/mirrors.ts';
export { exportFolder, packerEngine, packerExporter, writeFolder as writePackerFolder } from './packer/index.ts';
