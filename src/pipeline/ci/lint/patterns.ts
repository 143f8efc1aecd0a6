/** What is dangerous in a script, whichever system runs it. */

export const pipeToShell = /\b(curl|wget)\b[^\n|]*\|\s*(sudo\s+)?(ba|da|z)?sh\b/;
export const envFile = /(^|[;&\s])(source|\.)\s+\S*\.env\b|--env-file\b/;
export const certificatesNotChecked = /\bcurl\b[^\n]*\s(-k|--insecure)\b|\bhttp\.sslVerify[ =]false\b/;
export const toStable = /gabarit\b[^\n]*(--channel[ =]stable\b|\bpromote\b[^\n]*\bstable\b)/;
export const publishing = /\bgabarit\b[^\n]*\s(publish|promote)\b/;

/** Variables that switch off the checking of certificates, by the values that do. */
export const certificateSwitches: Record<string, RegExp> = {
  NODE_TLS_REJECT_UNAUTHORIZED: /^0$/,
  GIT_SSL_NO_VERIFY: /./,
  PYTHONHTTPSVERIFY: /^0$/,
};

export const hypervisorCredential =
  /(XAPI|XCP|XEN|XO_|VSPHERE|VCENTER|ESXI|PROXMOX|PVE|LIBVIRT|HYPERV)\w*(PASSWORD|PASS|TOKEN|SECRET|KEY)|PKR_VAR_\w*password/i;

/** The digest that an image is named by. */
export const imageDigest = /@sha256:[0-9a-f]{64}$/;
export const commit = /^[0-9a-f]{40}$/;
