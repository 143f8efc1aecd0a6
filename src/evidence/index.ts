export { takeInventory } from './inventory.ts';
export { readPackages } from './read-packages.ts';
export { sbomOf } from './sbom.ts';
export { spdxDocument } from './spdx.ts';
