export { almalinux } from './almalinux.ts';
export { centosStream } from './centos-stream.ts';
export { debian } from './debian.ts';
export { opensuse } from './opensuse.ts';
export { rhel } from './rhel.ts';
export { rocky } from './rocky.ts';
export { ubuntu } from './ubuntu.ts';
