export { xcpNg } from './xcp-ng.ts';
