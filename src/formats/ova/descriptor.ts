import { firmwareOf, type VmDescription } from '../../model/vm-description.ts';
import { escapeXml } from '../shared/escape-xml.ts';
import { guestOs } from './guest-os.ts';

/** The OVF descriptor (DSP0243 1.1, envelope 1), as vSphere reads it: its own settings are marked as not required for others. */

/** The network that a new vSphere host has. */
const usualNetwork = 'VM Network';
const vmdkFormat = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized';

export interface OvfDisk {
  /** The name of its file in the package. */
  file: string;
  /** Bytes: of the file, of the virtual disk, and of those of it that hold data. */
  fileSize: number;
  capacity: number;
  populated: number;
}

/** One line of hardware; the fields are in the order of the alphabet, as the schema of CIM has them. */
type Item = Record<string, string | number | boolean>;

/** The whole document. The same description and disk give the same text. `hardware` is a version of vSphere's (`13`: from ESXi 6.5 on). */
export function ovfDescriptor(vm: VmDescription, disk: OvfDisk, hardware: string): string {
  const networks = vm.networks ?? [usualNetwork];
  const os = guestOs(vm, hardware);
  const text = (element: string, content: string | number | boolean): string =>
    `<${element}>${escapeXml(String(content))}</${element}>`;
  const items = hardwareItems(vm, networks).map(
    (item) =>
      `      <Item>\n${Object.entries(item)
        .map(([name, value]) => `        ${text(`rasd:${name}`, value)}`)
        .join('\n')}\n      </Item>`,
  );
  const cards = networks.map(
    (name) => `    <Network ovf:name="${escapeXml(name)}">\n      ${text('Description', `The ${name} network`)}\n    </Network>`,
  );
  const settings = vmwareSettings(vm).map(
    ([key, value]) => `      <vmw:Config ovf:required="false" vmw:key="${key}" vmw:value="${value}"/>`,
  );
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">',
    '  <References>',
    `    <File ovf:id="file1" ovf:href="${escapeXml(disk.file)}" ovf:size="${disk.fileSize}"/>`,
    '  </References>',
    '  <DiskSection>',
    '    <Info>Virtual disks</Info>',
    `    <Disk ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:capacity="${disk.capacity}" ovf:capacityAllocationUnits="byte" ovf:populatedSize="${disk.populated}" ovf:format="${vmdkFormat}"/>`,
    '  </DiskSection>',
    ...(cards.length > 0 ? ['  <NetworkSection>', '    <Info>Networks</Info>', ...cards, '  </NetworkSection>'] : []),
    `  <VirtualSystem ovf:id="${escapeXml(idOf(vm.name))}">`,
    '    <Info>A virtual machine</Info>',
    `    ${text('Name', vm.name)}`,
    '    <AnnotationSection>',
    '      <Info>Notes</Info>',
    `      ${text('Annotation', annotationOf(vm))}`,
    '    </AnnotationSection>',
    '    <ProductSection>',
    '      <Info>What it was made from</Info>',
    `      ${text('Product', vm.os.title === '' ? vm.name : `${vm.name}: ${vm.os.title}`)}`,
    ...(vm.version === '' ? [] : [`      ${text('Version', vm.version)}`]),
    '    </ProductSection>',
    `    <OperatingSystemSection ovf:id="${os.id}" vmw:osType="${os.vmware}">`,
    '      <Info>The operating system</Info>',
    ...(vm.os.title === '' ? [] : [`      ${text('Description', vm.os.title)}`]),
    '    </OperatingSystemSection>',
    '    <VirtualHardwareSection>',
    '      <Info>Hardware</Info>',
    '      <System>',
    '        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>',
    '        <vssd:InstanceID>0</vssd:InstanceID>',
    `        ${text('vssd:VirtualSystemIdentifier', vm.name)}`,
    `        <vssd:VirtualSystemType>vmx-${hardware}</vssd:VirtualSystemType>`,
    '      </System>',
    ...items,
    ...settings,
    '    </VirtualHardwareSection>',
    '  </VirtualSystem>',
    '</Envelope>',
  ];
  return `${lines.join('\n')}\n`;
}

/** An XML id: no spaces. */
function idOf(name: string): string {
  return name.replaceAll(/[^\w.-]+/g, '-').replace(/^[^A-Za-z_]/, 'vm-$&');
}

function annotationOf({ description, version, digest }: VmDescription): string {
  const made = [version === '' ? '' : `version ${version}`, digest].filter((part) => part !== '').join(', ');
  return [description, made === '' ? '' : `gabarit ${made}`].filter((part) => part !== '').join('\n');
}

function hardwareItems(vm: VmDescription, networks: readonly string[]): Item[] {
  const memory = vm.memory.recommendedMiB;
  return [
    {
      AllocationUnits: 'hertz * 10^6',
      Description: 'Number of virtual CPUs',
      ElementName: `${vm.cpus} virtual CPU(s)`,
      InstanceID: 1,
      ResourceType: 3,
      VirtualQuantity: vm.cpus,
    },
    {
      AllocationUnits: 'byte * 2^20',
      Description: 'Memory size',
      ElementName: `${memory} MB of memory`,
      InstanceID: 2,
      ResourceType: 4,
      VirtualQuantity: memory,
    },
    {
      Address: 0,
      Description: 'SCSI controller',
      ElementName: 'SCSI controller 0',
      InstanceID: 3,
      ResourceSubType: 'VirtualSCSI',
      ResourceType: 6,
    },
    {
      AddressOnParent: 0,
      ElementName: 'Hard disk 1',
      HostResource: 'ovf:/disk/vmdisk1',
      InstanceID: 4,
      Parent: 3,
      ResourceType: 17,
    },
    ...networks.map((name, index) => ({
      AddressOnParent: 7 + index,
      AutomaticAllocation: true,
      Connection: name,
      Description: `VmxNet3 ethernet adapter on "${name}"`,
      ElementName: `Network adapter ${index + 1}`,
      InstanceID: 5 + index,
      ResourceSubType: 'VmxNet3',
      ResourceType: 10,
    })),
  ];
}

function vmwareSettings(vm: VmDescription): [key: string, value: string][] {
  if (firmwareOf(vm) === 'bios') return [['firmware', 'bios']];
  return [
    ['firmware', 'efi'],
    ['bootOptions.efiSecureBootEnabled', String(vm.secureBoot)],
  ];
}
