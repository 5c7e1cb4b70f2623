// SES limit: what Amazon SES will not send, known before it is asked. SES Developer Guide, "Service quotas in Amazon SES"
// and "Amazon SES unsupported attachment types". The limits of SES API v2; the courier chooses the API by the size.

/** Octets of the largest mail that SES sends: 40 MB, as they are sent. */
export const sesMaxOctets: number = 40 * 1024 * 1024;

/**
 * Mailboxes that To and Cc may name. SES counts them as recipients although the envelope names another one, and takes 50
 * (SES API Reference, "SendRawEmail").
 */
export const sesMaxAddressees: number = 49;

/** Whether SES reads a domain as one: names with a dot, no literal, no underscore (SES API Reference, "SendRawEmail"). */
export function sesAcceptsDomain(domain: string): boolean {
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(domain);
}

const refusedEndings: ReadonlySet<string> = new Set(
  (
    "ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse ksh lib lnk " +
    "mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml msh2xml msi msp mst " +
    "ops pcd pif plg prf prg ps1 ps1xml ps2 ps2xml psc1 psc2 reg scf scr sct shb shs sys tmp url vb vbe vbs vps vsmacros " +
    "vss vst vsw vxd ws wsc wsf wsh xnk"
  ).split(" "),
);

/** Whether SES refuses a mail because an attachment has this name. Dots and spaces at its end hide no ending. */
export function sesRefusesName(name: string): boolean {
  const ending = /\.([^.]*)$/.exec(name.replace(/[.\s\u0000]+$/, ""))?.[1];
  return ending !== undefined && refusedEndings.has(ending.toLowerCase());
}
