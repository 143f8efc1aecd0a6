/** Which image a page is about. */
export interface ImageName {
  template: string;
  version: string;
}

export function referenceTo({ template, version }: ImageName): string {
  return `${template}@${version}`;
}
