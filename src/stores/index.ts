export { file } from './file.ts';
export { memory } from './memory.ts';
export { s3 } from './s3.ts';
