export { debian } from './debian.ts';
