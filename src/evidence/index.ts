export { takeInventory } from './inventory.ts';
export { readPackages } from './read-packages.ts';
export { sbomOf } from './sbom.ts';
