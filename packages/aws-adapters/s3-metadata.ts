// S3 metadata: fits the audit trail into what S3 takes beside an object. Printable ASCII only, since S3 gives the rest
// back in another encoding, and 2 KB in all names and values (S3 User Guide, "User-defined object metadata"). What was
// there before stays whole; the trail's longest value is shortened, and says by how much.

type Metadata = Readonly<Record<string, string>>;

/** Octets of all names and values. */
export const metadataLimit = 2048;
const shortest = 64; // a value that is no longer says what became of the mail, and stays

/** What was there, with the trail on top, in at most `limit` octets as far as shortening the trail can do that. */
export function fitMetadata(existing: Metadata, trail: Metadata, limit: number = metadataLimit): Metadata {
  const kept = asciiOf(existing);
  const own = { ...asciiOf(trail) };
  for (;;) {
    const merged = { ...kept, ...own };
    const surplus = sizeOf(merged) - limit;
    const [longest, value = ""] = Object.entries(own).reduce((a, b) => (b[1].length > a[1].length ? b : a), ["", ""]);
    const shorter = shortened(value, Math.max(value.length - surplus, shortest));
    if (surplus <= 0 || value.length <= shortest || shorter.length >= value.length) return merged;
    own[longest] = shorter;
  }
}

function sizeOf(metadata: Metadata): number {
  return Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

/** Names in lower case, as S3 stores them; values percent-encoded where they are not printable ASCII. */
function asciiOf(metadata: Metadata): Metadata {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), printable(value)]));
}

function printable(value: string): string {
  return value.replace(/[^ -~]+/gu, (run) => encodeURIComponent(run.replace(/[\ud800-\udfff]/gu, "\ufffd")));
}

/** A list loses items from its end and counts them; any other text is cut. */
function shortened(value: string, length: number): string {
  const [, list = value, counted = "0"] = /^(.*?),?\+(\d+) more$/.exec(value) ?? [];
  const items = list === "" ? [] : list.split(",");
  if (items.length < 2 && counted === "0") return value.slice(0, Math.max(length - 3, 0)).concat("...");
  const all = items.length + Number(counted);
  for (let kept = items.length - 1; kept >= 0; kept--) {
    const text = [...items.slice(0, kept), `+${all - kept} more`].join(",");
    if (text.length <= length) return text;
  }
  return `+${all} more`;
}
