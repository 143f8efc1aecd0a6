export { file } from './file.ts';
export { http } from './http.ts';
export { memory } from './memory.ts';
export { s3 } from './s3.ts';
