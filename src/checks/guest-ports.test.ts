import { expect, test } from 'vitest';
import { parseListener } from './guest-ports.ts';

test.each([
  [
    'udp UNCONN 0      0      10.0.2.15%eth0:68   0.0.0.0:* users:(("systemd-network",pid=413,fd=18))',
    { protocol: 'udp', address: '10.0.2.15', port: 68, program: 'systemd-network' },
  ],
  [
    'udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=294,fd=17))',
    { protocol: 'udp', address: '127.0.0.53', port: 53, program: 'systemd-resolve' },
  ],
  [
    'tcp LISTEN 0      128           [::]:22      [::]:* users:(("sshd",pid=525,fd=4))',
    { protocol: 'tcp', address: '::', port: 22, program: 'sshd' },
  ],
  [
    'udp UNCONN 0 0 [fe80::5054:ff:fe1b:b134]%ens3:546 [::]:* users:(("systemd-network",pid=4,fd=1))',
    { protocol: 'udp', address: 'fe80::5054:ff:fe1b:b134', port: 546, program: 'systemd-network' },
  ],
  ['tcp LISTEN 0 511 *:8080 *:*', { protocol: 'tcp', address: '*', port: 8080, program: 'an unknown program' }],
  ['', undefined],
])('%s', (line, listener) => {
  expect(parseListener(line)).toEqual(listener);
});
