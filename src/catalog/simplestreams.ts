import { channelsAt, type PublishedImage, type TemplateIndex } from '../model/catalog.ts';

/**
 * The catalog as a tree of simplestreams, format 1.0, as Incus and LXD read it. Names (aliases) belong to products there, and no image may be in two
 * products: so each image that has a name is a product of its own, and all others of a template are one without a name. An image of theirs is a
 * metadata archive and a disk; its fingerprint is the digest of both together.
 */

interface Item {
  ftype: string;
  path: string;
  size: number;
  sha256: string;
  [combined: `combined_${string}`]: string;
}

interface Product {
  aliases: string;
  arch: string;
  os: string;
  release: string;
  release_title: string;
  variant: string;
  requirements: Record<string, string>;
  support_eol?: string;
  versions: Record<string, { items: Record<string, Item> }>;
}

const updatedFormat = (indexes: readonly TemplateIndex[]): string =>
  new Date(Math.max(0, ...indexes.map(({ updated }) => Date.parse(updated)))).toUTCString().replace('GMT', '+0000');

export function streamsIndex(indexes: readonly TemplateIndex[]): unknown {
  const updated = updatedFormat(indexes);
  const products = Object.keys(productsOf(indexes)).toSorted();
  const images = { datatype: 'image-downloads', format: 'products:1.0', path: 'streams/v1/images.json', updated, products };
  return { format: 'index:1.0', updated, index: { images } };
}

export function streamsProducts(indexes: readonly TemplateIndex[]): unknown {
  const updated = updatedFormat(indexes);
  return { content_id: 'images', datatype: 'image-downloads', format: 'products:1.0', updated, products: productsOf(indexes) };
}

function productsOf(indexes: readonly TemplateIndex[]): Record<string, Product> {
  const products: Record<string, Product> = {};
  for (const index of indexes) {
    const { template } = index;
    const usable = index.images.filter((image) => !image.revoked && image.incus);
    for (const arch of new Set(usable.map((image) => image.arch))) {
      const images = usable.filter((image) => image.arch === arch);
      const namesOf = (image: PublishedImage): string[] => [
        ...(image === images[0] ? [template] : []),
        ...channelsAt(index, image).map((channel) => `${template}/${channel}`),
      ];
      const add = (name: string, aliases: string[], members: readonly PublishedImage[]): void => {
        const product = productOf(template, arch, aliases, members);
        if (product) products[`${template}:${name}:${arch}`] = product;
      };
      for (const image of images) if (namesOf(image).length > 0) add(image.version, namesOf(image), [image]);
      const others = images.filter((image) => namesOf(image).length === 0);
      add('others', [], others);
    }
  }
  return products;
}

function productOf(template: string, arch: string, aliases: string[], images: readonly PublishedImage[]): Product | undefined {
  const [newest] = images;
  if (!newest) return undefined;
  const codename = /\(([^)]+)\)$/.exec(newest.os)?.[1];
  return {
    aliases: aliases.join(','),
    arch,
    os: newest.os.split(' ')[0] ?? newest.os,
    release: codename ?? newest.os,
    // Shown after the system's name.
    release_title: newest.os.replace(/^\S+ (GNU\/Linux )?/, ''),
    variant: template,
    requirements: {},
    ...(newest.endOfLife ? { support_eol: newest.endOfLife.lts } : {}),
    versions: Object.fromEntries(
      images.flatMap((image) => {
        const items = itemsOf(image);
        return items ? [[image.version, { items }]] : [];
      }),
    ),
  };
}

function itemsOf({ incus, artifacts }: PublishedImage): Record<string, Item> | undefined {
  const disk = artifacts.find(({ format }) => format === 'qcow2');
  if (!incus || !disk) return undefined;
  const hex = (digest: string): string => digest.slice('sha256:'.length);
  const metadata = (ftype: string): Item => ({
    ftype,
    path: incus.key,
    size: incus.size,
    sha256: hex(incus.digest),
    'combined_disk-kvm-img_sha256': hex(incus.combined),
  });
  return {
    // The same file under both names: Incus looks for the first, LXD for the second.
    'incus.tar.xz': metadata('incus.tar.xz'),
    'lxd.tar.xz': metadata('lxd.tar.xz'),
    'disk.qcow2': { ftype: 'disk-kvm.img', path: disk.key, size: disk.size, sha256: hex(disk.digest) },
  };
}
