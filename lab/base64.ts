/** Characters at once: an argument list has a limit. */
const piece = 8192;

/** Bytes as text, for records of plain JSON. */
export function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += piece) text += String.fromCharCode(...bytes.subarray(at, at + piece));
  return btoa(text);
}
