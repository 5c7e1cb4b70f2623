// SES limits: what Amazon SES refuses to send, so that Sesame does not try. SES Developer Guide, "Service quotas in Amazon SES"
// and "Amazon SES unsupported attachment types". The limits are those of SES API v2; the courier chooses the API by the size.

/** Octets of the largest mail that SES sends: 40 MB after encoding. */
export const sesMaxOctets: number = 40 * 1024 * 1024;

/**
 * Mailboxes in To and Cc together. SES accepts 50 recipients and counts these fields besides the one recipient of the envelope
 * (SES API Reference, "SendRawEmail").
 */
export const sesMaxAddressees: number = 49;

/**
 * Whether SES accepts a domain in an address field: a name with a dot, no literal, no underscore (SES API Reference,
 * "SendRawEmail").
 */
export function sesAcceptsDomain(domain: string): boolean {
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(domain);
}

const refusedExtensions: ReadonlySet<string> = new Set(
  (
    "ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse ksh lib lnk " +
    "mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml msh2xml msi msp mst " +
    "ops pcd pif plg prf prg ps1 ps1xml ps2 ps2xml psc1 psc2 reg scf scr sct shb shs sys tmp url vb vbe vbs vps vsmacros " +
    "vss vst vsw vxd ws wsc wsf wsh xnk"
  ).split(" "),
);

const maxExtension = ".vsmacros".length; // the longest of them, with its dot

/**
 * Whether SES refuses a mail because an attachment has this name. Dots and spaces at the end of the name do not hide its
 * extension. The time is linear in the length of the name: a regular expression that is anchored at the end was quadratic.
 */
export function sesRefusesFileName(name: string): boolean {
  let end = name.length;
  while (end > 0 && /[.\s\u0000]/.test(name.charAt(end - 1))) end--;
  const dot = name.lastIndexOf(".", end - 1);
  return end > 0 && dot >= 0 && end - dot <= maxExtension && refusedExtensions.has(name.slice(dot + 1, end).toLowerCase());
}
