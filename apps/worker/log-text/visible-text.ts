// Visible text: shows the control characters of foreign text as `\x1b`, so that no answer of a server and no address can move
// the cursor, change the colour or reverse the writing direction of a terminal. Nothing is cut off.

// C0, DEL, C1, line and paragraph separators, and the bidirectional controls (Unicode Standard Annex #9, 2).
const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** The text with each control character as `\x1b` or `\u202e`. */
export function visibleText(text: string): string {
  return text.replace(hidden, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}
