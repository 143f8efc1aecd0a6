import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { causeOf, packerCauses } from './causes.ts';
import { causesPage } from './causes-page.ts';

/** Real words of Packer, its plugins and the platforms behind them: from their sources, and from what people reported. */
const said: Record<string, string[]> = {
  'console-race': ['Error establishing VNC session: error parsing ProtocolVersion.'],
  'console-limit': ['Received response: HTTP/1.1 503 Connection Limit Exceeded'],
  'vnc-handshake': ['Error handshaking with VNC: no suitable auth schemes found. server supported: []byte{0x1}'],
  'storage-full': [
    'Error creating VDI: API Error: SR_BACKEND_FAILURE_44 , There is insufficient space , ',
    'error creating vm: A general system error occurred: Error creating disk Error creating VVol Object. This may be due to insufficient available space on the datastore',
    "The operation failed due to Insufficient disk space on datastore 'local'.",
  ],
  'host-disk-full': ['Error uploading file: write /tmp/packer-upload813412272: no space left on device'],
  'no-hosts': ["Unable to start VM with UUID '1e6d17ed-2d17-f9a7-bf13-b75709e92422': API Error: [NO_HOSTS_AVAILABLE]"],
  quota: [
    'Error launching source instance: VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 32 allows',
    'Code="OperationNotAllowed" Message="Operation results in exceeding quota limits of Core. Maximum allowed: 20, Current in use: 20"',
    "Error creating instance: googleapi: Error 403: Quota 'CPUS' exceeded.  Limit: 24.0 in region europe-west1., quotaExceeded",
  ],
  'no-capacity': [
    'Error launching source instance: InsufficientInstanceCapacity: We currently do not have sufficient t3.small capacity',
    'Error creating instance: ZONE_RESOURCE_POOL_EXHAUSTED: The zone does not have enough resources available',
  ],
  authentication: [
    'API Error: SESSION_AUTHENTICATION_FAILED root Authentication failure',
    'ServerFaultCode: Cannot complete login due to an incorrect user name or password.',
    'error validating regions: AuthFailure: AWS was not able to validate the provided access credentials',
    '401 No ticket',
  ],
  'not-allowed': [
    'UnauthorizedOperation: You are not authorized to perform this operation.',
    'ServerFaultCode: Permission to perform this operation was denied.',
    '403 Permission check failed (/vms/100, VM.Allocate)',
  ],
  'name-taken': [
    'example already exists, you can use -force flag to destroy it: <nil>',
    'the managed image named debian already exists in the resource group images, use the -force option to automatically delete it.',
    "Error: AMI Name: 'debian-12' is used by an existing AMI: ami-0123",
  ],
  'proxmox-lock': ["Error converting VM to template: can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout"],
  'vm-running': ['Error starting VM: VM 108 already running'],
  checksum: ['Checksums did not match for /root/.cache/packer/x.iso.\nExpected: 00\nGot: 11\n*sha256.digest'],
  'medium-missing': [
    'error downloading ISO: [1 error occurred: * bad response code: 404]',
    'source path error: stat /isos/a.iso: no such file or directory',
  ],
  'plugin-missing': [
    'Error: Unknown source type xenserver-iso',
    'Failed to initialize build "xenserver-iso": error initializing builder \'xenserver-iso\': Unknown builder xenserver-iso',
    'The following plugins are required, but not installed:',
    'The builder virtualbox-iso is unknown by Packer, and is likely part of a plugin',
  ],
  'plugin-protocol': [
    'Incompatible API version with plugin. Plugin version: 4, Ours: 5',
    'unsupported remote protocol MAJOR version 6. The current MAJOR protocol version is 5.',
  ],
  'qemu-missing': ['Failed creating Qemu driver: exec: "qemu-system-x86_64": executable file not found in $PATH'],
  'iso-tool-missing': [
    'could not find a supported CD ISO creation command (the supported commands are: xorriso, mkisofs, hdiutil, oscdimg)',
  ],
  'no-kvm': [
    'Qemu stderr: Could not access KVM kernel module: Permission denied',
    'Qemu stderr: qemu-system-x86_64: failed to initialize kvm: No such file or directory',
  ],
  shrink: ['QemuImg error: qemu-img: Use the --shrink option to perform a shrink operation.'],
  'qemu-failed': ['Error launching VM: Qemu failed to start. Please run with PACKER_LOG=1 to get more info.'],
  port: [
    'Error finding port: context deadline exceeded',
    "qemu-system-x86_64: -netdev user,id=user.0,hostfwd=tcp::3213-:22: Could not set up host forwarding rule 'tcp::3213-:22'",
  ],
  'output-exists': ["Output directory 'output' already exists. It must not exist."],
  'ssh-authentication': [
    'ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain',
    'Error detecting local IP: ssh: handshake failed',
  ],
  'ssh-timeout': ['Timeout waiting for SSH.', 'Error waiting for IP: timeout waiting for IP address'],
  'ssh-lost': ['Script disconnected unexpectedly. If you expected your script to disconnect, i.e. from a restart'],
  script: ['Script exited with non-zero exit status: 3. Allowed exit codes are: [0]'],
  'shutdown-timeout': ['Timeout while waiting for machine to shut down.'],
  'variable-unset': ['Error: Unset variable "remote_password"', 'A used variable must be set or have a default value; see'],
  'template-invalid': ['Error: Extraneous JSON object property', 'No argument or block type is named "required_plugins".'],
  tls: ['Post "https://vcenter/sdk": x509: certificate signed by unknown authority'],
  unreachable: [
    'dial tcp 192.0.2.1:443: connect: no route to host; dial tcp 192.0.2.1:443: no route to host',
    'net/http: TLS handshake timeout',
  ],
};

test('there are at least 25, each with an id of its own and a proof', () => {
  const ids = packerCauses.map(({ id }) => id);
  expect(ids.length).toBeGreaterThanOrEqual(25);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { id, source } of packerCauses) expect(source.length, id).toBeGreaterThan(10);
  expect(Object.keys(said).toSorted()).toEqual(ids.toSorted());
});

describe.each(Object.entries(said))('%s', (id, lines) => {
  test.each(lines)('%s', (line) => {
    expect(causeOf(['Connected to SSH!', line, "Build 'qemu.image' errored after 3 seconds"])?.id).toBe(id);
  });
});

test('other words have no cause', () => {
  expect(
    causeOf(['Waiting for SSH to become available...', 'Provisioning with shell script: scripts/01-base.sh']),
  ).toBeUndefined();
});

test('what a person must change first is never tried again', () => {
  const hopeless = [
    'quota',
    'authentication',
    'not-allowed',
    'name-taken',
    'checksum',
    'plugin-missing',
    'script',
    'storage-full',
  ];
  expect(packerCauses.filter(({ id, retry }) => retry && hopeless.includes(id))).toEqual([]);
});

test('docs/packer-errors.md is this table (vitest -u writes it)', async () => {
  await expect(causesPage(packerCauses)).toMatchFileSnapshot(join(import.meta.dirname, '../../../docs/packer-errors.md'));
});
