/** Digits and letters that are not mistaken for one another (Crockford's base 32). */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const digits = 9;

/** A new run id: 45 random bits. It begins with r, which no group id (hexadecimal digits) does. */
export function newRunId(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(digits));
  return `r${Array.from(bytes, (byte) => alphabet[byte & 31]!).join('')}`;
}
