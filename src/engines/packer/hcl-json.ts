/** Values for HCL's JSON syntax, in which Packer reads expressions, and then Go templates, out of every string. */

/** A text that means itself, whatever it holds. */
export function literal(text: string): string {
  return (
    text
      .replaceAll(/[$%](?=\{)/g, '$&$&')
      // Each pair of braces becomes a template that yields it.
      .replaceAll('{{', '{{`{{`}}')
  );
}

/** A comment: HCL's JSON syntax ignores the key `//`. */
export function comment(text: string): Record<string, string> {
  return { '//': text };
}
