export { takeInventory } from './inventory.ts';
